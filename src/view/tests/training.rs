//! A run in the window, from its options to its end.

use std::path::Path;

use eframe::egui::Key;
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;

use super::{gpu, harness, viewer};
use crate::format;
use crate::train::Start;
use crate::view::action::TrainAction;
use crate::view::work::training::Phase;
use crate::view::{Document, Viewer};

#[test]
fn a_run_in_the_window_grows_pauses_steps_and_ends_as_one_without() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let capture = folder.path().join("tiny");
    crate::synth::run(&Path::new(env!("CARGO_MANIFEST_DIR")).join("scenes/tiny.toml"), &capture).expect("a capture");
    let mut viewer = viewer();
    viewer.enter(Document::open(&capture).expect("opens"), false).expect("fits the device");
    let out = folder.path().join("run");
    let mut harness = harness(viewer);
    let context = harness.ctx.clone();
    for (key, value) in [("steps", "400"), ("cap_max", "700"), ("max_resolution", "32"), ("sh_degree", "1")] {
        harness.state_mut().apply(&context, TrainAction::SetOption(key.into(), value.into()));
    }
    harness.state_mut().apply(&context, TrainAction::SetFolder(out.display().to_string()));
    harness.run_steps(2);
    harness.get_by_label("Train").click();
    harness.run_steps(2);
    let wait = |harness: &mut Harness<'static, Viewer>, what: &str, done: fn(&Viewer) -> bool| {
        let start = std::time::Instant::now();
        while !done(harness.state()) {
            harness.step();
            assert!(start.elapsed().as_secs() < 240, "waited too long for {what}");
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    };
    wait(&mut harness, "the model", |viewer| viewer.state.is_growing() || viewer.jobs.training.is_none());
    assert!(harness.state().state.is_growing(), "{:?}", harness.state().state.notices.list());
    harness.get_by_label("Pause").click();
    wait(&mut harness, "the pause", |viewer| {
        viewer.jobs.training.as_ref().is_none_or(|training| training.live.status().phase == Phase::Paused)
    });
    let step = |harness: &Harness<'static, Viewer>| {
        harness.state().jobs.training.as_ref().map(|training| training.live.status().step)
    };
    harness.run_steps(3);
    let paused = step(&harness).expect("it goes on");
    std::thread::sleep(std::time::Duration::from_millis(300));
    harness.run_steps(3);
    assert_eq!(step(&harness), Some(paused), "it stands still");
    harness.get_by_label("Step").click();
    harness.run_steps(2);
    let start = std::time::Instant::now();
    while step(&harness) == Some(paused) && start.elapsed().as_secs() < 60 {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    assert_eq!(step(&harness), Some(paused + 1));
    // What is in training is not edited.
    harness.key_press(Key::C);
    harness.run_steps(2);
    assert!(!harness.state().state.edit.is_dirty());
    harness.get_by_label("Go on").click();
    wait(&mut harness, "the end", |viewer| viewer.jobs.training.is_none());
    wait(&mut harness, "the run", |viewer| {
        !viewer.state.is_growing() && !viewer.state.document.as_ref().unwrap().scene.is_empty()
    });
    assert!(harness.state().pictures_drawn > 1);

    let mut config = crate::train::Config::load(&out.join("config.toml")).expect("reads");
    config.capture = capture;
    let again = folder.path().join("again");
    let mut session = Start::fresh(again.clone(), config).and_then(|start| start.open(&gpu())).expect("starts");
    while !session.is_done() {
        session.advance(&mut |_| ()).expect("a step");
    }
    session.finish(&mut |_| ()).expect("finishes");
    let scene = |run: &Path| std::fs::read(run.join(format::RUN_SCENE)).expect("a scene was saved");
    assert!(scene(&out) == scene(&again), "pauses, single steps and pictures leave the result as it is");
}
