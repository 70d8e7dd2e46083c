//! Relocation and growth on the device against the oracle's formulas, draws and prediction of the image.

use std::sync::{Mutex, MutexGuard, OnceLock};

use dapple::gpu::Recorder;
use dapple::model::{Model, ModelForm, MotionKind};
use dapple::render::{Channel, FrameStatus, RenderOptions, Renderer};
use dapple::scene::Scene;
use dapple::train::Config;
use dapple::train::moments::Moments;
use dapple::train::refine::{Refine, Refiner, weight_scale};
use dapple::train::schedule::Schedule;
use glam::Vec3;

use crate::reference::cases::{self, Rng};
use crate::reference::gradient::render;
use crate::reference::number::Num;
use crate::reference::project::{Gaussian, PARAMETERS, View};
use crate::reference::random::pcg4d;
use crate::reference::relocate::{self as oracle, Plan};
use crate::support::{self, gpu};

const STREAM_RELOCATE: u32 = 2;
const STREAM_GROW: u32 = 3;
const SEED: u32 = 0xdead_beef;
const STEP: u32 = 600;

struct Rig {
    renderer: Renderer,
    refiner: Refiner,
}

/// Compiled once for all tests of this file.
fn rig() -> MutexGuard<'static, Rig> {
    static RIG: OnceLock<Mutex<Rig>> = OnceLock::new();
    let new = || {
        let gpu = gpu();
        Mutex::new(Rig {
            renderer: support::training_renderer(),
            refiner: Refiner::new(&gpu, ModelForm::default()).unwrap(),
        })
    };
    RIG.get_or_init(new).lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// A model with moments, before and after an operation.
struct Population {
    model: Model,
    moments: Moments,
    degree: u32,
}

/// Values of every row: parameters, first and second moments.
type Snapshot = [Vec<[f64; PARAMETERS]>; 3];

impl Population {
    /// Moments start as all ones and all twos.
    fn new(scene: &Scene, capacity: usize) -> Self {
        let (gpu, degree) = (gpu(), scene.sh_degree);
        let moments = support::made_moments(scene.len(), capacity, degree, MotionKind::Static);
        Self { model: Model::with_capacity(&gpu, scene, capacity).unwrap(), moments, degree }
    }

    fn snapshot(&self) -> Snapshot {
        let capacity = self.model.capacity();
        let [first, second] = support::read_moments(&self.moments, capacity, self.degree, MotionKind::Static);
        [&self.model.rows, &first, &second].map(|rows| support::read_rows(&gpu(), rows, capacity, self.degree))
    }
}

/// What an operation drew: weights, source of every candidate, how often each was drawn.
struct Drawn {
    weights: Vec<u32>,
    plan: Plan,
}

/// Relocates, or grows by `added`, and reads what was drawn.
fn run(rig: &mut Rig, population: &mut Population, added: Option<usize>, overflowed: bool) -> Drawn {
    let (gpu, count) = (gpu(), population.model.len());
    let view = support::device_view(&cases::view(&mut Rng::new(1), 32, 32), count);
    rig.renderer.set_view(&view, &population.model).unwrap();
    let frame = rig.renderer.frame();
    let scratch = frame.scratch();
    if overflowed {
        gpu.write(scratch.status, 0, &[FrameStatus { overflowed: 1, ..FrameStatus::default() }]);
    }
    let refine = Refine {
        gaussians: count as u32,
        added: added.unwrap_or(0) as u32,
        seed: SEED,
        step: STEP,
        weight_scale: weight_scale(count),
        dead_opacity: oracle::DEAD as f32,
        ..Refine::default()
    };
    let mut recorder = Recorder::new(&gpu, false);
    let Population { model, moments, .. } = population;
    match added {
        None => rig.refiner.record_relocation(&mut recorder, model, moments, frame, &refine),
        Some(_) => rig.refiner.record_growth(&mut recorder, model, moments, frame, &refine),
    }
    recorder.finish().unwrap();
    let weights = gpu.read_range(scratch.weights, 0, count).unwrap();
    let drawn = gpu.read_range(scratch.draws, 0, count).unwrap();
    let sources = gpu.read_range(scratch.sources, 0, count + added.unwrap_or(0)).unwrap();
    let copies = sources.iter().enumerate().filter(|(_, s)| **s != u32::MAX).map(|(to, &s)| (to, s as usize)).collect();
    if overflowed {
        rig.renderer.frame_mut().read_status().unwrap();
    }
    model.set_len(count + added.unwrap_or(0));
    Drawn { weights, plan: Plan { copies, drawn } }
}

