//! Captures and initial points that are broken: one line each, or a warning and a run on the rest.

use std::path::Path;

use super::{Folder, tiny};

const TRAIN: &str = "--out r --steps 12 --cap-max 800";

/// Reads a capture's training JSON, edits it, and writes it back.
fn edit_frames(capture: &Path, edit: impl Fn(&str) -> String) {
    let path = capture.join("transforms_train.json");
    let text = std::fs::read_to_string(&path).expect("reads");
    let edited = edit(&text);
    assert_ne!(text, edited, "the edit must change something");
    std::fs::write(path, edited).expect("writes");
}

/// The capture by its COLMAP model alone.
fn colmap(folder: &Folder, name: &str) {
    let capture = folder.capture(name);
    for json in ["transforms_train.json", "transforms_test.json"] {
        std::fs::remove_file(capture.join(json)).expect("removes");
    }
}

fn truncate(path: &Path, keep: impl Fn(usize) -> usize) {
    let bytes = std::fs::read(path).expect("reads");
    std::fs::write(path, &bytes[..keep(bytes.len())]).expect("writes");
}

#[test]
fn a_model_that_is_cut_short_is_named() {
    let folder = Folder::new();
    colmap(&folder, "c");
    truncate(&folder.path("c/sparse/0/images.bin"), |length| length - 10);
    let error = folder.error(&format!("train c {TRAIN}"), 1);
    assert!(error.contains("images.bin") && error.contains("image"), "{error}");
    assert!(!folder.path("r").exists());
}

#[test]
fn poses_that_are_not_numbers_are_named() {
    let folder = Folder::new();
    let capture = folder.capture("c");
    edit_frames(&capture, |text| text.replacen("0.9912060095009754", "NaN", 1));
    let line = "transforms_train.json: 1 of 15 images have a pose that is no number: images/0000.png";
    let error = folder.error(&format!("train c {TRAIN} --strict"), 1);
    assert!(error.contains(line), "{error}");
    assert!(!folder.path("r").exists());
    assert!(folder.succeed(&format!("train c {TRAIN}")).contains(&format!("{line}; left out")));
}

#[test]
fn images_of_another_size_are_left_out_or_refused() {
    let folder = Folder::new();
    let capture = folder.capture("c");
    image::RgbImage::new(64, 32).save(capture.join("images/0003.png")).expect("writes");
    let error = folder.error(&format!("train c {TRAIN} --strict"), 1);
    assert!(error.contains("images/0003.png (the image is 64 x 32, the camera 64 x 64)"), "{error}");
    assert!(!folder.path("r").exists());
    let said = folder.succeed(&format!("train c {TRAIN}"));
    assert!(said.contains("warning: ") && said.contains("0003.png") && said.contains("left out"), "{said}");
}

#[test]
fn images_that_are_all_missing_are_an_error() {
    let folder = Folder::new();
    let capture = folder.capture("c");
    std::fs::remove_dir_all(capture.join("images")).expect("removes");
    let error = folder.error(&format!("train c {TRAIN}"), 1);
    assert!(error.contains("15 of 15 images") && error.contains("no image is left to train on"), "{error}");
    assert!(!folder.path("r").exists());
}

/// A picture with a sound header and half of its data is found before the first step, and the run is that of a capture
/// which never had it.
#[test]
fn images_that_break_while_decoding_are_left_out_or_refused() {
    let folder = Folder::new();
    let capture = folder.capture("c");
    for image in ["images/0003.png", "images/0004.png"] {
        truncate(&capture.join(image), |length| length / 2);
    }
    let error = folder.error(&format!("train c {TRAIN} --strict"), 1);
    assert!(error.contains("2 of 15 images cannot be decoded") && error.contains("0003.png"), "{error}");
    assert!(!folder.path("r").exists());
    let said = folder.succeed(&format!("train c {TRAIN}"));
    assert!(said.contains("0003.png: cannot decode the image") && said.contains("left out"), "{said}");
    assert_eq!(said.lines().filter(|line| line.starts_with("warning: ")).count(), 1, "{said}");

    let without = folder.capture("without");
    edit_frames(&without, |text| {
        let mut json: serde_json::Value = serde_json::from_str(text).expect("JSON");
        let frames = json["frames"].as_array_mut().expect("a list");
        frames.retain(|frame| !["images/0003.png", "images/0004.png"].map(Some).contains(&frame["file_path"].as_str()));
        json.to_string()
    });
    folder.succeed(&format!("train without --out again {}", &TRAIN["--out r".len()..]));
    assert!(folder.bytes("r/scene.ply") == folder.bytes("again/scene.ply"));

    for entry in std::fs::read_dir(capture.join("images")).expect("reads") {
        truncate(&entry.expect("reads").path(), |length| length / 2);
    }
    let error = folder.error("train c --out other --steps 12 --cap-max 800", 1);
    assert!(error.contains("15 of 15 images cannot be decoded") && error.contains("no image is left"), "{error}");
    assert!(!folder.path("other").exists());
}

