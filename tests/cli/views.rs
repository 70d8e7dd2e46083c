//! `eval` and `render` on what training left.

use super::{Folder, tiny};

/// The mean PSNR in the JSON of an evaluation.
pub fn psnr_of_json(text: &str) -> f64 {
    let json: serde_json::Value = serde_json::from_str(text).expect("JSON");
    json["mean"]["psnr"].as_f64().expect("a number")
}

/// The held-out PSNR of the last line of `metrics.jsonl`.
pub fn last_psnr(metrics: &str) -> f64 {
    let json: serde_json::Value = serde_json::from_str(metrics.lines().last().expect("a line")).expect("JSON");
    json["test"]["psnr"].as_f64().expect("a number")
}

/// Evaluation of the run folder and of its scene agree with the run's own last evaluation, and pictures are named after
/// the capture's images.
#[test]
fn evaluation_and_renders_agree_with_training() {
    let folder = Folder::new();
    let capture = tiny().display();
    let runs = [("plain", "--background white"), ("smooth", "--antialiased --sh-degree 1"), ("flat", "--sh-degree 0")];
    for (run, flags) in runs {
        folder.succeed(&format!("train {capture} --out {run} --steps 60 --cap-max 800 --max-resolution 48 {flags}"));
        let expected = last_psnr(&folder.text(&format!("{run}/metrics.jsonl")));
        for scene in [run.to_string(), format!("{run}/scene.ply")] {
            folder.dapple(&format!("eval {scene} --capture {capture} --json e.json")).assert().success();
            let found = psnr_of_json(&folder.text("e.json"));
            assert!((found - expected).abs() < 0.01, "{scene}: {found} dB, {expected} dB in training");
        }
        // A scene by itself knows nothing of the run, but whether it is anti-aliased.
        std::fs::copy(folder.path(&format!("{run}/scene.ply")), folder.path("alone.ply")).expect("copies");
        let background = if run == "plain" { "--background white" } else { "" };
        let line = format!("eval alone.ply --capture {capture} --max-resolution 48 {background} --json e.json");
        folder.dapple(&line).assert().success();
        let found = psnr_of_json(&folder.text("e.json"));
        assert!((found - expected).abs() < 0.01, "{run} alone: {found} dB, {expected} dB in training");
    }
    let json: serde_json::Value = serde_json::from_str(&folder.text("e.json")).expect("JSON");
    assert_eq!(json["views"].as_array().expect("a list").len(), 3);
    assert!(json["gaussians"].as_u64().is_some_and(|n| n > 500) && json["adapter"].is_string());
    let view = &json["views"][0];
    assert!(view["name"].is_string() && view["psnr"].is_f64() && view["ssim"].is_f64());

    for channel in ["color", "depth", "alpha", "normal"] {
        folder
            .dapple(&format!("render plain --capture {capture} --out {channel} --channel {channel}"))
            .assert()
            .success();
        for image in std::fs::read_dir(tiny().join("images")).expect("reads") {
            let name = image.expect("reads").file_name();
            let render = image::open(folder.path(channel).join(&name)).expect("a picture named after its image");
            assert_eq!((render.width(), render.height()), (64, 64));
        }
    }
    let matrix = "[[1,0,0,0],[0,0,-1,-3],[0,1,0,0.3],[0,0,0,1]]";
    folder.file(
        "p.json",
        format!("{{\"fov_x\": 50, \"cameras\": [{{\"name\": \"a\", \"transform_matrix\": {matrix}}}]}}"),
    );
    folder.dapple("render plain/scene.ply --path p.json --size 40x30 --out path").assert().success();
    let render = image::open(folder.path("path/a.png")).expect("a picture").to_rgb8();
    assert_eq!(render.dimensions(), (40, 30));
    assert!(render.pixels().any(|pixel| pixel.0 != [255; 3]), "the scene is in front of the camera");
    folder.dapple("render plain --orbit 3 --size 32x24 --out orbit").assert().success();
    assert_eq!(std::fs::read_dir(folder.path("orbit")).expect("reads").count(), 3);
}

/// Images that another program rendered are scored as a scene's own: by name, by order, and beside the photo as gsplat
/// writes them; what does not fit is refused.
#[test]
fn renders_of_other_programs_are_scored() {
    let folder = Folder::new();
    let capture = tiny().display();
    folder.succeed(&format!("train {capture} --out run --steps 60 --cap-max 800 --max-resolution 48"));
    let expected = last_psnr(&folder.text("run/metrics.jsonl"));
    let mut renders: Vec<_> =
        std::fs::read_dir(folder.path("run/renders")).unwrap().map(|entry| entry.unwrap().path()).collect();
    renders.sort();
    assert_eq!(renders.len(), 3);
    for kind in ["named", "numbered", "beside"] {
        std::fs::create_dir(folder.path(kind)).unwrap();
        for (index, render) in renders.iter().enumerate() {
            let name = if kind == "named" {
                render.file_stem().unwrap().to_str().unwrap().into()
            } else {
                format!("{index:05}")
            };
            let image = image::open(render).unwrap().to_rgb8();
            let left = if kind == "beside" { image.width() } else { 0 };
            let mut canvas = image::RgbImage::new(left + image.width(), image.height());
            image::imageops::replace(&mut canvas, &image, left.into(), 0);
            canvas.save(folder.path(kind).join(format!("{name}.png"))).unwrap();
        }
        let said = folder.succeed(&format!("eval {kind} --capture {capture} --max-resolution 48 --json e.json"));
        assert_eq!(said.contains("they are taken in order"), kind != "named", "{said}");
        let found = psnr_of_json(&folder.text("e.json"));
        assert!((found - expected).abs() < 0.05, "{kind}: {found} dB, {expected} dB in training");
    }
    let json: serde_json::Value = serde_json::from_str(&folder.text("e.json")).unwrap();
    let ssim = |rule: &str| json["mean"]["other_ssim"][rule].as_f64().unwrap();
    assert!(ssim("valid") > 0.1 && ssim("zero_padded") > ssim("valid"), "black borders agree with black borders");

    let said = folder.error(&format!("eval named --capture {capture}"), 1);
    assert!(said.contains("--max-resolution 48 compares"), "{said}");
    std::fs::remove_file(folder.path("numbered/00001.png")).unwrap();
    let said = folder.error(&format!("eval numbered --capture {capture} --max-resolution 48"), 1);
    assert!(said.contains("2 images for 3 views"), "{said}");
}

/// Also where there is no display.
#[test]
fn a_missing_file_is_named_before_a_window_opens() {
    let folder = Folder::new();
    let failed = folder.dapple("view missing.ply").assert().code(1);
    let said = String::from_utf8_lossy(&failed.get_output().stderr).into_owned();
    assert!(said.contains("missing.ply: there is no such file or folder"), "{said}");
}