fn opacity(row: &[f64; PARAMETERS]) -> f64 {
    row[10].sigmoid()
}

/// The oracle's outcome of a plan.
fn predicted(before: &[[f64; PARAMETERS]], plan: &Plan) -> Vec<[f64; PARAMETERS]> {
    let mut after = before.to_vec();
    let sources = (0..plan.drawn.len()).filter(|&i| plan.drawn[i] > 0).map(|i| (i, i));
    for (to, from) in plan.copies.iter().copied().chain(sources) {
        let split = oracle::split(opacity(&before[from]), oracle::copies(plan.drawn[from]));
        after[to] = before[from];
        after[to][10] = (split.opacity / (1.0 - split.opacity)).ln();
        (7..10).for_each(|lane| after[to][lane] += split.scale.ln());
    }
    after
}

/// Largest relative differences of o, of 1 - o (where f32 tells it from 0) and of the scales.
fn share_errors(got: &[f64; PARAMETERS], want: &[f64; PARAMETERS]) -> [f64; 3] {
    let (o, o_want) = (opacity(got), opacity(want));
    let scale = (7..10).map(|lane| ((got[lane] - want[lane]).exp() - 1.0).abs()).fold(0.0, f64::max);
    [(o / o_want - 1.0).abs(), (1.0 - o) / (1.0 - o_want) - 1.0, scale]
}

/// One living Gaussian of a given logit in front of `dead` dead ones.
fn one_alive(logit: f32, dead: usize) -> Scene {
    let (gaussians, _) = cases::scene(5, dead + 1, 32, 32);
    let mut scene = cases::host_scene(&gaussians, 0, false);
    scene.logits.fill(-20.0);
    scene.logits[dead / 2] = logit;
    scene
}

#[test]
fn shares_agree_with_the_formulas() {
    let mut rig = rig();
    let mut worst = [0.0_f64; 3];
    // Opacities 0.0051 to 0.999, 1 - 1e-6, and one that f32 rounds to 1.
    for logit in [-5.27_f32, -3.9, -2.2, 0.0, 2.2, 4.6, 6.9, 13.8, 20.0] {
        for copies in (2..=53).filter(|n| logit > 4.0 || n % 7 == 2) {
            let mut population = Population::new(&one_alive(logit, copies - 1), copies);
            let before = population.snapshot();
            let drawn = run(&mut rig, &mut population, None, false);
            assert_eq!(drawn.plan.drawn.iter().sum::<u32>() as usize, copies - 1);
            let (after, want) = (population.snapshot(), predicted(&before[0], &drawn.plan));
            for (got, want) in after[0].iter().zip(&want) {
                let errors = share_errors(got, want);
                let what = format!("logit {logit}, N {copies}: {errors:?}");
                // 1 - o is known to one unit of f32's opacity, 6e-8.
                let resolved = 1e-4 + 6e-8 / (1.0 - opacity(want));
                assert!(errors[0] < 1e-4 && errors[1].abs() < resolved && errors[2] < 1e-4, "{what}");
                for (worst, error) in worst.iter_mut().zip(errors) {
                    *worst = worst.max(error.abs());
                }
            }
        }
    }
    eprintln!("shares: relative error of o {:.1e}, of 1 - o {:.1e}, of the scale {:.1e}", worst[0], worst[1], worst[2]);
}

