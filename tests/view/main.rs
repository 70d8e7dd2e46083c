//! The viewer from outside: its pictures against `dapple render`'s, and the real window on a display without a screen,
//! driven with real mouse and key events.
#![cfg(feature = "viewer")]

mod display;
mod live;
mod pictures;
mod stress;
mod time;
#[cfg(target_os = "linux")]
mod wayland;
mod window;

use assert_cmd::Command;
use dapple::view::Document;
use dapple::view::keypath::KeyPath;

use pictures::{blobs, dapple, difference, picture, scene_in};

#[test]
fn the_windows_picture_is_renders_to_the_bit() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let (root, scene) = (folder.path(), scene_in(folder.path()));
    let size = (333, 201);
    let eye = Document::open(&scene).expect("opens").first_eye();
    KeyPath::new(vec![eye], 0.01).save(&root.join("path.json"), size).expect("saves");
    for background in ["black", "0.2,0.4,0.9"] {
        dapple(root, &["render", "blobs.ply", "--path", "path.json", "--out", "r", "--background", background]);
        let line = ["view", "blobs.ply", "--screenshot", "v.png", "--size", "333x201", "--background", background];
        dapple(root, &line);
        let (ours, theirs) = (picture(&root.join("v.png")), picture(&root.join("r/00000.png")));
        assert_eq!(ours.dimensions(), size);
        assert!(ours.pixels().any(|pixel| pixel.0 != ours.get_pixel(0, 0).0), "there is something in the picture");
        assert!(ours == theirs, "the window's picture is render's, background {background}");
    }
    // The other cameras of a path do not change a camera's picture.
    let mut other = eye;
    other.orbit(1.0, 0.2);
    KeyPath::new(vec![eye, other], 0.1).save(&root.join("long.json"), size).expect("saves");
    dapple(root, &["render", "blobs.ply", "--path", "long.json", "--out", "long", "--background", "0.2,0.4,0.9"]);
    assert!(picture(&root.join("long/00000.png")) == picture(&root.join("v.png")));
    assert!(picture(&root.join("long/00002.png")) != picture(&root.join("v.png")));
}

#[test]
fn mistakes_are_told_in_one_line() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let error = |words: &[&str]| {
        let mut command = Command::cargo_bin("dapple").expect("the binary is built");
        let output = command.current_dir(folder.path()).args(words).assert().failure().get_output().clone();
        String::from_utf8(output.stderr).expect("text")
    };
    assert!(error(&["view", "none.ply", "--screenshot", "a.png"]).contains("none.ply: there is no such file"));
    assert!(error(&["view", "--screenshot", "a.png"]).contains("--screenshot needs something to show"));
    scene_in(folder.path());
    let line = ["view", "blobs.ply", "--screenshot", "a.png", "--camera", "3"];
    assert!(error(&line).contains("--camera needs a capture"));
    assert!(!folder.path().join("a.png").exists());
}
