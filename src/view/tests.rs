//! The panels without a window: what they show, and what clicks and keys on them do.

mod actions;
mod training;
mod unsaved_changes;

use std::path::Path;
use std::sync::OnceLock;

use eframe::egui::{Key, vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;
use glam::{DVec3, Vec3};

use super::action::FileAction;
use super::draw::scene_canvas::SceneCanvas;
use super::state::ask::Ask;
use super::state::compare::Layout;
use super::state::view_settings::ViewSettings;
use super::{Document, Viewer};
use crate::format;
use crate::gpu::Gpu;
use crate::render::DisplayMode;
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
    Viewer::new(&gpu(), None).expect("the kernels are built")
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
    assert_eq!(harness.state().state.settings.mode, DisplayMode::Depth);
    harness.get_by_label("depth, the scene's units");
    harness.key_press(Key::Num4);
    harness.run_steps(2);
    assert_eq!(harness.state().state.settings.mode, DisplayMode::Alpha);
    harness.key_press(Key::H);
    harness.run_steps(2);
    harness.get_by_label("Mouse and keys");
    for (key, panels) in [(Key::U, false), (Key::Escape, true), (Key::U, false), (Key::U, true)] {
        harness.key_press(key);
        harness.run_steps(2);
        assert_eq!(harness.query_by_label("Depth").is_some(), panels, "after {key:?}");
    }
}

#[test]
fn selecting_nothing_deletes_nothing_and_keys_build_a_path() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let mut harness = harness(shown(folder.path()));
    harness.run_steps(2);
    harness.key_press(Key::Delete);
    harness.run_steps(2);
    assert!(!harness.state().state.edit.is_dirty());
    harness.key_press(Key::C);
    harness.run_steps(2);
    assert!(harness.state().state.edit.is_dirty(), "the crop box is on");
    for _ in 0..2 {
        harness.key_press(Key::K);
        harness.run_steps(2);
    }
    assert_eq!(harness.state().state.keys.keys.len(), 2);
    let file = folder.path().join("left.ply");
    let context = harness.ctx.clone();
    harness.state_mut().apply(&context, FileAction::Use(Ask::SaveScene, file.clone()));
    for _ in 0..100 {
        std::thread::sleep(std::time::Duration::from_millis(20));
        harness.step();
    }
    assert_eq!(format::read_scene(&file).expect("was saved").len(), 40, "the first crop box holds the whole line");
}

#[test]
fn the_box_goes_around_the_middle_and_escape_ends_the_probe() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let mut harness = harness(shown(folder.path()));
    harness.run_steps(2);
    harness.key_press(Key::C);
    harness.run_steps(4);
    let left = |harness: &Harness<'static, Viewer>| {
        let viewer = harness.state();
        let (low, high) = viewer.state.edit.state.crop.expect("the box is on");
        let means = &viewer.state.document.as_ref().expect("is open").scene.means;
        means.iter().filter(|mean| mean.cmpge(low).all() && mean.cmple(high).all()).count()
    };
    assert_eq!(left(&harness), 40);
    harness.get_by_label("the middle").click();
    harness.run_steps(2);
    assert!((16..40).contains(&left(&harness)), "{} are left", left(&harness));
    harness.get_by_label("all").click();
    harness.run_steps(2);
    assert_eq!(left(&harness), 40);
    harness.key_press(Key::T);
    harness.run_steps(2);
    assert!(harness.state().state.probe.on);
    harness.get_by_label_contains("Esc: end the probe");
    harness.key_press(Key::Escape);
    harness.run_steps(2);
    assert!(!harness.state().state.probe.on);
}

