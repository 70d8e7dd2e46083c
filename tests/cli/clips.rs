//! Captures in time: what is wrong with one is named, and what a run of one leaves.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use dapple::dataset::flow_io::{self, FlowField};
use serde_json::Value;

use super::{Folder, copy, repository};

/// A training of a copy of the clip, as short as can be.
const SHORT: &str = "--steps 2 --cap-max 600";

/// A clip of the tiny scene with a box that turns and moves: four cameras of five moments, 64 × 64 pixels, of which the
/// last camera and every fourth moment are held out; with exact flow. Made once.
fn tiny_clip() -> &'static Path {
    static CLIP: OnceLock<PathBuf> = OnceLock::new();
    CLIP.get_or_init(|| {
        let folder = Folder::new();
        let text = std::fs::read_to_string(repository("scenes/tiny.toml")).expect("reads");
        let text = text.replace("train = 12", "train = 3").replace("test = 3", "test = 1");
        let motion = "motion = { path = [[0, 0, 0], [0.2, -0.3, 0]], spin = [0, 0, 40] }";
        let clip = "[clip]\nframes = 5\nhold_out_every = 4\n";
        folder.file("clip.toml", format!("{text}{motion}\n\n{clip}"));
        let made = Path::new(env!("CARGO_TARGET_TMPDIR")).join("tiny-clip");
        let _ = std::fs::remove_dir_all(&made);
        folder.succeed(&format!("synth clip.toml {}", made.display()));
        made
    })
}

/// A copy of the clip, to break.
fn clip(folder: &Folder) -> PathBuf {
    let path = folder.path("clip");
    copy(tiny_clip(), &path);
    path
}

/// Rewrites the frames of the training cameras.
fn edit(clip: &Path, change: impl Fn(&mut Vec<Value>)) {
    let path = clip.join("transforms_train.json");
    let mut json: Value = serde_json::from_slice(&std::fs::read(&path).expect("reads")).expect("JSON");
    change(json["frames"].as_array_mut().expect("a list"));
    std::fs::write(&path, json.to_string()).expect("writes");
}

/// The file names of a frame, as the clip's JSON has them.
fn file(frame: &Value) -> &str {
    frame["file_path"].as_str().expect("text")
}

#[test]
fn times_out_of_order_are_taken_in_the_order_of_time() {
    let folder = Folder::new();
    edit(&clip(&folder), |frames| {
        let camera = file(&frames[0]).rsplit_once('/').expect("a folder").0.to_string();
        let own: Vec<usize> = (0..frames.len()).filter(|&i| file(&frames[i]).starts_with(&camera)).collect();
        let (first, last) = (own[0], own[own.len() - 1]);
        let time = frames[first]["time"].take();
        frames[first]["time"] = frames[last]["time"].take();
        frames[last]["time"] = time;
    });
    let said = folder.succeed("frames clip");
    assert!(said.contains("times do not ascend with the names"), "{said}");
    assert!(said.contains("frames are taken in the order of their times"), "{said}");
}

#[test]
fn times_that_are_no_numbers_are_named() {
    let folder = Folder::new();
    let path = clip(&folder);
    edit(&path, |frames| frames[2]["time"] = "noon".into());
    let error = folder.error("train clip --out run", 1);
    assert!(error.contains("transforms_train.json") && error.contains("noon"), "{error}");
    edit(&path, |frames| {
        frames[2].as_object_mut().expect("an object").remove("time");
    });
    let error = folder.error("train clip --out run", 1);
    assert!(error.contains("has no time, but other frames have"), "{error}");
    assert!(!folder.path("run").exists(), "nothing is left");
}

#[test]
fn cameras_of_different_lengths_are_said_and_trained() {
    let folder = Folder::new();
    edit(&clip(&folder), |frames| {
        let last = frames.iter().map(|frame| file(frame).to_string()).max().expect("frames");
        frames.retain(|frame| file(frame) != last);
    });
    let said = folder.succeed(&format!("train clip --out run --flow off {SHORT}"));
    assert!(said.contains("cameras have different numbers of frames"), "{said}");
    assert!(said.contains("every frame keeps its own time"), "{said}");
}

/// Some flow file of a training frame.
fn some_flow(clip: &Path) -> PathBuf {
    let name = "flow/cam01/0001.fwd.flo";
    assert!(clip.join(name).is_file(), "{name} is there");
    clip.join(name)
}

