//! The panels without a window: what they show, and what clicks and keys on them do.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use eframe::egui::{Key, vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;
use glam::Vec3;

use super::{Document, Viewer};
use crate::format;
use crate::gpu::Gpu;
use crate::render::Shown;
use crate::scene::{Motion, Scene};

fn gpu() -> Gpu {
    static GPU: OnceLock<Gpu> = OnceLock::new();
    GPU.get_or_init(|| Gpu::open(None).expect("these tests need an adapter; a software one will do")).clone()
}

fn harness(viewer: Viewer) -> Harness<'static, Viewer> {
    let build = Harness::builder().with_size(vec2(1100.0, 720.0));
    build.build_ui_state(|ui, viewer: &mut Viewer| viewer.show(ui), viewer)
}

fn viewer() -> Viewer {
    Viewer::new(&gpu(), None).expect("the stage is set")
}

/// A line of Gaussians.
fn line() -> Scene {
    Scene {
        means: (0..40).map(|i| Vec3::new(i as f32 * 0.1, 0.02 * (i % 3) as f32, 0.0)).collect(),
        quaternions: vec![[1.0, 0.0, 0.0, 0.0]; 40],
        log_scales: vec![Vec3::splat(-2.5); 40],
        logits: vec![2.0; 40],
        sh: vec![0.5; 120],
        ..Scene::default()
    }
}

/// A capture of two images of one colour.
fn capture_in(folder: &Path) -> PathBuf {
    let frame = |name: &str, z: f64| {
        image::RgbImage::from_pixel(16, 12, image::Rgb([90, 120, 60])).save(folder.join(name)).expect("writes");
        let matrix = [[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, z], [0.0, 0.0, 0.0, 1.0]];
        serde_json::json!({ "file_path": name, "transform_matrix": matrix })
    };
    let frames = [frame("a.png", 3.0), frame("b.png", 4.0)];
    let file = folder.join("transforms.json");
    let text = serde_json::json!({ "camera_angle_x": 0.8, "frames": frames }).to_string();
    std::fs::write(&file, text).expect("writes");
    file
}

/// A viewer of a line of Gaussians.
fn shown(folder: &Path) -> Viewer {
    let path = folder.join("line.ply");
    format::write_scene(&path, &line()).expect("writes");
    let mut viewer = viewer();
    viewer.enter(Document::open(&path).expect("opens"), false).expect("fits the device");
    viewer
}

#[test]
fn an_empty_window_says_what_to_do() {
    let harness = harness(viewer());
    harness.get_by_label("Open a file …");
    harness.get_by_label("Open a folder …");
    harness.get_by_label("Drop a scene, a run or a capture here,");
    assert!(harness.query_by_label("Depth").is_none(), "nothing to choose where nothing is shown");
}

#[test]
fn an_error_is_shown_and_can_be_closed() {
    let mut harness = harness(viewer());
    let context = harness.ctx.clone();
    harness.state_mut().open(&context, Path::new("/none/at/all.ply"));
    for _ in 0..100 {
        std::thread::sleep(std::time::Duration::from_millis(20));
        harness.step();
    }
    harness.get_by_label_contains("/none/at/all.ply: there is no such file");
    harness.get_by_label("×").click();
    harness.run_steps(3);
    assert!(harness.query_by_label_contains("/none/at/all.ply").is_none());
}

#[test]
fn modes_are_chosen_by_button_and_key() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let mut harness = harness(shown(folder.path()));
    harness.run_steps(2);
    harness.get_by_label("Depth").click();
    harness.run_steps(2);
    assert_eq!(harness.state().look.shown, Shown::Depth);
    harness.get_by_label("depth, the scene's units");
    harness.key_press(Key::Num4);
    harness.run_steps(2);
    assert_eq!(harness.state().look.shown, Shown::Alpha);
    harness.key_press(Key::H);
    harness.run_steps(2);
    harness.get_by_label("Mouse and keys");
}

#[test]
fn selecting_nothing_deletes_nothing_and_keys_build_a_path() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let mut harness = harness(shown(folder.path()));
    harness.run_steps(2);
    harness.key_press(Key::Delete);
    harness.run_steps(2);
    assert!(!harness.state().edit.is_dirty());
    harness.key_press(Key::C);
    harness.run_steps(2);
    assert!(harness.state().edit.is_dirty(), "the crop box is on");
    for _ in 0..2 {
        harness.key_press(Key::K);
        harness.run_steps(2);
    }
    assert_eq!(harness.state().keys.keys.len(), 2);
    let file = folder.path().join("left.ply");
    harness.state_mut().save_scene(&file);
    for _ in 0..100 {
        std::thread::sleep(std::time::Duration::from_millis(20));
        harness.step();
    }
    assert_eq!(format::read_scene(&file).expect("was saved").len(), 40, "the first crop box holds the whole line");
}

#[test]
fn a_still_scene_is_not_drawn_again() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let mut harness = harness(shown(folder.path()));
    harness.run_steps(4);
    let drawn = harness.state().pictures_drawn;
    assert!(drawn > 0);
    harness.run_steps(10);
    assert_eq!(harness.state().pictures_drawn, drawn);
    harness.state_mut().eye.orbit(0.2, 0.0);
    harness.run_steps(1);
    assert_eq!(harness.state().pictures_drawn, drawn + 1);
}

/// Shows everything that there is in the panels: sections, tools and modes whose widgets come and go.
fn unfold(harness: &mut Harness<'_, Viewer>) {
    for section in ["Crop and select", "Camera path", "Picture"] {
        harness.get_by_label(section).click();
        harness.run_steps(3);
    }
    for key in [Key::C, Key::G, Key::K, Key::K, Key::Num2] {
        harness.key_press(key);
        harness.run_steps(2);
    }
    harness.state_mut().picture_size = Some((640, 360));
    harness.state_mut().look.range = Some((0.0, 1.0));
    harness.run_steps(3);
}

#[test]
fn every_widget_has_a_name() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let mut harness = harness(viewer());
    harness.run_steps(3);
    harness.check_accessibility();
    harness.get_by_label("File").click();
    harness.run_steps(3);
    harness.check_accessibility();

    let moving = folder.path().join("moving.dapple");
    let mut scene = line();
    scene.motion = Some(Motion {
        velocities: vec![Vec3::X; scene.len()],
        centres: vec![0.5; scene.len()],
        log_durations: vec![0.0; scene.len()],
        gates: vec![Motion::NO_GATE; scene.len()],
    });
    format::write_scene(&moving, &scene).expect("writes");
    for (path, moves) in [(moving, true), (capture_in(folder.path()), false)] {
        let mut viewer = viewer();
        viewer.enter(Document::open(&path).expect("opens"), false).expect("fits the device");
        let mut harness = super::tests::harness(viewer);
        harness.set_size(vec2(1100.0, 2400.0));
        harness.run_steps(3);
        unfold(&mut harness);
        harness.check_accessibility();
        assert_eq!(harness.query_by_label("play").is_some(), moves);
        assert_eq!(harness.query_by_label("Train").is_some(), !moves);
        for name in ["X from", "Width"] {
            assert!(harness.query_by_label(name).is_some(), "{name} is not shown: {:?}", harness.root());
        }
    }
}
