//! Training on a tiny procedural capture: it learns, and equal inputs give equal bytes however the run goes.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use dapple::dataset::{Capture, CaptureOptions, Split};
use dapple::format::write_scene;
use dapple::gpu::{Gpu, GpuError};
use dapple::train::config::{FlowShape, FlowSource, Init, Paths, Precision, Subgroups, Switch};
use dapple::train::{Checkpoint, Config, Tensor, Trainer};

use crate::support::gpu;

/// The capture of scenes/tiny.toml, made once.
fn capture() -> Arc<Capture> {
    static CAPTURE: OnceLock<(tempfile::TempDir, Arc<Capture>)> = OnceLock::new();
    let make = || {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tiny");
        dapple::synth::run(&Path::new(env!("CARGO_MANIFEST_DIR")).join("scenes/tiny.toml"), &path).unwrap();
        let options = CaptureOptions { strict: true, ..CaptureOptions::default() };
        let capture = Capture::open(&path, &options).unwrap();
        (folder, Arc::new(capture))
    };
    CAPTURE.get_or_init(make).1.clone()
}

/// A short run with everything in it: relocation and growth to a cap that is no multiple, all colour degrees.
fn config(steps: u32) -> Config {
    // Step constants are given for 30 000 steps.
    Config {
        steps: steps.into(),
        cap_max: 777.into(),
        refine_every: 1500,
        init_opacity: Some(0.1),
        init_scale: Some(0.5),
        seed: 11,
        ..Config::default()
    }
}

/// Checkpoint and bytes of the scene file after some steps.
pub fn outcome(trainer: &mut Trainer, until: u32) -> (Checkpoint, Vec<u8>) {
    while trainer.step_index() < until {
        trainer.step().unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("scene.ply");
    write_scene(&path, &trainer.scene().unwrap()).unwrap();
    (trainer.checkpoint().unwrap(), std::fs::read(&path).unwrap())
}

fn trained(config: Config) -> (Checkpoint, Vec<u8>) {
    let steps = config.step_count();
    outcome(&mut Trainer::new(&gpu(), capture(), config).unwrap(), steps)
}

/// The first value that differs, so that a failure says more than that bytes differ.
pub fn assert_same(what: &str, a: &BTreeMap<String, Tensor>, b: &BTreeMap<String, Tensor>) {
    assert_eq!(a.keys().collect::<Vec<_>>(), b.keys().collect::<Vec<_>>());
    for (name, tensor) in a {
        assert!(tensor == &b[name], "{what}: {name} differs");
    }
}

const STEPS: u32 = 160;

/// The run that others are compared with, done once.
fn reference_run() -> &'static (Checkpoint, Vec<u8>) {
    static RUN: OnceLock<(Checkpoint, Vec<u8>)> = OnceLock::new();
    RUN.get_or_init(|| trained(config(STEPS)))
}

#[test]
fn equal_seeds_give_equal_bytes_and_others_do_not() {
    let (first, second) = (reference_run(), trained(config(STEPS)));
    assert_eq!(first.0.extra["gaussians"], 777, "growth ends at the cap");
    assert_same("a second run", &first.0.tensors, &second.0.tensors);
    assert_eq!(first.1, second.1);
    let other = trained(Config { seed: 12, ..config(STEPS) });
    assert_ne!(first.1, other.1);
}

#[test]
fn a_lost_device_is_an_error_from_then_on() {
    let gpu = Gpu::open(None).unwrap();
    let mut trainer = Trainer::new(&gpu, capture(), config(STEPS)).unwrap();
    trainer.step().unwrap();
    let before = trainer.checkpoint().unwrap();
    gpu.device().destroy();
    let lost = |error: anyhow::Error| {
        assert!(matches!(error.downcast_ref(), Some(GpuError::Lost(_))), "{error:#}");
    };
    // Steps are only recorded until the trainer looks at the device.
    lost((0..64).find_map(|_| trainer.step().err()).expect("no step can be done any more"));
    lost(trainer.checkpoint().map(|_| ()).unwrap_err());
    lost(trainer.scene().map(|_| ()).unwrap_err());
    assert_eq!(
        Trainer::resume(&crate::support::gpu(), capture(), before).unwrap().step_index(),
        1,
        "the checkpoint is intact"
    );
}

