//! Photos that differ in exposure and white balance, or whose lens darkens their corners: they are noticed and the scene is
//! as if they did not, agreeing ones are left alone, and runs repeat and resume to the byte.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use dapple::dataset::{Capture, CaptureOptions, Split};
use dapple::train::config::Choice;
use dapple::train::metrics::{Target, score};
use dapple::train::{Checkpoint, Config, Trainer};
use glam::Vec3;

use crate::support::gpu;
use crate::training::{assert_same, outcome};

const STEPS: u32 = 800;
/// Twelve photos, each seen so often before they are judged.
const JUDGED: u32 = 12 * 5;

type Made = OnceLock<(tempfile::TempDir, Arc<Capture>)>;

/// The capture of a scene with changes of its description, and what is written below it.
pub fn make(scene: &str, changes: &[(&str, &str)], below: &str) -> (tempfile::TempDir, Arc<Capture>) {
    let folder = tempfile::tempdir().unwrap();
    let scene = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenes").join(scene);
    let mut text = std::fs::read_to_string(scene).unwrap();
    for (from, to) in changes {
        assert!(text.contains(from), "{from}");
        text = text.replacen(from, to, 1);
    }
    let (file, path) = (folder.path().join("scene.toml"), folder.path().join("capture"));
    std::fs::write(&file, text + below).unwrap();
    dapple::synth::run(&file, &path).unwrap();
    let capture = Capture::open(&path, &CaptureOptions { strict: true, ..CaptureOptions::default() }).unwrap();
    (folder, Arc::new(capture))
}

/// The capture of scenes/tiny.toml, with its training photos disturbed or not; made once.
fn capture(disturbed: bool) -> Arc<Capture> {
    static CAPTURES: [Made; 2] = [Made::new(), Made::new()];
    let below = if disturbed { "\n[disturb]\nexposure = 1.0\nwhite_balance = 0.25\n" } else { "" };
    CAPTURES[usize::from(disturbed)].get_or_init(|| make("tiny.toml", &[], below)).1.clone()
}

/// A capture of scenes/outdoor.toml, whose photos are full to their corners.
pub fn yard(below: &str) -> (tempfile::TempDir, Arc<Capture>) {
    let smaller = [("width = 200", "width = 96"), ("height = 150", "height = 72"), ("train = 48", "train = 24")];
    make("outdoor.toml", &smaller, below)
}

pub fn config(exposure: Choice) -> Config {
    Config { steps: STEPS.into(), cap_max: 1500.into(), seed: 11, exposure, ..Config::default() }
}

fn trainer(disturbed: bool, exposure: Choice) -> Trainer {
    Trainer::new(&gpu(), capture(disturbed), config(exposure)).unwrap()
}

/// Mean PSNR of the held-out views as they are, after the whole run.
fn held_out(disturbed: bool, exposure: Choice) -> f64 {
    trained_and_scored(&capture(disturbed), config(exposure)).0
}

/// Mean PSNR of the held-out views as they are, after the whole run, and the trainer.
fn trained_and_scored(capture: &Arc<Capture>, config: Config) -> (f64, Trainer) {
    let mut trainer = trained(capture, config);
    (psnr_over(&mut trainer, capture, Vec3::ZERO), trainer)
}

/// The trainer after the whole run.
pub fn trained(capture: &Arc<Capture>, config: Config) -> Trainer {
    let mut trainer = Trainer::new(&gpu(), capture.clone(), config).unwrap();
    while trainer.step_index() < STEPS {
        trainer.step().unwrap();
    }
    trainer
}

