//! The time line of a scene in motion, worked by mouse and keys, against what `dapple render --time` says.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;

use dapple::format;
use dapple::scene::Motion;
use dapple::view::Document;
use dapple::view::keypath::KeyPath;
use glam::Vec3;
use image::RgbImage;

use super::display::{Window, is_possible, wait};
use super::{blobs, dapple, difference, picture};

/// In a window of 900 × 600: on the slider of the time, right of its end, and the number beside it.
const SLIDER: [(i32, i32); 3] = [(166, 547), (345, 547), (362, 547)];

/// The first view of the scene at a time, by `dapple render`.
fn rendered(folder: &Path, time: &str, size: (u32, u32)) -> RgbImage {
    let eye = Document::open(&folder.join("moving.dapple")).expect("opens").first_eye();
    KeyPath::new(vec![eye], 0.01).save(&folder.join("path.json"), size).expect("saves");
    let out = format!("at-{time}");
    dapple(folder, &["render", "moving.dapple", "--path", "path.json", "--time", time, "--out", &out]);
    picture(&folder.join(out).join("00000.png"))
}

#[test]
fn a_person_steps_scrubs_and_plays_a_clip() {
    if !is_possible() {
        return;
    }
    let folder = tempfile::tempdir().expect("temporary folder");
    let root = folder.path();
    let mut scene = blobs();
    let count = scene.len();
    let swirl = |mean: &Vec3| Vec3::new(-mean.y, mean.x, 0.2) * 1.5;
    scene.motion = Some(Motion {
        velocities: scene.means.iter().map(swirl).collect(),
        centres: vec![0.5; count],
        log_durations: vec![1.0; count],
        gates: vec![Motion::NO_GATE; count],
        curves: None,
    });
    format::write_scene(&root.join("moving.dapple"), &scene).expect("writes");

    let mut window = Window::open(root, &["moving.dapple"]);
    let first = window.settled();
    let size = first.dimensions();
    assert!(first == rendered(root, "0", size), "the clip begins at 0");
    window.key("period");
    window.key("period");
    window.until_equal("two steps on", &rendered(root, "0.04", size));
    window.key("comma");
    window.until_equal("a step back", &rendered(root, "0.02", size));
    let [slider, end, number] = SLIDER;
    window.drag("1", slider, end);
    let last = rendered(root, "1", size);
    window.until_equal("the clip's end", &last);
    assert!(difference(&first, &last) > 0.05, "the scene has moved");
    window.write(number, "0.5");
    window.until_equal("the clip's middle", &rendered(root, "0.5", size));

    // Playing, the screen shows one picture after another without being asked.
    window.key("space");
    let mut seen = BTreeSet::new();
    wait("the clip to play", || {
        let mut hasher = DefaultHasher::new();
        window.screen().hash(&mut hasher);
        seen.insert(hasher.finish());
        (seen.len() >= 6).then_some(())
    });
    window.key("space");
    let paused = window.settled();
    window.wait_for(&paused);
    window.key("8");
    assert!(difference(&paused, &window.settled()) > 0.05, "velocities have other colours");
    assert!(window.is_alive() && !window.log().contains("warning"), "{}", window.log());
}