#[test]
fn a_resumed_run_gives_the_bytes_of_a_straight_one() {
    let mut half = Trainer::new(&gpu(), capture(), config(STEPS)).unwrap();
    // Neither a multiple of the steps between two looks at the device nor of those between two relocations.
    let (saved, _) = outcome(&mut half, 85);
    drop(half);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checkpoint.safetensors");
    saved.save(&path).unwrap();
    let mut resumed = Trainer::resume(&gpu(), capture(), Checkpoint::load(&path).unwrap()).unwrap();
    assert_eq!(resumed.step_index(), 85);
    let (checkpoint, bytes) = outcome(&mut resumed, STEPS);
    let straight = reference_run();
    assert_same("the resumed run", &straight.0.tensors, &checkpoint.tensors);
    assert!(straight.0 == checkpoint && straight.1 == bytes);
}

#[test]
fn subgroups_do_not_change_the_bytes() {
    if !gpu().subgroups() {
        eprintln!("SKIPPED: the adapter has no subgroups");
        return;
    }
    let without = trained(Config { subgroups: Subgroups::Off, ..config(STEPS) });
    assert_same("the run without subgroups", &reference_run().0.tensors, &without.0.tensors);
    assert_eq!(reference_run().1, without.1);
}

/// Random Gaussians that each cover all 16 tiles, so that the first of two growths takes the pairs beyond the 65 536
/// that a small model has room for at first.
fn crowded(cap_max: u32) -> Config {
    let start =
        Config { init: Init::Random, init_points: 4090, init_scale: Some(40.0), init_opacity: Some(0.5), ..config(48) };
    Config { cap_max: cap_max.into(), refine_every: 9000, ..start }
}

fn pair_bytes(trainer: &Trainer) -> u64 {
    trainer.gpu_bytes().iter().filter(|(label, _)| *label == "view: slot gradients").map(|(_, bytes)| bytes).sum()
}

#[test]
fn an_overflow_of_the_pairs_changes_no_byte() {
    // Devices of their own: the memory_stats counts all buffers of a device.
    let open = || Gpu::open(None).unwrap();
    let mut small = Trainer::new(&open(), capture(), crowded(6000)).unwrap();
    small.step().unwrap();
    small.statistics().unwrap();
    let before = pair_bytes(&small);
    let (checkpoint, bytes) = outcome(&mut small, 48);
    let grown = pair_bytes(&small);
    assert!(grown > before, "the run never overflowed: {before} bytes of pairs from first to last");

    // A large picture beforehand leaves room that is enough from the start.
    let mut roomy = Trainer::new(&open(), capture(), crowded(6000)).unwrap();
    let mut large = capture().shots[0].camera;
    large.lens = large.lens.resized(4 * large.lens.width, 4 * large.lens.height);
    roomy.render_view(&large, 0.0).unwrap();
    roomy.step().unwrap();
    roomy.statistics().unwrap();
    let room = pair_bytes(&roomy);
    let (want, want_bytes) = outcome(&mut roomy, 48);
    assert_eq!(pair_bytes(&roomy), room, "the run with room overflowed");
    assert!(want.extra["gaussians"].as_u64() > Some(4096) && want.extra == checkpoint.extra);
    eprintln!(
        "overflow: pairs took {before} bytes at first and {grown} at the end; {} Gaussians",
        want.extra["gaussians"]
    );
    assert_same("the run that overflowed", &want.tensors, &checkpoint.tensors);
    assert_eq!(want_bytes, bytes);
}

/// Mean PSNR over the held-out views, images composited on black.
fn test_psnr(trainer: &mut Trainer) -> f64 {
    let capture = capture();
    let shots: Vec<usize> = (0..capture.shots.len()).filter(|&i| capture.shots[i].split == Split::Test).collect();
    let psnr = |&shot: &usize| {
        let (picture, image) =
            (capture.load(shot).unwrap(), trainer.render_view(&capture.shots[shot].camera, 0.0).unwrap());
        let squares: f64 = picture
            .pixels
            .iter()
            .zip(&image.pixels)
            .flat_map(|(want, got)| (0..3).map(|ch| f64::from(got[ch].clamp(0.0, 1.0)) - f64::from(want[ch]) / 255.0))
            .map(|difference| difference * difference)
            .sum();
        -10.0 * (squares / (3 * picture.pixels.len()) as f64).log10()
    };
    let each: Vec<f64> = shots.iter().map(psnr).collect();
    each.iter().sum::<f64>() / each.len() as f64
}

