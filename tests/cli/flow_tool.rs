//! What other programs do for a capture in time: ffmpeg decodes its videos, `tools/flow` computes its optical flow.

use std::path::Path;
use std::process::{Command, Output};

use dapple::dataset::flow_io;
use serde_json::{Value, json};

use super::{Folder, repository};

/// Whether ffmpeg is there; `tools/setup` installs it.
fn ffmpeg() -> bool {
    let found = Command::new("ffmpeg").arg("-version").output().is_ok_and(|output| output.status.success());
    if !found {
        eprintln!("SKIPPED: videos are not decoded, ffmpeg is not installed (tools/setup installs it)");
    }
    found
}

/// The grey of a frame of a camera's video.
fn grey(camera: usize, frame: usize) -> u8 {
    (30 + 45 * frame + 20 * camera) as u8
}

/// Writes a lossless video of four plain grey frames of 48 × 32 pixels.
fn video(folder: &Folder, camera: usize, name: &str) {
    for frame in 0..4 {
        let picture = image::GrayImage::from_pixel(48, 32, image::Luma([grey(camera, frame)]));
        picture.save(folder.path(&format!("{camera}-{frame}.png"))).expect("saves");
    }
    let pattern = folder.path(&format!("{camera}-%d.png"));
    let mut command = Command::new("ffmpeg");
    command.args(["-loglevel", "error", "-i"]).arg(pattern).args(["-c:v", "ffv1"]).arg(folder.path(name));
    assert!(command.status().expect("starts").success(), "ffmpeg encodes");
}

#[test]
fn videos_become_frames_in_order() {
    if !ffmpeg() {
        return;
    }
    let folder = Folder::new();
    std::fs::create_dir(folder.path("clip")).expect("creates");
    let frame = |name: &str, x: f64| json!({"file_path": name, "transform_matrix": [[1, 0, 0, x], [0, 1, 0, 0], [0, 0, 1, 3], [0, 0, 0, 1]]});
    let frames = [frame("left.mkv", 0.0), frame("right.mkv", 1.0)];
    folder.file("clip/transforms.json", json!({"fl_x": 40, "w": 48, "h": 32, "frames": frames}).to_string());
    video(&folder, 0, "clip/left.mkv");
    video(&folder, 1, "clip/right.mkv");
    let list = || folder.dapple("capture-list clip").env("XDG_CACHE_HOME", folder.path("cache")).assert();
    let listed: Value = serde_json::from_slice(&list().success().get_output().stdout).expect("JSON");
    let frames = listed["frames"].as_array().expect("a list");
    assert_eq!(frames.len(), 8);
    for (i, frame) in frames.iter().enumerate() {
        let (camera, moment) = (i / 4, i % 4);
        let label = ["left", "right"][camera];
        assert_eq!(frame["name"], format!("{label}/{:06}.jpg", moment + 1));
        let time = frame["time"].as_f64().expect("a time");
        assert!((time - moment as f64 / 3.0).abs() < 1e-6, "{frame}");
        assert_eq!(frame["next"], if moment < 3 { json!(i + 1) } else { Value::Null });
        assert_eq!(frame["forward"], format!("{label}/{:06}.fwd", moment + 1));
        let picture = image::open(frame["image"].as_str().expect("a path")).expect("decodes").to_luma8();
        assert_eq!(picture.dimensions(), (48, 32));
        let off = picture.pixels().map(|pixel| pixel.0[0].abs_diff(grey(camera, moment))).max();
        assert!(off <= Some(3), "{label}, frame {moment}: off by {off:?}");
    }
    folder.file("clip/left.mkv", "not a video");
    let text = String::from_utf8(list().code(1).get_output().stderr.clone()).expect("text");
    let errors: Vec<&str> = text.lines().filter(|line| line.starts_with("error: ")).collect();
    assert!(errors.len() == 1 && errors[0].contains("left.mkv: ffmpeg could not decode it"), "{text}");
}