/// Mean PSNR of the held-out views as they are, over a background.
pub fn psnr_over(trainer: &mut Trainer, capture: &Capture, background: Vec3) -> f64 {
    let shots: Vec<usize> = (0..capture.shots.len()).filter(|&i| capture.shots[i].split == Split::Test).collect();
    let behind = background - trainer.config().background.fixed();
    let psnr = |&shot: &usize| {
        let target = Target::new(&capture.load(shot).unwrap(), background);
        let mut pixels = trainer.render_view(&capture.shots[shot].camera, 0.0).unwrap().pixels;
        pixels.iter_mut().for_each(|pixel| *pixel += (behind * pixel.w).extend(0.0));
        score(&target, &pixels).psnr
    };
    shots.iter().map(psnr).sum::<f64>() / shots.len() as f64
}

#[test]
fn what_different_exposures_cost_is_won_back() {
    let (agreeing, lost, won) =
        (held_out(false, Choice::Off), held_out(true, Choice::Off), held_out(true, Choice::Auto));
    let share = (won - lost) / (agreeing - lost);
    eprintln!(
        "exposure: {agreeing:.2} dB, disturbed {lost:.2} dB, with transforms {won:.2} dB: {:.0} %",
        100.0 * share
    );
    assert!(agreeing - lost > 0.5, "the disturbance costs something");
    assert!(share >= 0.8, "{share:.2} of it is won back");
}

#[test]
fn photos_that_agree_are_left_alone_to_the_byte() {
    let run = |exposure| outcome(&mut trainer(false, exposure), JUDGED + 20);
    let (off, auto) = (run(Choice::Off), run(Choice::Auto));
    assert_same("the run that compared photos", &off.0.tensors, &auto.0.tensors);
    assert!(off.1 == auto.1 && off.0.extra == auto.0.extra);
}

#[test]
fn runs_with_transforms_repeat_and_resume_to_the_byte() {
    let until = JUDGED + 60;
    let straight = outcome(&mut trainer(true, Choice::Auto), until);
    assert!(straight.0.tensors.contains_key("appearance.value"), "photos that differ are noticed");
    assert_eq!(straight.0.extra["appearance_since"], JUDGED);
    let again = outcome(&mut trainer(true, Choice::Auto), until);
    assert!(straight.0 == again.0 && straight.1 == again.1);
    // Before photos are compared, while they are, when all are, and when transforms are trained.
    for stop in [7, JUDGED - 5, JUDGED, JUDGED + 23] {
        let (saved, _) = outcome(&mut trainer(true, Choice::Auto), stop);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("checkpoint.safetensors");
        saved.save(&path).unwrap();
        let checkpoint = Checkpoint::load(&path).unwrap();
        let mut resumed = Trainer::resume(&gpu(), capture(true), checkpoint).unwrap();
        let (checkpoint, bytes) = outcome(&mut resumed, until);
        assert_same(&format!("the run resumed at {stop}"), &straight.0.tensors, &checkpoint.tensors);
        assert!(straight.0 == checkpoint && straight.1 == bytes, "resumed at {stop}");
    }
}

#[test]
fn what_a_vignetting_lens_costs_is_won_back() {
    let ((_even, even), (_dark, dark)) = (yard(""), yard("\n[disturb]\nvignetting = 0.5\n"));
    let run = |capture: &Arc<Capture>, vignetting| {
        trained_and_scored(capture, Config { cap_max: 3000.into(), vignetting, ..config(Choice::Off) })
    };
    let (plain, lost) = (run(&even, Choice::Off).0, run(&dark, Choice::Off).0);
    let ((won, mut trained), (left, mut untouched)) = (run(&dark, Choice::Auto), run(&even, Choice::Auto));
    let share = (won - lost) / (plain - lost);
    eprintln!("vignetting: {plain:.2} dB, disturbed {lost:.2} dB, trained {won:.2} dB: {:.0} %", 100.0 * share);
    assert!(plain - lost > 0.5, "the disturbance costs something");
    assert!(share >= 0.8, "{share:.2} of it is won back");
    assert!(left == plain && untouched.appearances().unwrap().is_none(), "an even lens is left alone");
    // A photo half as bright in its corner is darker there by one stop.
    let found = trained.appearances().unwrap().expect("vignetting");
    let powers: f64 = found.trained.values().next().unwrap().vignetting.iter().sum();
    assert!((-1.3..-0.7).contains(&(powers / (std::f64::consts::LN_2 / 2.4))), "{powers}");
}

