//! Training watched live: the window beside the trainer shows what the run folder holds, and outlives what befalls it.

use std::path::Path;
use std::process::Command;

use image::RgbImage;

use super::display::{Window, is_possible, program, wait};
use super::{dapple, difference, picture};

/// A capture of images large enough that training them takes a while.
fn capture_in(folder: &Path) {
    let scenes = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenes");
    let tiny = std::fs::read_to_string(scenes.join("tiny.toml")).expect("the scene is there");
    let large = tiny.replace("width = 64", "width = 200").replace("height = 64", "height = 200");
    assert!(large != tiny, "the size was found");
    std::fs::write(folder.join("scene.toml"), large).expect("writes");
    dapple(folder, &["synth", "scene.toml", "capture"]);
}

/// What the run's scene looks like without a window.
fn rendered(folder: &Path, size: (u32, u32)) -> RgbImage {
    let size = format!("{}x{}", size.0, size.1);
    dapple(folder, &["view", "run", "--screenshot", "direct.png", "--size", &size]);
    picture(&folder.join("direct.png"))
}

fn signal(process: u32, name: &str) {
    let sent = Command::new("kill").args([name, &process.to_string()]).status().expect("kill runs");
    assert!(sent.success(), "{name} is sent");
}

/// The window of `dapple train --view` is a process of its own; it ends with the test.
struct Owner(u32);

impl Drop for Owner {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = Command::new("kill").arg(self.0.to_string()).status();
    }
}

#[test]
fn a_hundred_steps_are_watched_as_they_happen() {
    if !is_possible() {
        return;
    }
    let folder = tempfile::tempdir().expect("temporary folder");
    let root = folder.path();
    capture_in(root);
    let line = "train capture --out run --steps 100 --save-every 10 --cap-max 2000 --antialiased --view";
    let words: Vec<&str> = line.split(' ').collect();
    let mut window = Window::start(root, &words, (900, 600));
    // The trainer is held at its first saved scene, so that there is time to look at it.
    wait("a first scene", || root.join("run/scene.ply").exists().then_some(()));
    signal(window.process(), "-STOP");
    window.appear((900, 600));
    let owner = Owner(window.owner());
    assert!(owner.0 != window.process(), "the window does not run in the trainer");
    let size = window.picture().dimensions();
    let early = rendered(root, size);
    window.key("r");
    window.until_equal("the scene that was saved first", &early);
    signal(window.process(), "-CONT");
    assert!(window.ended().success(), "{}", window.log());
    let last = rendered(root, size);
    assert!(difference(&early, &last) > 0.05, "a hundred steps are seen");
    window.key("r");
    window.until_equal("the finished scene", &last);
    assert!(!window.log().contains("warning"), "{}", window.log());
}

#[test]
fn a_capture_that_goes_away_stops_the_training_and_nothing_else() {
    if !is_possible() {
        return;
    }
    let folder = tempfile::tempdir().expect("temporary folder");
    let root = folder.path();
    capture_in(root);
    // Nothing is kept in memory, so that every step reads an image.
    let line = "train capture --out run --steps 200 --save-every 10 --cap-max 2000 --cache-gb 0 --view";
    let words: Vec<&str> = line.split(' ').collect();
    let mut window = Window::start(root, &words, (900, 600));
    window.appear((900, 600));
    let owner = Owner(window.owner());
    wait("a first scene", || root.join("run/scene.ply").exists().then_some(()));
    std::fs::rename(root.join("capture"), root.join("away")).expect("renames");
    assert!(!window.ended().success(), "the training cannot go on");
    let log = window.log();
    let errors: Vec<&str> = log.lines().filter(|line| line.starts_with("error: ")).collect();
    assert!(errors.len() == 1 && errors[0].contains("capture"), "one line that names the place: {log}");
    // The window goes on: it moves, and a photo that cannot be read is no more than a message.
    let still = window.settled();
    window.drag("1", (250, 330), (400, 350));
    assert!(difference(&still, &window.settled()) > 0.05, "it still orbits");
    window.key("bracketright");
    window.key("v");
    window.settled();
    assert!(Path::new(&format!("/proc/{}", owner.0)).exists() || !cfg!(target_os = "linux"), "the window is there");
    // And with the capture back, the run goes on from its checkpoint.
    std::fs::rename(root.join("away"), root.join("capture")).expect("renames");
    let resumed = program().current_dir(root).args(["train", "--out", "run", "--resume"]).output().expect("runs");
    assert!(resumed.status.success(), "{}", String::from_utf8_lossy(&resumed.stderr));
}
