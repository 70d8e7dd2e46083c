//! Poses that are off, and refined: what it wins back, what it costs, and that a resumed run is the same.

use std::sync::{Arc, OnceLock};

use dapple::dataset::{Capture, CaptureOptions};
use dapple::synth;
use dapple::train::config::{Choice, Config};
use dapple::train::evaluate::{Mean, Rules, evaluate, shots_of};
use dapple::train::{Background, Trainer};

use crate::support::gpu;

const STEPS: u32 = 600;

fn config(refines: bool) -> Config {
    Config {
        steps: STEPS.into(),
        cap_max: 1500.into(),
        background: Background::Colour([0.0; 3]),
        exposure: Choice::Off,
        refine_poses: refines,
        ..Config::default()
    }
}

/// The capture of scenes/tiny.toml, with the poses of its training photos off by half a degree and one percent, or not.
fn capture(disturbed: bool) -> Arc<Capture> {
    static CAPTURES: [OnceLock<(tempfile::TempDir, Arc<Capture>)>; 2] = [const { OnceLock::new() }; 2];
    let make = || {
        let folder = tempfile::tempdir().unwrap();
        let scene = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("scenes/tiny.toml");
        let mut text = std::fs::read_to_string(scene).unwrap();
        if disturbed {
            text += "\n[disturb]\nrotation = 0.5\ntranslation = 0.01\n";
        }
        let file = folder.path().join("scene.toml");
        std::fs::write(&file, text).unwrap();
        synth::run(&file, &folder.path().join("capture")).unwrap();
        let capture = Capture::open(&folder.path().join("capture"), &CaptureOptions::default()).unwrap();
        (folder, Arc::new(capture))
    };
    CAPTURES[usize::from(disturbed)].get_or_init(make).1.clone()
}

fn trainer(disturbed: bool, refines: bool) -> Trainer {
    Trainer::new(&gpu(), capture(disturbed), config(refines)).unwrap()
}

fn trained(disturbed: bool, refines: bool) -> Trainer {
    let mut trainer = trainer(disturbed, refines);
    while trainer.step_index() < STEPS {
        trainer.step().unwrap();
    }
    trainer
}

/// Held-out PSNR, the cameras being aligned where poses were refined.
fn held_out(trainer: &mut Trainer) -> f64 {
    let capture = trainer.capture().clone();
    let capture = match trainer.poses(true).unwrap() {
        Some(poses) => Arc::new(poses.applied_to(&capture)),
        None => capture,
    };
    let shots = shots_of(&capture, dapple::dataset::Split::Test);
    let render = |shot: &dapple::dataset::Shot| trainer.render_view(&shot.camera, 0.0);
    let rules = Rules { background: Background::Colour([0.0; 3]).fixed(), strict: true, thorough: false };
    let views = evaluate(&capture, &shots, rules, None, render, |_| Ok(())).unwrap();
    Mean::of(&views).psnr
}

#[test]
fn refined_poses_win_back_what_wrong_ones_cost() {
    let agreeing = held_out(&mut trained(false, false));
    let lost = held_out(&mut trained(true, false));
    let mut refined = trained(true, true);
    let won = held_out(&mut refined);
    let found = refined.poses(true).unwrap().expect("poses are refined");
    eprintln!("poses: {agreeing:.2} dB, off {lost:.2} dB, refined {won:.2} dB; {}", found.words());
    assert!(agreeing - lost > 0.5, "wrong poses cost something: {agreeing:.2} {lost:.2}");
    assert!(won - lost >= 0.8 * (agreeing - lost), "{agreeing:.2} {lost:.2} {won:.2}");
    let cost = agreeing - held_out(&mut trained(false, true));
    assert!(cost <= 0.05, "refinement of right poses costs {cost:.2} dB");
}

#[test]
fn a_resumed_refinement_is_the_one_of_one_piece() {
    let mut whole = trainer(true, true);
    let mut parts = trainer(true, true);
    for step in 0..60 {
        whole.step().unwrap();
        parts.step().unwrap();
        if step == 37 {
            // An alignment in between leaves no trace.
            parts.poses(true).unwrap();
            let checkpoint = parts.checkpoint().unwrap();
            parts = Trainer::resume(&gpu(), capture(true), checkpoint).unwrap();
        }
    }
    let (a, b) = (whole.checkpoint().unwrap(), parts.checkpoint().unwrap());
    assert_eq!(a, b);
    assert!(a.tensors.contains_key("poses"));
    let moved = whole.poses(false).unwrap().expect("poses are refined");
    assert!(moved.trained.values().any(|moved| moved.degrees > 0.0) && moved.aligned.is_empty());
}