#[test]
fn the_mean_of_the_photos_is_the_identity() {
    let mut trainer = trainer(true, Choice::On);
    (0..JUDGED + 20).for_each(|_| trainer.step().unwrap());
    let found = trainer.appearances().unwrap().expect("transforms");
    assert_eq!((found.trained.len(), found.predicted.len()), (12, 3));
    let gains = |channel: usize| found.trained.values().map(move |photo| photo.matrix[channel][channel].ln());
    for channel in 0..3 {
        assert!(gains(channel).sum::<f64>().abs() < 1e-6, "channel {channel}");
        assert!(gains(channel).fold(0.0, f64::max) > 0.05, "they are not all the identity");
    }
}

/// A PNG file with an EXIF block that states an exposure time of 1/60 s times two to the power of `stops`.
fn with_exif(png: &[u8], stops: f64) -> Vec<u8> {
    let tag = |tag: u16, kind: u16, value: u32| {
        [&tag.to_le_bytes()[..], &kind.to_le_bytes(), &1u32.to_le_bytes(), &value.to_le_bytes()].concat()
    };
    let (to_inner, time) = (tag(0x8769, 4, 26), tag(0x829a, 5, 44));
    let [one, none] = [1u16.to_le_bytes(), [0; 2]];
    let ratio = [(1e6 * stops.exp2()).round() as u32, 60_000_000].map(u32::to_le_bytes).concat();
    let head = [&b"II*\0"[..], &8u32.to_le_bytes()].concat();
    let block = [&head[..], &one, &to_inner, &none, &none, &one, &time, &none, &none, &ratio].concat();
    let body = [&b"eXIf"[..], &block].concat();
    let crc = !body.iter().fold(!0u32, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 })
    });
    // Behind the signature and the header's chunk.
    let (start, rest) = png.split_at(33);
    [start, &(block.len() as u32).to_be_bytes(), &body, &crc.to_be_bytes(), rest].concat()
}

#[test]
fn exif_starts_the_transforms_and_predicts_held_out_ones() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tiny");
    dapple::synth::run(&Path::new(env!("CARGO_MANIFEST_DIR")).join("scenes/tiny.toml"), &path).unwrap();
    let stops = |name: &str| 0.25 * f64::from(name.bytes().map(u32::from).sum::<u32>() % 7);
    for entry in std::fs::read_dir(path.join("images")).unwrap().map(Result::unwrap) {
        let png = std::fs::read(entry.path()).unwrap();
        std::fs::write(entry.path(), with_exif(&png, stops(&entry.file_name().to_string_lossy()))).unwrap();
    }
    let open =
        || Arc::new(Capture::open(&path, &CaptureOptions { strict: true, ..CaptureOptions::default() }).unwrap());
    let capture = open();
    let by_exif = |shot: &dapple::dataset::Shot| stops(shot.image.file_name().unwrap().to_str().unwrap());
    let train: Vec<f64> = capture.shots.iter().filter(|shot| shot.split == Split::Train).map(by_exif).collect();
    let mean = train.iter().sum::<f64>() / train.len() as f64;
    let mut trainer = Trainer::new(&gpu(), open(), config(Choice::Auto)).unwrap();
    let found = trainer.appearances().unwrap().expect("exposures differ by EXIF");
    for shot in &capture.shots {
        let want = (std::f64::consts::LN_2 / 2.4 * (by_exif(shot) - mean)).exp();
        let got = found.of(&shot.name).expect("every photo has one").matrix[1][1];
        assert!((got - want).abs() < 1e-4, "{} ({:?}): {got}, not {want}", shot.name, shot.split);
    }
    let mut off = Trainer::new(&gpu(), open(), config(Choice::Off)).unwrap();
    assert!(off.appearances().unwrap().is_none());
}