#[test]
fn training_learns_the_tiny_scene() {
    let mut trainer = Trainer::new(&gpu(), capture(), Config { cap_max: 1500.into(), ..config(600) }).unwrap();
    let before = test_psnr(&mut trainer);
    let mut reports = Vec::new();
    for stop in [60, 600] {
        while trainer.step_index() < stop {
            trainer.step().unwrap();
        }
        reports.push(trainer.statistics().unwrap());
    }
    let after = test_psnr(&mut trainer);
    eprintln!("training: {before:.2} dB at the start, {after:.2} dB after 600 steps; {reports:?}");
    assert!(reports[1].loss < 0.5 * reports[0].loss && reports[1].non_finite == 0);
    assert!(after > 24.0, "{after:.2} dB");
}

/// A small clip of scenes/dynamic_rigid.toml, made once: three fixed cameras, six moments, exact flow.
fn clip() -> Arc<Capture> {
    static CLIP: OnceLock<(tempfile::TempDir, Arc<Capture>)> = OnceLock::new();
    let make = || {
        let folder = tempfile::tempdir().unwrap();
        let scene = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenes/dynamic_rigid.toml");
        let mut text = std::fs::read_to_string(scene).unwrap();
        let smaller = [
            ("points = 6000", "points = 500"),
            ("width = 144", "width = 64"),
            ("height = 144", "height = 48"),
            ("train = 7", "train = 3"),
            ("frames = 16", "frames = 6"),
        ];
        for (from, to) in smaller {
            assert!(text.contains(from), "the description has no {from}");
            text = text.replace(from, to);
        }
        let (file, path) = (folder.path().join("clip.toml"), folder.path().join("clip"));
        std::fs::write(&file, text).unwrap();
        dapple::synth::run(&file, &path).unwrap();
        let capture = Capture::open(&path, &CaptureOptions { strict: true, ..CaptureOptions::default() }).unwrap();
        assert!(capture.is_dynamic() && capture.training_flow().len() > 6);
        (folder, Arc::new(capture))
    };
    CLIP.get_or_init(make).1.clone()
}

const CLIP_STEPS: u32 = 96;

/// A short run with all of motion in it: growth, relocation, gates, noise in time, flow in both directions.
fn clip_config() -> Config {
    Config { lr_gate: 1e-3, flow_weight: 0.05, refine_every: 3000, ..config(CLIP_STEPS) }
}

fn clip_run(config: Config) -> (Checkpoint, Vec<u8>) {
    moving_outcome(&mut Trainer::new(&gpu(), clip(), config).unwrap(), CLIP_STEPS)
}