/// Some hundred Gaussians, a fifth of them dead.
fn mixed(count: usize, degree: u32) -> (Vec<Gaussian<f64>>, View<f64>, Scene) {
    let (mut gaussians, view) = cases::scene(31, count, 64, 48);
    let mut rng = Rng::new(32);
    for g in gaussians.iter_mut() {
        if rng.unit() < 0.2 {
            g.logit = f64::from(rng.range(-12.0, -5.31) as f32);
        }
    }
    let scene = cases::host_scene(&gaussians, degree, false);
    (gaussians, view, scene)
}

/// Weights within one unit of the oracle's, and the oracle's draws from the device's weights.
fn check_draws(drawn: &Drawn, before: &[[f64; PARAMETERS]], destinations: Vec<usize>, stream: u32, dead: f64) {
    let scale = oracle::weight_scale(drawn.weights.len() as u32);
    for (i, &weight) in drawn.weights.iter().enumerate() {
        let o = opacity(&before[i]);
        let want = if o > dead { oracle::weight(o, scale) } else { 0 };
        assert!(
            weight.abs_diff(want) <= 1 && (weight == 0) == (want == 0),
            "Gaussian {i}: weight {weight}, not {want}"
        );
    }
    let word = |to: usize| pcg4d([to as u32, STEP, SEED, stream])[0];
    assert_eq!(Some(&drawn.plan), oracle::plan(&drawn.weights, destinations, word).as_ref());
}

fn check_rows(got: &[[f64; PARAMETERS]], want: &[[f64; PARAMETERS]], changed: &dyn Fn(usize) -> bool) {
    for (i, (got, want)) in got.iter().zip(want).enumerate() {
        let errors = share_errors(got, want);
        let same = |lanes: std::ops::Range<usize>| got[lanes.clone()] == want[lanes];
        assert!(same(0..7) && same(11..PARAMETERS), "Gaussian {i} is not a copy");
        assert!(
            if changed(i) { errors[0] < 1e-4 && errors[2] < 1e-4 } else { got == want },
            "Gaussian {i}: {errors:?}"
        );
    }
}