#[test]
fn a_capture_without_points_shows_all_cameras_then_a_photo() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let capture = folder.path().join("tiny");
    crate::synth::run(&Path::new(env!("CARGO_MANIFEST_DIR")).join("scenes/tiny.toml"), &capture).expect("a capture");
    let mut viewer = viewer();
    let mut document = Document::open(&capture).expect("opens");
    document.scene = Scene::default();
    viewer.enter(document, false).expect("fits the device");
    let camera = viewer.state.eye.camera(800, 600);
    for shot in
        &viewer.state.document.as_ref().and_then(|document| document.capture.clone()).expect("has cameras").shots
    {
        let (pixel, _) = camera.project(shot.camera.pose.centre()).expect("in front");
        assert!(pixel.cmpge(glam::DVec2::ZERO).all() && pixel.x < 800.0 && pixel.y < 600.0, "{}: {pixel}", shot.name);
    }
    let mut harness = harness(viewer);
    harness.run_steps(2);
    harness.key_press(Key::CloseBracket);
    harness.run_steps(2);
    assert_eq!(harness.state().state.compare.layout, Layout::Side);
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
    harness.state_mut().state.eye.orbit(0.2, 0.0);
    harness.run_steps(1);
    assert_eq!(harness.state().pictures_drawn, drawn + 1);
}

#[test]
fn a_probed_pixel_is_made_of_what_the_renderer_put_there() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let document = shown(folder.path()).state.document.take().expect("is open");
    let camera = document.first_eye().camera(96, 64);
    let mut canvas = SceneCanvas::new(&gpu()).expect("the kernels are built");
    canvas.load(&document.scene, &document.frame).expect("fits the device");
    let settings = ViewSettings::of(&document.scene, Vec3::new(0.1, 0.3, 0.2));
    let mut seen = 0;
    for pixel in [(48, 32), (30, 33), (60, 31), (2, 2)] {
        canvas.draw(&camera, &settings, false).expect("draws");
        let found = canvas.probe(pixel, 1000).expect("probes");
        let weights: f32 = found.hits.iter().map(|hit| hit.weight).sum();
        assert!((weights - found.alpha).abs() < 1e-5, "{found:?}");
        assert_eq!(found.shown, canvas.picture().expect("reads").get_pixel(pixel.0, pixel.1).0);
        assert_eq!(found.hits.len(), found.count as usize);
        assert!(found.hits.windows(2).all(|pair| pair[0].weight >= pair[1].weight));
        // The sizes and opacities of the scene itself.
        for hit in &found.hits {
            let i = hit.index as usize;
            assert!((hit.scale - document.scene.log_scales[i].exp()).abs().max_element() < 1e-5);
            assert!((hit.opacity - crate::scene::sigmoid(document.scene.logits[i])).abs() < 1e-6);
        }
        let surface = canvas.surface(&camera, &settings, pixel).expect("reads");
        assert_eq!(surface.is_some(), found.alpha >= 0.3);
        if let (Some(surface), Some(depth)) = (surface, found.depth) {
            let along = (surface - camera.pose.centre()).dot(camera.pose.forward());
            assert!((along - depth).abs() < 1e-4 * depth, "{along} {depth}");
            seen += 1;
        }
    }
    assert!(seen > 0, "at least one pixel shows a Gaussian");
}

#[test]
fn a_folder_of_scenes_is_a_clip_that_steps_from_file_to_file() {
    let folder = tempfile::tempdir().expect("temporary folder");
    for i in 1..=3 {
        let scene = Scene {
            means: vec![Vec3::new(i as f32, 0.0, 0.0); 4],
            quaternions: vec![[1.0, 0.0, 0.0, 0.0]; 4],
            log_scales: vec![Vec3::splat(-2.0); 4],
            logits: vec![2.0; 4],
            sh: vec![0.5; 12],
            ..Scene::default()
        };
        format::write_scene(&folder.path().join(format!("frame_{i:04}.ply")), &scene).expect("writes");
    }
    let mut viewer = viewer();
    viewer.enter(Document::open(folder.path()).expect("opens"), false).expect("fits the device");
    let mut harness = harness(viewer);
    harness.run_steps(2);
    harness.get_by_label("1 of 3");
    harness.key_press(Key::Period);
    harness.run_steps(2);
    assert_eq!(harness.state().state.settings.time, 0.5);
    harness.get_by_label("2 of 3");
    // A path through space and time.
    harness.key_press(Key::K);
    harness.run_steps(2);
    assert_eq!(harness.state().state.keys.keys[0].time, Some(0.5));
    harness.key_press(Key::Num9);
    harness.run_steps(2);
    assert_eq!(harness.state().state.settings.mode, DisplayMode::Flow);
    harness.check_accessibility();
}

