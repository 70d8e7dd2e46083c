//! The viewer from outside: its pictures against `dapple render`'s, and the real window on a display without a screen,
//! driven with real mouse and key events.
#![cfg(feature = "viewer")]

#[cfg(target_os = "linux")]
mod clock;
#[cfg(target_os = "linux")]
mod cost;
mod display;
mod live;
mod stress;
mod time;
#[cfg(target_os = "linux")]
mod wayland;
mod window;

use std::path::{Path, PathBuf};

use assert_cmd::Command;
use dapple::format;
use dapple::scene::{SH_C0, Scene};
use dapple::view::Document;
use dapple::view::keypath::KeyPath;
use glam::Vec3;
use image::RgbImage;

/// A scene of coloured blobs on a bent sheet, the same on every machine.
fn blobs() -> Scene {
    let mut scene = Scene { sh_degree: 0, ..Scene::default() };
    for i in 0..1500 {
        let (u, v) = ((i % 50) as f32 / 49.0, (i / 50) as f32 / 29.0);
        scene.means.push(Vec3::new(2.0 * u - 1.0, v - 0.5, 0.3 * (6.0 * u).sin() + 0.2 * v));
        scene.quaternions.push([1.0, 0.1 * u, 0.2 * v, 0.0]);
        scene.log_scales.push(Vec3::new(-3.6, -3.9, -4.2));
        scene.logits.push(2.5);
        let colour = Vec3::new(u, v, 0.5 + 0.5 * (9.0 * u + 5.0 * v).cos());
        scene.sh.extend(((colour - 0.5) / SH_C0).to_array());
    }
    scene
}

fn scene_in(folder: &Path) -> PathBuf {
    let path = folder.join("blobs.ply");
    format::write_scene(&path, &blobs()).expect("writes");
    path
}

fn dapple(folder: &Path, words: &[&str]) {
    Command::cargo_bin("dapple").expect("the binary is built").current_dir(folder).args(words).assert().success();
}

fn picture(path: &Path) -> RgbImage {
    image::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display())).to_rgb8()
}

/// Share of the pixels in which two pictures differ.
fn difference(a: &RgbImage, b: &RgbImage) -> f64 {
    assert_eq!(a.dimensions(), b.dimensions());
    let differ = a.pixels().zip(b.pixels()).filter(|(a, b)| a != b).count();
    differ as f64 / f64::from(a.width() * a.height())
}

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