/// Largest difference of two images in any channel.
fn difference(a: &[[f64; 3]], b: &[[f64; 3]]) -> f64 {
    a.as_flattened().iter().zip(b.as_flattened()).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

#[test]
fn relocation_draws_copies_and_keeps_the_image() {
    let mut rig = rig();
    let (gaussians, view, scene) = mixed(500, 3);
    let mut population = Population::new(&scene, 500);
    let before = population.snapshot();
    let drawn = run(&mut rig, &mut population, None, false);
    let dead: Vec<usize> = (0..500).filter(|&i| opacity(&before[0][i]) <= oracle::DEAD).collect();
    assert!(dead.len() > 60, "{} dead", dead.len());
    check_draws(&drawn, &before[0], dead.clone(), STREAM_RELOCATE, oracle::DEAD);
    let plan = &drawn.plan;
    let after = population.snapshot();
    check_rows(&after[0], &predicted(&before[0], plan), &|i| plan.drawn[i] > 0 || dead.contains(&i));
    // Sources forget their moments, the relocated keep theirs.
    for (which, kept) in [(1, 1.0), (2, 2.0)] {
        for (i, row) in after[which].iter().enumerate() {
            let want = if plan.drawn[i] > 0 { 0.0 } else { kept };
            assert!(row.iter().all(|&v| v == want), "Gaussian {i}: moments {row:?}, not {want}");
        }
    }

    // The device renders what the oracle predicts, and the whole changes the image as little as the formula says.
    let as_gaussians = |rows: &[[f64; PARAMETERS]]| rows.iter().map(Gaussian::from_array).collect::<Vec<_>>();
    let (first, second) = (render(&gaussians, &view), render(&as_gaussians(&predicted(&before[0], plan)), &view));
    let options = RenderOptions {
        background: Vec3::from_array(view.background.map(|v| v as f32)),
        channel: Channel::Color,
        sh_degree: view.sh_degree,
        antialiased: false,
        near: view.near as f32,
        time: 0.0,
    };
    let got = rig.renderer.render(&population.model, &cases::camera_of(&view), &options).unwrap();
    let clear: Vec<usize> = (0..got.pixels.len()).filter(|&i| !second.near_branch[i]).collect();
    let pick = |image: &[[f64; 3]]| clear.iter().map(|&i| image[i]).collect::<Vec<_>>();
    let device: Vec<[f64; 3]> = got.pixels.iter().map(|p| p.truncate().as_dvec3().to_array()).collect();
    let (by_oracle, by_formula) =
        (difference(&pick(&device), &pick(&second.rgb)), difference(&pick(&first.rgb), &pick(&second.rgb)));
    let moved = difference(&pick(&device), &pick(&first.rgb));
    eprintln!(
        "relocation: image differs from the oracle's prediction by {by_oracle:.1e}, from the image before by {moved:.3} \
         (E.6 predicts {by_formula:.3}); {} dead, {} of {} pixels compared",
        dead.len(),
        clear.len(),
        got.pixels.len()
    );
    assert!(by_oracle < 1.0 / 512.0 && moved <= by_formula + 1.0 / 512.0);
}

#[test]
fn growth_appends_copies_up_to_the_cap() {
    let mut rig = rig();
    let (_, _, scene) = mixed(301, 2);
    let config = Config { cap_max: 346.into(), ..Config::default() };
    let schedule = Schedule::new(&config, vec![0]);
    let mut population = Population::new(&scene, 346);
    let mut sizes = vec![301];
    loop {
        let count = population.model.len();
        let grown = schedule.strategy().grown(count);
        if grown == count {
            break;
        }
        let before = population.snapshot();
        let drawn = run(&mut rig, &mut population, Some(grown - count), false);
        // Growth draws from all, the dead included.
        check_draws(&drawn, &before[0], (count..grown).collect(), STREAM_GROW, -1.0);
        let after = population.snapshot();
        check_rows(&after[0], &predicted(&before[0], &drawn.plan), &|i| i >= count || drawn.plan.drawn[i] > 0);
        for which in [1, 2] {
            assert!(after[which] == before[which], "growth touches no moments");
            assert!(after[which][count..].iter().flatten().all(|&v| v == 0.0), "children start with zero moments");
        }
        sizes.push(grown);
    }
    assert_eq!(sizes, [301, 316, 331, 346], "five per cent at a time, to the cap exactly");
}

/// A population in which an operation must change nothing at all.
fn check_untouched(rig: &mut Rig, what: &str, scene: &Scene, added: Option<usize>, overflowed: bool) {
    let mut population = Population::new(scene, scene.len() + added.unwrap_or(0));
    let before = population.snapshot();
    run(rig, &mut population, added, overflowed);
    assert!(population.snapshot() == before, "{what}: something changed");
}

#[test]
fn nothing_happens_where_nothing_may() {
    let mut rig = rig();
    let (_, _, scene) = mixed(130, 1);
    let with_logits = |logit: f32| Scene { logits: vec![logit; scene.len()], ..scene.clone() };
    check_untouched(&mut rig, "all dead", &with_logits(-9.0), None, false);
    check_untouched(&mut rig, "none dead", &with_logits(0.5), None, false);
    check_untouched(&mut rig, "relocation after an overflow", &scene, None, true);
    check_untouched(&mut rig, "growth after an overflow", &scene, Some(6), true);
}

/// 70 000 Gaussians that differ in their logits alone.
fn equal_but_for_opacity(logit: impl Fn(usize) -> f32) -> Scene {
    let count = 70_000;
    Scene {
        means: vec![Vec3::ZERO; count],
        quaternions: vec![[1.0, 0.0, 0.0, 0.0]; count],
        log_scales: vec![Vec3::ZERO; count],
        logits: (0..count).map(logit).collect(),
        sh: vec![0.0; 3 * count],
        ..Scene::default()
    }
}

/// Gaussians so faint that each has the least weight: a draw is then off by one wherever a product is.
#[test]
fn draws_agree_where_every_weight_is_one() {
    let mut rig = rig();
    let scene = equal_but_for_opacity(|_| -16.0);
    let rows: Vec<[f64; PARAMETERS]> =
        scene.logits.iter().map(|&logit| std::array::from_fn(|k| if k == 10 { logit.into() } else { 0.0 })).collect();
    let mut population = Population::new(&scene, 73_500);
    let drawn = run(&mut rig, &mut population, Some(3500), false);
    assert!(drawn.weights.iter().all(|&weight| weight == 1));
    check_draws(&drawn, &rows, (70_000..73_500).collect(), STREAM_GROW, -1.0);
}

/// As many opaque Gaussians as make the sum of all weights nearly 2^32, where a draw's product needs all 64 bits.
#[test]
fn draws_agree_where_weights_fill_32_bits() {
    let mut rig = rig();
    let scene = equal_but_for_opacity(|i| 20.0 - (i % 3) as f32);
    let rows: Vec<[f64; PARAMETERS]> =
        scene.logits.iter().map(|&logit| std::array::from_fn(|k| if k == 10 { logit.into() } else { 0.0 })).collect();
    let mut population = Population::new(&scene, 73_500);
    let drawn = run(&mut rig, &mut population, Some(3500), false);
    let total: u64 = drawn.weights.iter().map(|&w| u64::from(w)).sum();
    assert!(total > u64::from(u32::MAX) / 1000 * 999 && total <= u64::from(u32::MAX), "{total}");
    check_draws(&drawn, &rows, (70_000..73_500).collect(), STREAM_GROW, -1.0);
}

/// The first Gaussians, those around a block, are neither relocated nor drawn, dead or not.
#[test]
fn surroundings_are_neither_targets_nor_sources() {
    const AROUND: usize = 90;
    let mut rig = rig();
    let (gpu, (_, _, scene)) = (gpu(), mixed(200, 1));
    for added in [None, Some(20)] {
        let population = Population::new(&scene, 220);
        let before = population.snapshot();
        let view = support::device_view(&cases::view(&mut Rng::new(1), 32, 32), 200);
        rig.renderer.set_view(&view, &population.model).unwrap();
        let refine = Refine {
            gaussians: 200,
            added: added.unwrap_or(0),
            seed: SEED,
            step: STEP,
            weight_scale: weight_scale(200),
            dead_opacity: oracle::DEAD as f32,
            around: AROUND as u32,
            ..Refine::default()
        };
        let mut recorder = Recorder::new(&gpu, false);
        let (frame, Population { model, moments, .. }) = (rig.renderer.frame(), &population);
        match added {
            None => rig.refiner.record_relocation(&mut recorder, model, moments, frame, &refine),
            Some(_) => rig.refiner.record_growth(&mut recorder, model, moments, frame, &refine),
        }
        recorder.finish().unwrap();
        let draws = gpu.read_range(rig.renderer.frame().scratch().draws, 0, 200).unwrap();
        assert!(draws[..AROUND].iter().all(|&n| n == 0) && draws[AROUND..].iter().any(|&n| n > 0), "{added:?}");
        let dead = |rows: &[[f64; PARAMETERS]]| rows.iter().filter(|row| opacity(row) <= oracle::DEAD).count();
        assert!(dead(&before[0][..AROUND]) > 5, "some of those around are dead");
        let after = population.snapshot();
        (0..3).for_each(|which| assert!(after[which][..AROUND] == before[which][..AROUND], "{added:?}: {which}"));
        if added.is_none() {
            assert_eq!(dead(&after[0][AROUND..200]), 0, "all others that were dead are relocated");
        }
    }
}