#[test]
fn flow_of_the_wrong_size_is_named_and_left_out_or_refused() {
    let folder = Folder::new();
    let path = some_flow(&clip(&folder));
    let small = FlowField { width: 9, height: 5, vectors: vec![[0.0; 2]; 45], known: vec![true; 45] };
    flow_io::write(&path, &small).expect("writes");
    let said = folder.succeed(&format!("train clip --out run {SHORT}"));
    assert!(said.contains("0001.fwd.flo (it is 9 x 5, its image 64 x 64)"), "{said}");
    assert!(said.contains("their frames are trained without flow"), "{said}");
    let error = folder.error("train clip --out strict --strict", 1);
    assert!(error.contains("0001.fwd.flo (it is 9 x 5, its image 64 x 64)"), "{error}");
    std::fs::write(&path, b"PIEH").expect("writes");
    let said = folder.succeed(&format!("train clip --out cut {SHORT}"));
    assert!(said.contains("1 of") && said.contains("0001.fwd.flo"), "{said}");
}

#[test]
fn missing_flow_is_counted_and_trained_without() {
    let folder = Folder::new();
    let path = clip(&folder);
    std::fs::remove_file(some_flow(&path)).expect("removes");
    let said = folder.succeed(&format!("train clip --out some {SHORT}"));
    assert!(said.contains("flow files are missing: images/cam01/0001.png (fwd)"), "{said}");
    std::fs::remove_dir_all(path.join("flow")).expect("removes");
    let error = folder.error("train clip --out none --flow clip/flow", 1);
    assert!(error.contains("there is no such folder of optical flow"), "{error}");
    std::fs::create_dir(path.join("flow")).expect("creates");
    let error = folder.error("train clip --out none --flow clip/flow", 1);
    assert!(error.contains("no optical flow of this capture is here; expected for instance"), "{error}");
    folder.succeed(&format!("train clip --out none {SHORT}"));
}

#[test]
fn parts_that_a_capture_does_not_hold_out_are_named() {
    let folder = Folder::new();
    let scene = folder.scene("one.ply");
    let error = folder.error(&format!("eval {} --capture clip --split test-times", scene.display()), 1);
    assert!(error.contains("there is no such file"), "{error}");
    edit(&clip(&folder), |_| ());
    std::fs::remove_file(folder.path("clip/transforms_test.json")).expect("removes");
    let error = folder.error("eval one.ply --capture clip --test-every 4 --split test-cameras", 1);
    assert!(error.contains("no camera is held out as a whole"), "{error}");
}

/// The report shows what evaluation measures: both parts, flow beside the capture's, and strips of frames.
#[test]
fn the_report_of_a_clip_shows_it_in_time() {
    let folder = Folder::new();
    let capture = tiny_clip().display();
    folder.succeed(&format!("train {capture} --out run --steps 60 --cap-max 800 --flow off"));
    folder.succeed(&format!("eval run --capture {capture} --json e.json"));
    let json: Value = serde_json::from_str(&folder.text("e.json")).expect("JSON");
    let report = folder.text("run/report.html");
    for split in ["test-cameras", "test-times"] {
        let scores = &json["splits"][split];
        let [psnr, ssim] = ["psnr", "ssim"].map(|name| scores[name].as_f64().expect("a number"));
        assert!(report.contains(&format!("<td>{psnr:.2}</td><td>{ssim:.4}</td>")), "{split}: {scores}");
        let [epe, flicker] = [&scores["flow"]["epe"], &scores["flicker"]].map(|v| v.as_f64().expect("a number"));
        assert!(report.contains(&format!("<td>{epe:.3} <small>")), "{split}: {epe}");
        assert!(report.contains(&format!("<td>{:.3}</td></tr>", 100.0 * flicker)), "{split}: {flicker}");
        assert!(epe > 0.0 && flicker > 0.0 && flicker < 1.0, "{scores}");
    }
    assert_eq!(json["splits"]["test-cameras"]["views"], 5);
    assert_eq!(json["splits"]["test-times"]["views"], 3);
    for part in ["In time", "A camera that training never saw, over time", "A path through space and time"] {
        assert!(report.contains(part), "{part}");
    }
    let count = |what: &str| report.matches(&format!("alt=\"{what}\"")).count();
    assert_eq!([count("rendered flow"), count("given flow"), count("end-point error")], [3; 3]);
    assert!(count("colour wheel") == 1 && count("render") >= 5 + 8, "{} renders", count("render"));
    // Without flow in the capture there is nothing to compare with.
    let bare = clip(&folder);
    std::fs::remove_dir_all(bare.join("flow")).expect("removes");
    folder.succeed(&format!("train clip --out bare {SHORT}"));
    let report = folder.text("bare/report.html");
    assert!(report.contains("no flow to compare with") && !report.contains("alt=\"given flow\""));
    assert!(report.contains("alt=\"rendered flow\""));
}