#[test]
fn flow_on_the_screen_has_the_colours_of_the_wheel() {
    // A sheet that moves to the right of the picture by the same number of pixels everywhere.
    let n = 400;
    let mut scene = Scene {
        means: (0..n).map(|i| Vec3::new((i % 20) as f32 * 0.1 - 1.0, (i / 20) as f32 * 0.1 - 1.0, 0.0)).collect(),
        quaternions: vec![[1.0, 0.0, 0.0, 0.0]; n],
        log_scales: vec![Vec3::splat(-2.5); n],
        logits: vec![4.0; n],
        sh: vec![0.5; 3 * n],
        ..Scene::default()
    };
    scene.motion = Some(Motion {
        velocities: vec![Vec3::X; n],
        centres: vec![0.0; n],
        log_durations: vec![5.0; n],
        gates: vec![Motion::NO_GATE; n],
        curves: None,
    });
    let eye = super::state::navigation::Eye::look_at(DVec3::new(0.0, 0.0, -4.0), DVec3::ZERO, -DVec3::Y, 0.8);
    let mut canvas = SceneCanvas::new(&gpu()).expect("the kernels are built");
    let camera = eye.camera(80, 80);
    // 0.1 units at a distance of 4.
    let pixels = (0.1 * camera.lens.focal.x / 4.0) as f32;
    for (logit, scale) in [(4.0, 1.25), (4.0, 2.0), (-3.0, 1.25)] {
        scene.logits.fill(logit);
        canvas.load(&scene, &crate::scene::Normalisation::IDENTITY).expect("fits the device");
        let mut shown = |mode, range| {
            let settings =
                ViewSettings { mode, flow_step: 0.1, range: Some(range), ..ViewSettings::of(&scene, Vec3::ZERO) };
            canvas.draw(&camera, &settings, false).expect("draws");
            canvas.picture().expect("reads").get_pixel(40, 40).0
        };
        let alpha = f32::from(shown(DisplayMode::Alpha, (0.0, 1.0))[0]) / 255.0;
        assert_eq!(alpha > 0.9, logit > 0.0, "{alpha}");
        let flow = shown(DisplayMode::Flow, (0.0, pixels * scale));
        // Over white, as what stands still.
        let colour = crate::image::colormap::flow_colour(glam::Vec2::X / scale);
        let wanted = Vec3::ONE.lerp(colour, alpha) * 255.0;
        for (byte, wanted) in flow.into_iter().zip(wanted.to_array()) {
            assert!((f32::from(byte) - wanted).abs() <= 3.0, "{flow:?}, not {wanted:?}");
        }
    }
}

#[test]
fn every_widget_has_a_name() {
    let mut harness = harness(viewer());
    harness.run_steps(3);
    harness.check_accessibility();
    let folder = tempfile::tempdir().expect("temporary folder");
    let capture = folder.path().join("tiny");
    crate::synth::run(&Path::new(env!("CARGO_MANIFEST_DIR")).join("scenes/tiny.toml"), &capture).expect("a capture");
    let mut viewer = viewer();
    viewer.enter(Document::open(&capture).expect("opens"), false).expect("fits the device");
    // Everything that comes and goes in the panels.
    viewer.state.picture_size = Some((640, 360));
    viewer.state.settings.range = Some((0.0, 1.0));
    let mut harness = super::tests::harness(viewer);
    harness.set_size(vec2(1100.0, 2400.0));
    harness.run_steps(3);
    for section in ["Camera path", "Picture"] {
        harness.get_by_label(section).click();
        harness.run_steps(3);
    }
    for key in [Key::C, Key::G, Key::K, Key::K, Key::Num2, Key::V] {
        harness.key_press(key);
        harness.run_steps(2);
    }
    harness.get_by_label("File").click();
    harness.run_steps(3);
    harness.get_by_label("key 2");
    harness.get_by_label("another size than the window's");
    harness.get_by_label("fit to what is seen");
    harness.check_accessibility();
}
