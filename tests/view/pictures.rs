//! What tests and measurements of the window share: a scene, the program, and pictures compared.

use std::path::{Path, PathBuf};

use assert_cmd::Command;
use dapple::format;
use dapple::scene::{SH_C0, Scene};
use glam::Vec3;
use image::RgbImage;

/// A scene of coloured blobs on a bent sheet, the same on every machine.
pub fn blobs() -> Scene {
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

pub fn scene_in(folder: &Path) -> PathBuf {
    let path = folder.join("blobs.ply");
    format::write_scene(&path, &blobs()).expect("writes");
    path
}

pub fn dapple(folder: &Path, words: &[&str]) {
    Command::cargo_bin("dapple").expect("the binary is built").current_dir(folder).args(words).assert().success();
}

pub fn picture(path: &Path) -> RgbImage {
    image::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display())).to_rgb8()
}

/// Share of the pixels in which two pictures differ.
pub fn difference(a: &RgbImage, b: &RgbImage) -> f64 {
    assert_eq!(a.dimensions(), b.dimensions());
    let differ = a.pixels().zip(b.pixels()).filter(|(a, b)| a != b).count();
    differ as f64 / f64::from(a.width() * a.height())
}