/// Masks hide what they paint black, or with `--invert-masks` white, from training and from evaluation.
#[test]
fn masks_act_as_the_options_say() {
    let folder = Folder::new();
    let capture = folder.capture("c");
    std::fs::create_dir(capture.join("masks")).expect("creates");
    for entry in std::fs::read_dir(capture.join("images")).expect("reads") {
        let mask = image::GrayImage::from_fn(64, 64, |x, _| image::Luma([if x < 24 { 0 } else { 255 }]));
        mask.save(capture.join("masks").join(entry.expect("reads").file_name())).expect("writes");
    }
    let scene = |capture: &str, out: &str, flags: &str| {
        folder.succeed(&format!("train {capture} --out {out} --steps 12 --cap-max 800 --alpha-mode composite {flags}"));
        (folder.bytes(&format!("{out}/scene.ply")), folder.text(&format!("{out}/metrics.jsonl")))
    };
    let used = scene("c", "used", "");
    let inverted = scene("c", "inverted", "--invert-masks");
    let unused = scene("c", "unused", "--masks=false");
    let bare = scene(tiny().to_str().expect("text"), "bare", "");
    assert!(unused.0 == bare.0, "unused masks change nothing");
    assert!(used.0 != bare.0 && inverted.0 != bare.0 && used.0 != inverted.0);
    for (run, expected) in [("used", &used.1), ("inverted", &inverted.1), ("unused", &unused.1)] {
        let evaluated = folder.dapple(&format!("eval {run} --capture c --json {run}.json")).assert().success();
        assert!(!evaluated.get_output().stdout.is_empty());
        let psnr = super::views::psnr_of_json(&folder.text(&format!("{run}.json")));
        let last = super::views::last_psnr(expected);
        assert!((psnr - last).abs() < 0.01, "{run}: {psnr} is not {last}: eval uses masks as the run did");
    }
}

#[test]
fn initial_points_that_cannot_be_used_are_named() {
    let folder = Folder::new();
    let capture = tiny().display();
    let train = |init: &str| format!("train {capture} {TRAIN} --init {init}");

    let header = |names: &str| {
        let properties: String = names.split(' ').map(|name| format!("property float {name}\n")).collect();
        format!("ply\nformat ascii 1.0\nelement vertex 1\n{properties}end_header\n")
    };
    folder.file("flat.ply", format!("{}1 2\n", header("x y")));
    let error = folder.error(&train("flat.ply"), 1);
    assert!(error.contains("flat.ply: the vertices lack the properties z"), "{error}");
    folder.file("half.ply", format!("{}1 2 3 4\n", header("x y z opacity")));
    let error = folder.error(&train("half.ply"), 1);
    assert!(error.contains("half.ply: the vertices lack the properties") && error.contains("rot_3"), "{error}");
    folder.file("nan.ply", format!("{}1 nan 3\n", header("x y z")));
    let error = folder.error(&train("nan.ply"), 1);
    assert!(error.contains("nan.ply: point 0") && error.contains("not finite"), "{error}");
    assert!(folder.error(&train("none.ply"), 1).contains("none.ply"));
    assert!(!folder.path("r").exists());
}

#[test]
fn pictures_too_small_for_the_loss_are_named() {
    let folder = Folder::new();
    let error = folder.error(&format!("train {} {TRAIN} --max-resolution 10", tiny().display()), 1);
    assert!(error.contains("10 x 10 pixels are too few") && error.contains("--max-resolution"), "{error}");
    assert!(!folder.path("r").exists());
}

#[test]
fn a_run_starts_from_a_scene_of_any_format() {
    let folder = Folder::new();
    folder.scene("s.ply");
    folder.succeed("export s.ply s.spz");
    folder.succeed(&format!("train {} {TRAIN} --init s.spz", tiny().display()));
    // Its cameras say which way is up.
    let up = dapple::format::read_scene(&folder.path("r")).expect("reads").up.expect("an up");
    assert!(up.distance(glam::Vec3::Z) < 1e-3, "{up}");
    folder.succeed("export r upright.glb");
    let upright = folder.succeed("export r again.usda");
    assert!(upright.contains("the scene is turned upright; its up was"), "{upright}");
}

/// The device leaves such updates out, and the run says so once.
#[test]
fn updates_that_are_not_finite_are_reported_once() {
    let folder = Folder::new();
    let capture = tiny().display();
    let said = folder.succeed(&format!("train {capture} --out r --steps 60 --cap-max 800 --lr-scale 1000"));
    let warnings: Vec<&str> = said.lines().filter(|line| line.starts_with("warning: ")).collect();
    assert!(warnings.len() == 1 && warnings[0].contains("not finite and left out"), "{said}");
    let error = folder.error(&format!("train {capture} --out s --init random --init-points 9 --init-extent 1e300"), 1);
    assert!(error.contains("the first Gaussians") && error.contains("not finite"), "{error}");
    assert!(!folder.path("s").exists());
}
