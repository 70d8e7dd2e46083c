//! What is said of a capture before it is trained on, and runs on captures as people have them.

use super::{Folder, tiny};

const TRAIN: &str = "--steps 20 --cap-max 800";

/// Replaces the first points of a copy of the tiny capture.
fn with_points(folder: &Folder, name: &str, rows: &[String]) {
    let capture = folder.capture(name);
    let header: String = ["x", "y", "z"].iter().map(|axis| format!("property float {axis}\n")).collect();
    let colours: String = ["red", "green", "blue"].iter().map(|c| format!("property uchar {c}\n")).collect();
    let count = rows.len();
    let text = format!("ply\nformat ascii 1.0\nelement vertex {count}\n{header}{colours}end_header\n{}", rows.concat());
    std::fs::write(capture.join("points.ply"), text).expect("writes");
}

#[test]
fn a_capture_is_described_before_it_is_trained_on() {
    let folder = Folder::new();
    let line = "15 photos (12 to train on, 3 held out), 64 x 64, pinhole; first points from ";
    let transparent = "the photos are transparent: what they show is cut out of its background";
    let said = folder.succeed(&format!("train {} --out r {TRAIN}", tiny().display()));
    assert!(said.contains(&format!("note: {line}")) && said.contains(&format!("note: {transparent}")), "{said}");
    assert!(said.contains("note: the background is of a new random colour at each step, so that"), "{said}");
    let told = folder.dapple("info").arg(tiny()).assert().success().get_output().stdout.clone();
    let told = String::from_utf8(told).expect("text");
    assert!(told.contains(line) && told.contains(transparent), "{told}");
    let json = folder.dapple("info --json").arg(tiny()).assert().success().get_output().stdout.clone();
    let json: serde_json::Value = serde_json::from_slice(&json).expect("JSON");
    assert_eq!((json["train"].as_u64(), json["held_out"].as_u64()), (Some(12), Some(3)));
    assert_eq!((json["transparent"].as_bool(), json["warnings"].as_array().map(Vec::len)), (Some(true), Some(0)));
    std::fs::create_dir(folder.path("photos")).expect("creates");
    std::fs::write(folder.path("photos/a.jpg"), "x").expect("writes");
    assert!(folder.error("info photos", 1).contains("1 photos without poses"));
    // What a run has trained is a scene still.
    let scene = folder.dapple("info r").assert().success().get_output().stdout.clone();
    assert!(String::from_utf8_lossy(&scene).contains("Gaussians"));
}

#[test]
fn a_run_without_a_view_to_measure_ends_without_a_score() {
    let folder = Folder::new();
    let capture = folder.capture("c");
    let test = std::fs::read(capture.join("transforms_test.json")).expect("reads");
    let test: serde_json::Value = serde_json::from_slice(&test).expect("JSON");
    std::fs::create_dir_all(capture.join("masks")).expect("creates");
    for frame in test["frames"].as_array().expect("a list") {
        let name = frame["file_path"].as_str().and_then(|path| path.rsplit('/').next()).expect("a name");
        image::GrayImage::new(64, 64).save(capture.join("masks").join(name)).expect("writes");
    }
    let said = folder.succeed(&format!("train c --out r {TRAIN}"));
    assert!(said.contains("warning: no held-out view can be compared; the run has no score"), "{said}");
    assert!(folder.path("r/scene.ply").is_file() && folder.path("r/report.html").is_file());
    assert!(folder.text("r/metrics.jsonl").lines().all(|line| !line.contains("psnr")));
    assert!(folder.error_at_end("eval r --capture c", 1).contains("no image could be evaluated"));
}

#[test]
fn a_run_is_not_continued_with_another_capture() {
    let folder = Folder::new();
    folder.capture("c");
    let other = folder.capture("other");
    let path = other.join("transforms_train.json");
    let mut json: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).expect("reads")).expect("JSON");
    for frame in json["frames"].as_array_mut().expect("a list") {
        let x = frame["transform_matrix"][0][3].as_f64().expect("a number");
        frame["transform_matrix"][0][3] = (x + 0.5).into();
    }
    std::fs::write(path, json.to_string()).expect("writes");
    folder.succeed(&format!("train c --out r {TRAIN}"));
    let error = folder.error("train other --out r --resume", 1);
    assert!(
        error.contains("this is not the capture that the run was trained on: of its 15 photos, 3 are here"),
        "{error}"
    );
    std::fs::rename(folder.path("c"), folder.path("moved")).expect("moves");
    folder.succeed("train moved --out r --resume");
}

#[test]
fn first_points_that_help_nobody_are_replaced_and_too_many_thinned() {
    let folder = Folder::new();
    let grid = |count: usize, colour: &str| -> Vec<String> {
        let at = |i: usize| 0.1 * (i as f32) - 0.3;
        (0..count).map(|i| format!("{} {} {} {colour}\n", at(i % 7), at(i / 7 % 7), at(i / 49) + 0.3)).collect()
    };
    with_points(&folder, "one", &grid(1, "200 100 50"));
    let said = folder.succeed(&format!("train one --out r1 {TRAIN}"));
    assert!(said.contains("only 1 of 1 first points are in view of a camera; training starts at random"), "{said}");
    assert!(said.contains("since first Gaussians lie anywhere"), "{said}");
    let mut far = grid(100, "200 100 50");
    far.push("1e30 0 0 1 2 3\n".into());
    with_points(&folder, "far", &far);
    let said = folder.succeed(&format!("train far --out r2 {TRAIN}"));
    assert!(said.contains("1 of 101 first points are beyond 1e6 times the cameras' reach; left out"), "{said}");
    with_points(&folder, "black", &grid(100, "0 0 0"));
    let said = folder.succeed("train black --out r3 --steps 20 --cap-max 60");
    assert!(said.contains("100 first points are more than --cap-max leaves room for; 60 of them are taken"), "{said}");
    assert!(said.contains("have no colours of their own; they take them from the photos"), "{said}");
    std::fs::write(folder.capture("none").join("points.ply"), "").expect("writes");
    let said = folder.succeed(&format!("train none --out r4 {TRAIN}"));
    assert!(said.contains("not a PLY") && said.contains("since first Gaussians lie anywhere"), "{said}");
    assert_eq!(said.matches("training starts at random").count(), 1, "said once: {said}");
}