/// Runs `tools/flow`; `None` where OpenCV is neither installed nor can be.
fn flow(folder: &Folder, line: &str) -> Option<Output> {
    let mut command = Command::new("python3");
    command.current_dir(folder.path("")).arg(repository("tools/flow")).args(line.split_whitespace());
    let output = command.env("DAPPLE", assert_cmd::cargo::cargo_bin("dapple")).output();
    let said = output.as_ref().map_or_else(ToString::to_string, |o| String::from_utf8_lossy(&o.stderr).into_owned());
    if output.is_err() || said.contains("cannot install OpenCV") || said.contains("ensurepip") {
        eprintln!(
            "SKIPPED: tools/flow is not tested, it cannot install OpenCV (tools/setup installs python3-venv): {said}"
        );
        return None;
    }
    output.ok()
}

/// Mean end-point error over the pixels of a picture that move and are seen in the other, and the mean length there.
fn error_of(exact: &Path, found: &Path) -> (f64, f64) {
    let hidden = image::open(exact.with_extension("occ.png")).expect("a mask").to_luma8();
    let [exact, found] = [exact, found].map(|path| flow_io::read(path).expect("reads"));
    assert_eq!((exact.width, exact.height), (found.width, found.height));
    let (mut error, mut length, mut count) = (0.0, 0.0, 0.0);
    for (i, (want, got)) in exact.vectors.iter().zip(&found.vectors).enumerate() {
        let moves = want[0].hypot(want[1]) > 0.5;
        if moves && exact.known[i] && hidden.as_raw()[i] == 0 {
            error += f64::from((want[0] - got[0]).hypot(want[1] - got[1]));
            length += f64::from(want[0].hypot(want[1]));
            count += 1.0;
        }
    }
    assert!(count > 300.0, "{count} pixels move");
    (error / count, length / count)
}

/// Two cameras of twelve moments, objects moving by three pixels a frame: computed flow is within a quarter of that, and
/// the flow of the other direction is not.
#[test]
fn computed_flow_is_near_the_exact() {
    let folder = Folder::new();
    let text = std::fs::read_to_string(repository("scenes/dynamic_rigid.toml")).expect("reads");
    let text = text.replace("train = 7", "train = 1").replace("frames = 16", "frames = 12");
    folder.file("clip.toml", &text);
    folder.succeed("synth clip.toml clip");
    let Some(output) = flow(&folder, "clip --out computed") else { return };
    assert!(output.status.success(), "{output:?}");
    let mut sums = [0.0; 3];
    for (from, to, way, back) in [(0, 1, "fwd", "bwd"), (5, 4, "bwd", "fwd"), (9, 10, "fwd", "bwd")] {
        for camera in ["cam00", "cam01"] {
            let name = format!("{camera}/{from:04}.{way}.flo");
            let exact = folder.path("clip/flow").join(&name);
            let (error, length) = error_of(&exact, &folder.path("computed").join(&name));
            let wrong = folder.path("computed").join(format!("{camera}/{to:04}.{back}.flo"));
            let (opposite, _) = error_of(&exact, &wrong);
            sums = [sums[0] + error / 6.0, sums[1] + length / 6.0, sums[2] + opposite / 6.0];
        }
    }
    let [error, length, opposite] = sums;
    println!("off by {error:.3} px of {length:.2}, the flow back by {opposite:.2}");
    assert!(length > 2.5, "{length}");
    assert!(error < 0.25 * length, "off by {error} px of {length}");
    assert!(opposite > length, "the flow back is the opposite: {opposite}");
    // Flow over the moments that are held out, too.
    let name = "cam01/0001.over.fwd.flo";
    let (error, length) = error_of(&folder.path("clip/flow").join(name), &folder.path("computed").join(name));
    assert!(length > 5.0 && error < 0.35 * length, "over a held-out frame off by {error} px of {length}");
    // The exact flow is in place, and nothing is computed again.
    let output = flow(&folder, "clip").expect("as before");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && said.contains("25 of 25 pairs are there already"), "{said}");
    let (error, _) =
        error_of(&folder.path("clip/flow/cam00/0000.fwd.flo"), &folder.path("clip/flow/cam00/0000.fwd.flo"));
    assert_eq!(error, 0.0);
    let output = flow(&folder, "nowhere").expect("as before");
    assert_eq!(output.status.code(), Some(1), "{output:?}");
}
