//! The examples, run on a made scene and a made capture.

use std::path::Path;

use dapple::format;
use dapple::scene::Scene;
use glam::Vec3;

/// Their functions; each also has a `main`, which parses its arguments.
#[allow(dead_code)]
#[path = "../examples/convert.rs"]
mod convert;
#[allow(dead_code)]
#[path = "../examples/render_ply.rs"]
mod render_ply;
#[allow(dead_code)]
#[path = "../examples/train.rs"]
mod train;

/// A red ball of opaque Gaussians and one that hardly shows.
fn ball() -> Scene {
    let count = 200;
    let golden = 2.399_963;
    let point = |i: usize| {
        let z = 1.0 - (2 * i + 1) as f32 / count as f32;
        let (sin, cos) = (i as f32 * golden).sin_cos();
        Vec3::new(cos, sin, 0.0) * (1.0 - z * z).sqrt() + Vec3::Z * z
    };
    let mut logits = vec![3.0; count];
    logits[7] = -6.0;
    Scene {
        means: (0..count).map(point).collect(),
        quaternions: vec![[1.0, 0.0, 0.0, 0.0]; count],
        log_scales: vec![Vec3::splat(-2.0); count],
        logits,
        sh: [1.5, -1.5, -1.5].repeat(count),
        ..Scene::default()
    }
}

#[test]
fn a_scene_is_rendered_to_a_picture() {
    let folder = tempfile::tempdir().unwrap();
    let (scene, picture) = (folder.path().join("ball.ply"), folder.path().join("ball.png"));
    format::write_scene(&scene, &ball()).unwrap();
    render_ply::render(&scene, &picture).unwrap();
    let image = image::open(&picture).unwrap().to_rgb8();
    let [middle, corner] = [(image.width() / 2, image.height() / 2), (0, 0)].map(|(x, y)| image.get_pixel(x, y).0);
    assert!(middle[0] > 150 && middle[1] < 60 && middle[2] < 60, "{middle:?} in the middle is not red");
    assert_eq!(corner, [255; 3], "the background is white");
}

#[test]
fn a_scene_is_converted() {
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (folder.path().join("ball.ply"), folder.path().join("ball.spz"));
    let mut scene = ball();
    scene.means[0] = Vec3::new(0.0, -5.0, 0.0);
    format::write_scene(&from, &scene).unwrap();
    assert_eq!(convert::convert(&from, &to).unwrap(), (200, 199));
    let found = format::read_scene(&to).unwrap();
    assert!(found.means[0].distance(Vec3::new(0.0, 0.0, 5.0)) < 1e-3, "{} is not on top", found.means[0]);
}

#[test]
fn a_capture_is_trained_on() {
    let folder = tempfile::tempdir().unwrap();
    let (capture, run) = (folder.path().join("tiny"), folder.path().join("run"));
    dapple::synth::run(&Path::new(env!("CARGO_MANIFEST_DIR")).join("scenes/tiny.toml"), &capture).unwrap();
    train::train(&capture, &run, 60).unwrap();
    assert!(run.join("report.html").is_file(), "a run leaves a report");
    let scene = format::read_scene(&run).unwrap();
    assert!(!scene.is_empty() && scene.motion.is_none());
}
