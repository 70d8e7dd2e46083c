//! The panels without a window: what they show, and what clicks and keys on them do.

use std::path::Path;
use std::sync::OnceLock;

use eframe::egui::{Key, vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;
use glam::Vec3;

use super::{Document, Viewer};
use crate::format;
use crate::gpu::Gpu;
use crate::render::Shown;
use crate::scene::Scene;

fn gpu() -> Gpu {
    static GPU: OnceLock<Gpu> = OnceLock::new();
    GPU.get_or_init(|| Gpu::open(None).expect("these tests need an adapter; a software one will do")).clone()
}

fn harness(viewer: Viewer) -> Harness<'static, Viewer> {
    // Sliders in rows have their names beside them, which the check does not know.
    let build = Harness::builder().with_size(vec2(1100.0, 720.0)).with_accessibility_check(false);
    build.build_ui_state(|ui, viewer: &mut Viewer| viewer.show(ui), viewer)
}

fn viewer() -> Viewer {
    Viewer::new(&gpu(), None).expect("the stage is set")
}

/// A viewer of a line of Gaussians.
fn shown(folder: &Path) -> Viewer {
    let scene = Scene {
        means: (0..40).map(|i| Vec3::new(i as f32 * 0.1, 0.02 * (i % 3) as f32, 0.0)).collect(),
        quaternions: vec![[1.0, 0.0, 0.0, 0.0]; 40],
        log_scales: vec![Vec3::splat(-2.5); 40],
        logits: vec![2.0; 40],
        sh: vec![0.5; 120],
        ..Scene::default()
    };
    let path = folder.join("line.ply");
    format::write_scene(&path, &scene).expect("writes");
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