/// As [`outcome`], with the scene in the container that holds motion.
fn moving_outcome(trainer: &mut Trainer, until: u32) -> (Checkpoint, Vec<u8>) {
    while trainer.step_index() < until {
        trainer.step().unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("scene.dapple");
    write_scene(&path, &trainer.scene().unwrap()).unwrap();
    (trainer.checkpoint().unwrap(), std::fs::read(&path).unwrap())
}

#[test]
fn moving_runs_repeat_and_resume_to_the_byte() {
    let straight = clip_run(clip_config());
    assert!(straight.0.tensors.contains_key("value.motion") && straight.0.tensors.contains_key("moments.geometry"));
    let again = clip_run(clip_config());
    assert_same("a second moving run", &straight.0.tensors, &again.0.tensors);
    assert_eq!(straight.1, again.1);
    let mut half = Trainer::new(&gpu(), clip(), clip_config()).unwrap();
    let (saved, _) = moving_outcome(&mut half, 41);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checkpoint.safetensors");
    saved.save(&path).unwrap();
    let mut resumed = Trainer::resume(&gpu(), clip(), Checkpoint::load(&path).unwrap()).unwrap();
    let (checkpoint, bytes) = moving_outcome(&mut resumed, CLIP_STEPS);
    assert_same("the resumed moving run", &straight.0.tensors, &checkpoint.tensors);
    assert!(straight.0 == checkpoint && straight.1 == bytes);
    if gpu().subgroups() {
        let without = clip_run(Config { subgroups: Subgroups::Off, ..clip_config() });
        assert_same("the moving run without subgroups", &straight.0.tensors, &without.0.tensors);
    }
    let affine = clip_run(Config { flow_form: FlowShape::Affine, ..clip_config() });
    assert_ne!(straight.1, affine.1, "the form of the flow matters");
    assert!(affine.0.extra["non_finite"] == 0);
}

/// Mean end-point error over the first and the last steps of a run.
fn flow_errors(config: Config) -> [f64; 2] {
    let mut trainer = Trainer::new(&gpu(), clip(), config).unwrap();
    let mut errors = Vec::new();
    for stop in [12, CLIP_STEPS - 12, CLIP_STEPS] {
        while trainer.step_index() < stop {
            trainer.step().unwrap();
        }
        errors.push(trainer.statistics().unwrap().flow.unwrap());
    }
    [errors[0], errors[2]]
}

#[test]
fn flow_teaches_velocities_and_gives_the_first_ones() {
    // Durations so short that a moment shows its own points, not where those of all others would be by then.
    let short = Config { init_duration: 0.2, ..clip_config() };
    let blind = Config { velocity_init: Switch::Off, lr_velocity: 0.02, flow_weight: 0.1, ..short };
    let [before, after] = flow_errors(blind.clone());
    let [known, _] = flow_errors(Config { velocity_init: Switch::On, ..blind });
    eprintln!(
        "flow: end-point error {before:.3} px at first, {after:.3} px at the end; {known:.3} px at first from flow"
    );
    assert!(after < 0.7 * before && known < 0.7 * before);
    let mut off = Trainer::new(&gpu(), clip(), Config { flow: FlowSource::Off, ..clip_config() }).unwrap();
    (0..20).for_each(|_| off.step().unwrap());
    assert_eq!(off.statistics().unwrap().flow, None);
}

/// Bytes of parameters and moments on the device for each Gaussian that there is room for.
fn bytes_a_gaussian(capture: Arc<Capture>, config: Config) -> f64 {
    let mut trainer = Trainer::new(&Gpu::open(None).unwrap(), capture, config).unwrap();
    let state = |label: &str| label.starts_with("gaussians: ") || label.starts_with("moments: ");
    let bytes: u64 = trainer.gpu_bytes().iter().filter(|(label, _)| state(label)).map(|(_, bytes)| bytes).sum();
    let (room, gaussians) = (trainer.capacity(), trainer.wait().unwrap());
    assert!(room <= gaussians * 3 / 2, "room for {room}, and {gaussians} Gaussians");
    // Buffers are rounded up by a few bytes.
    bytes as f64 / room as f64
}

fn assert_near(bytes: f64, want: f64) {
    assert!((bytes - want).abs() < 2.0, "{bytes} bytes a Gaussian, not {want}");
}

#[test]
fn the_state_of_a_gaussian_is_small() {
    let packed = Config { cap_max: 300_000.into(), ..config(10) };
    assert_near(bytes_a_gaussian(capture(), packed.clone()), 252.0);
    assert_near(bytes_a_gaussian(capture(), Config { sh_degree: Some(0), ..packed.clone() }), 160.0);
    assert_near(bytes_a_gaussian(clip(), Config { r#static: true, ..packed.clone() }), 252.0);
    let linear = Config { motion: Paths::Linear, ..packed.clone() };
    assert_near(bytes_a_gaussian(clip(), linear), 252.0 + 48.0 + 2.0 * 32.0);
    let curved = Config { motion: Paths::Curved, ..packed.clone() };
    assert_near(bytes_a_gaussian(clip(), curved.clone()), 252.0 + 3.0 * 48.0);
    let full = Config { precision: Precision::Full, ..curved };
    assert_near(bytes_a_gaussian(capture(), full.clone()), 732.0);
    assert_near(bytes_a_gaussian(clip(), full), 732.0 + 3.0 * 48.0);
}

/// What tests of packed state show also holds in full precision.
#[test]
fn full_precision_repeats_and_resumes_to_the_byte() {
    let full = || Config { precision: Precision::Full, ..clip_config() };
    let straight = clip_run(full());
    assert!(straight.0.tensors.contains_key("moment2.sh") && straight.1 != clip_run(clip_config()).1);
    let mut half = Trainer::new(&gpu(), clip(), full()).unwrap();
    let (saved, _) = moving_outcome(&mut half, 41);
    let mut resumed = Trainer::resume(&gpu(), clip(), saved).unwrap();
    let (checkpoint, bytes) = moving_outcome(&mut resumed, CLIP_STEPS);
    assert_same("the resumed run in full precision", &straight.0.tensors, &checkpoint.tensors);
    assert_eq!(straight.1, bytes);
}

#[test]
fn a_checkpoint_of_an_earlier_layout_is_refused_with_the_remedy() {
    let mut trainer = Trainer::new(&gpu(), capture(), config(4)).unwrap();
    (0..2).for_each(|_| trainer.step().unwrap());
    let mut checkpoint = trainer.checkpoint().unwrap();
    let moments = checkpoint.tensors.remove("moments.geometry").unwrap();
    checkpoint.tensors.insert("moment1.geometry".into(), moments);
    let error = Trainer::resume(&gpu(), capture(), checkpoint).err().unwrap();
    assert!(error.to_string().contains("earlier version") && error.to_string().contains("--init"), "{error}");
}
