//! `dapple verify`: an untouched run is equal, and whatever was changed is named.

use dapple::dataset::{Capture, CaptureOptions, Split};
use dapple::train::{Config, Start};

use super::{Folder, tiny};
use crate::support::gpu;

const RUN: &str = "--steps 60 --cap-max 800 --save-every 20 --seed 3";

impl Folder {
    /// Runs `dapple verify` with the exit code that is expected; what it says.
    fn verify(&self, line: &str, code: i32) -> String {
        let output = self.dapple(&format!("verify {line}")).assert().code(code).get_output().clone();
        String::from_utf8(output.stdout).expect("text")
    }
}

#[test]
fn an_untouched_run_is_equal() {
    let folder = Folder::new();
    folder.capture("capture");
    let line = format!("train capture --out r {RUN}");
    folder.succeed(&line);
    let account: serde_json::Value = serde_json::from_str(&folder.text("r/run.json")).expect("JSON");
    let steps: Vec<_> = account["checkpoints"].as_array().expect("a list").iter().map(|c| c["step"].as_u64()).collect();
    assert_eq!(steps, [Some(20), Some(40), Some(60)]);
    assert_eq!(account["options"]["steps"], 60);
    let photos = account["inputs"].as_array().expect("a list").iter();
    assert_eq!(photos.filter(|input| input["kind"] == "photo").count(), 12);
    let said = folder.verify("r", 0);
    assert!(said.starts_with("equal: scene.ply after 60 steps, sha256 "), "{said}");

    std::fs::rename(folder.path("capture"), folder.path("moved")).expect("moves");
    assert!(folder.verify("r --capture moved", 0).starts_with("equal: "));
}

#[test]
fn a_run_is_replayed_from_a_checkpoint_that_was_kept() {
    let folder = Folder::new();
    let config = Config { capture: tiny().into(), steps: 60.into(), cap_max: 800.into(), seed: 3, ..Config::default() };
    let mut session = Start::fresh(folder.path("r"), config).expect("starts").open(&gpu()).expect("opens");
    let mut advance = |steps: u32| (0..steps).for_each(|_| session.advance(&mut |_| ()).expect("a step"));
    advance(30);
    std::fs::copy(folder.path("r/checkpoint.safetensors"), folder.path("kept")).expect("copies");
    advance(30);
    session.save(&mut |_| ()).expect("saves");
    let said = folder.verify("r --from kept", 0);
    // The run was made by the program of the tests.
    assert!(said.starts_with("note: the program is another build of Dapple"), "{said}");
    assert!(said.contains("\nequal: scene.ply after 60 steps"), "{said}");
    let error = folder.error("verify r --from r/checkpoint.safetensors", 1);
    assert!(error.contains("after 60 steps") && error.contains("an earlier checkpoint"), "{error}");
}

#[test]
fn a_photo_with_one_byte_changed_is_named() {
    let folder = Folder::new();
    let capture = folder.capture("capture");
    folder.succeed(&format!("train capture --out r {RUN}"));
    let options = CaptureOptions::cameras_only();
    let opened = Capture::open(&capture, &options).expect("opens");
    let shot = opened.shots.iter().find(|shot| shot.split == Split::Train).expect("a training photo");
    let photo = shot.image.clone();
    let whole = std::fs::read(&photo).expect("reads");
    let mut changed = whole.clone();
    // Behind the last chunk: the same pixels, and another file.
    changed.push(0);
    std::fs::write(&photo, &changed).expect("writes");
    let said = folder.verify("r", 1);
    assert_eq!(said, format!("differs: photo {} differs from what the run was trained on\n", shot.name));
    std::fs::write(&photo, whole).expect("writes");

    let config = folder.text("r/config.toml").replace("seed = 3", "seed = 4");
    folder.file("r/config.toml", &config);
    let said = folder.verify("r", 1);
    assert!(said.contains("--seed is 4 in config.toml, and the run had 3"), "{said}");
    folder.file("r/config.toml", config.replace("seed = 4", "seed = 3"));
    let mut scene = folder.bytes("r/scene.ply");
    *scene.last_mut().expect("not empty") ^= 1;
    std::fs::write(folder.path("r/scene.ply"), scene).expect("writes");
    assert!(folder.verify("r", 1).contains("scene.ply is not the file that the run wrote"));
}

/// What a run says of itself was made with another seed: the bytes are others, and the first tensor is named.
#[test]
fn a_run_that_was_made_otherwise_is_found_out() {
    let folder = Folder::new();
    let capture = tiny().display();
    folder.succeed(&format!("train {capture} --out r {RUN}"));
    for file in ["r/config.toml", "r/run.json"] {
        let text = folder.text(file).replace("seed = 3", "seed = 4").replace("\"seed\": 3", "\"seed\": 4");
        folder.file(file, text);
    }
    let said = folder.verify("r", 1);
    assert!(said.starts_with("differs: scene.ply after 60 steps"), "{said}");
    assert!(said.contains("equal after 0 steps, and not after 20"), "{said}");
    assert!(said.contains("the first tensor that differs: "), "{said}");
    let error = folder.error(&format!("verify {capture}"), 1);
    assert!(error.contains("no run.json"), "{error}");
}

/// A run that goes on elsewhere says so in one line.
#[test]
fn a_run_resumed_on_another_adapter_says_so() {
    let folder = Folder::new();
    folder.succeed(&format!("train {} --out r {RUN}", tiny().display()));
    let text = folder.text("r/run.json").replace("\"adapter\": \"", "\"adapter\": \"Another ");
    folder.file("r/run.json", text);
    let said = folder.succeed("train --out r --resume");
    let warnings: Vec<&str> = said.lines().filter(|line| line.starts_with("warning: ")).collect();
    assert_eq!(warnings.len(), 1, "{said}");
    assert!(warnings[0].contains("and was Another") && warnings[0].contains("bytes will differ"), "{said}");
    let said = folder.verify("r", 0);
    assert!(said.contains("the run itself was not made in one piece: from step 60 on"), "{said}");
}
