//! Training watched live: the window shows the scene grow and what the run becomes, and outlives what befalls it.

use std::path::Path;

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

#[test]
fn a_hundred_steps_are_watched_as_they_happen() {
    if !is_possible() {
        return;
    }
    let folder = tempfile::tempdir().expect("temporary folder");
    let root = folder.path();
    capture_in(root);
    let line = "train capture --out run --steps 100 --eval-every 5 --cap-max 2000 --antialiased --view";
    let words: Vec<&str> = line.split(' ').collect();
    let mut window = Window::start(root, &words, (900, 600));
    window.appear((900, 600));
    wait("the growing scene", || window.log().contains("a picture of").then_some(()));
    let mut seen: Vec<RgbImage> = Vec::new();
    wait("the end of the run", || {
        let picture = window.picture();
        if !seen.contains(&picture) {
            seen.push(picture);
        }
        root.join("run/report.html").exists().then_some(())
    });
    // The panel of the training, once there, takes some of the picture's width.
    let size = window.settled().dimensions();
    let last = rendered(root, size);
    let first = seen.iter().find(|picture| picture.dimensions() == size).expect("it was seen beside its panel");
    assert!(difference(first, &last) > 0.05, "the scene has grown before the eyes");
    // The first view is that of what is shown, and the finished run comes a moment after its report.
    wait("the view of the finished run", || {
        window.key("r");
        (window.settled() == last).then_some(())
    });
    window.until_equal("the finished scene", &last);
    assert!(window.is_alive(), "a window stays until it is closed");
    assert!(!window.log().contains("warning"), "{}", window.log());
    let steps = std::fs::read_to_string(root.join("run/metrics.jsonl")).expect("was recorded");
    assert!(steps.lines().last().expect("has lines").starts_with("{\"step\":100,"), "{steps}");
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
    wait("a first scene", || root.join("run/scene.ply").exists().then_some(()));
    std::fs::rename(root.join("capture"), root.join("away")).expect("renames");
    wait("the message", || window.log().contains("the training broke off").then_some(()));
    let log = window.log();
    let told: Vec<&str> = log.lines().filter(|line| line.contains("the training broke off")).collect();
    assert!(told.len() == 1 && told[0].contains("capture"), "one line that names the place: {log}");
    // The window goes on: it moves, and a photo that is not there is no more than a message.
    let still = window.settled();
    window.drag("1", (250, 330), (400, 350));
    assert!(difference(&still, &window.settled()) > 0.05, "it still orbits");
    window.key("bracketright");
    window.key("v");
    window.settled();
    assert!(window.is_alive(), "{}", window.log());
    drop(window);
    // And with the capture back, the run goes on from its checkpoint.
    std::fs::rename(root.join("away"), root.join("capture")).expect("renames");
    let resumed = program().current_dir(root).args(["train", "--out", "run", "--resume"]).output().expect("runs");
    assert!(resumed.status.success(), "{}", String::from_utf8_lossy(&resumed.stderr));
}
