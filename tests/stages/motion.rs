//! How the optimiser and relocation treat motion.

use dapple::gpu::Recorder;
use dapple::model::{Model, MotionKind, Rows};
use dapple::render::{Channel, Renderer, View};
use dapple::scene::{Motion, Scene};
use dapple::train::Config;
use dapple::train::refine::{Refine, Refiner, weight_scale};
use dapple::train::schedule::Schedule;
use dapple::train::update::{Optimiser, Step};
use glam::Vec4;

use crate::reference::adam::{self, Moments};
use crate::reference::cases::{self, Rng};
use crate::reference::motion::{self as oracle, LINEAR, MOTION, host_motion, set_moving};
use crate::reference::number::Num;
use crate::reference::project::{self as oracle_project, Gaussian, PARAMETERS};
use crate::reference::random::{box_muller, normals, pcg4d};
use crate::reference::relocate;
use crate::reference::update::{noise as noise_in_space, noise_gate};
use crate::support::{self, device_view, gpu, read_motion, read_rows};

const SEED: u32 = 77;
const STREAM_NOISE: u32 = 1;

/// The oracle's step of one Gaussian's motion; returns the shift of its time centre by the noise, and the way along its path
/// that the mean goes with it.
fn step_motion(
    m: &mut oracle::Motion<f64>,
    moments: &mut [Moments; MOTION],
    gradient: &[f64; MOTION],
    step: &Step,
    index: u32,
    gate: f64,
    curved: bool,
) -> (f64, [f64; 3]) {
    let mut row = *gradient;
    let steady = m.steady();
    row[4] -= f64::from(step.duration_regularisation);
    row[5] -= f64::from(step.gate_regularisation) * 20.0 * steady * (1.0 - steady);
    let [v, t, l, g] = [step.lr_velocity, step.lr_time, step.lr_duration, step.lr_gate].map(f64::from);
    let slowing = (f64::from(step.init_log_duration) - m.log_duration).exp().min(1.0);
    let v = v * slowing;
    let mut flat = m.to_array();
    let bend = slowing * slowing * f64::from(step.lr_acceleration);
    let turn = slowing * f64::from(step.lr_turn);
    let rates = [v, v, v, t, l, g, bend, bend, bend, turn, turn, turn];
    let rates = rates.into_iter().take(if curved { MOTION } else { LINEAR });
    for (lane, rate) in rates.enumerate() {
        flat[lane] += adam::step(&mut moments[lane], row[lane], rate, step.number + 1);
    }
    let speed = flat[..3].iter().map(|v| v * v).sum::<f64>().sqrt();
    let pull = f64::from(step.velocity_shrinkage) * (1.0 - slowing) * v;
    flat[..3].iter_mut().for_each(|v| *v *= (1.0 - pull / speed).max(0.0));
    for (lanes, rate) in [(6..9, bend), (9..12, turn)] {
        let size = flat[lanes.clone()].iter().map(|v| v * v).sum::<f64>().sqrt();
        let left = (1.0 - f64::from(step.bend_shrinkage) * rate / size.max(1e-20)).max(0.0);
        flat[lanes].iter_mut().for_each(|v| *v *= left);
    }
    flat[4] = flat[4].max(f64::from(step.min_log_duration));
    let [_, _, c, d] = pcg4d([index, step.number, step.seed, STREAM_NOISE]);
    let shift = f64::from(step.time_noise) * gate * flat[4].exp() * box_muller(c, d)[1];
    *m = oracle::Motion::from_array(&flat);
    let path = m.path(0.0, shift);
    m.centre += shift;
    (0..3).for_each(|axis| m.velocity[axis] += shift * m.acceleration[axis]);
    (shift, path)
}

/// A moving scene under a fixed gradient of the image, with one optimiser that steps and one that only looks.
struct Rig {
    renderer: Renderer,
    model: Model,
    view: View,
    optimiser: Optimiser,
    probe: Optimiser,
}

impl Rig {
    fn new(scene: &Scene, view: View, image_gradient: &[Vec4]) -> Self {
        let (gpu, count) = (gpu(), scene.len());
        let model = Model::upload(&gpu, scene).unwrap();
        let mut renderer = support::training_renderer();
        renderer.prepare(&model, dapple::render::LensVariant::PINHOLE).unwrap();
        renderer.set_view(&view, &model).unwrap();
        gpu.write(renderer.frame().image_gradient(), 0, image_gradient);
        let optimiser = Optimiser::new(&gpu, count, scene.sh_degree, model.form()).unwrap();
        let probe = Optimiser::storing_gradients(&gpu, count, scene.sh_degree, model.form().motion).unwrap();
        Self { renderer, model, view, optimiser, probe }
    }

    /// FrameBuffers of the means and of the motions at the present values.
    fn gradients(&mut self) -> Vec<[f64; MOVED]> {
        let mut recorder = Recorder::new(&gpu(), false);
        self.renderer.record_forward(&mut recorder, &self.model, &self.view, Channel::Color);
        self.renderer.record_backward(&mut recorder, &self.view);
        self.probe.set_step(&Step::default());
        self.probe.record(&mut recorder, &self.model, self.renderer.frame(), &self.view);
        recorder.finish().unwrap();
        let [rows, _] = support::read_moments(
            &self.probe.moments,
            self.model.len(),
            self.model.sh_degree(),
            self.model.form().motion,
        );
        self.moved(&rows)
    }

    /// A step by the gradients last computed; returns which Gaussians the view showed.
    fn step(&mut self, step: &Step) -> Vec<bool> {
        let mut recorder = Recorder::new(&gpu(), false);
        // Again: the probe took the splats' place.
        self.renderer.record_forward(&mut recorder, &self.model, &self.view, Channel::Color);
        recorder.finish().unwrap();
        let seen = support::seen(self.renderer.frame(), self.model.len());
        let mut recorder = Recorder::new(&gpu(), false);
        self.renderer.record_backward(&mut recorder, &self.view);
        self.optimiser.set_step(step);
        self.optimiser.record(&mut recorder, &self.model, self.renderer.frame(), &self.view);
        recorder.finish().unwrap();
        assert_eq!(self.renderer.frame_mut().read_status().unwrap().non_finite, 0);
        seen
    }

    fn rows(&self) -> Vec<[f64; PARAMETERS]> {
        read_rows(&gpu(), &self.model.rows, self.model.len(), self.model.sh_degree())
    }

    /// Means and motions of some rows.
    fn moved(&self, rows: &Rows) -> Vec<[f64; MOVED]> {
        let means = read_rows(&gpu(), rows, self.model.len(), 0);
        let join = |(g, m): (&[f64; PARAMETERS], &[f64; MOTION])| {
            std::array::from_fn(|lane| if lane < 3 { g[lane] } else { m[lane - 3] })
        };
        means.iter().zip(&read_motion(rows, self.model.len())).map(join).collect()
    }
}

/// Lanes of a mean and its motion, one behind the other.
const MOVED: usize = 3 + MOTION;

/// One Gaussian of the oracle: mean, motion, and what f32 cannot follow.
struct Twin {
    mean: [f64; 3],
    motion: oracle::Motion<f64>,
    curved: bool,
    moments: ([Moments; 3], [Moments; MOTION]),
    /// The second moment of so small a gradient is zero in f32: then there is no step.
    underflown: [bool; MOVED],
}

impl Twin {
    /// Adam, noise in space for the Gaussian `after` it, and the shift along the line.
    fn step(
        &mut self,
        gradient: &[f64; MOVED],
        step: &Step,
        mean_rate: f64,
        index: u32,
        after: (&Gaussian<f64>, bool),
    ) {
        for (underflown, gradient) in self.underflown.iter_mut().zip(gradient) {
            *underflown |= *gradient != 0.0 && gradient.abs() < 1e-16;
        }
        let (after, seen) = after;
        let gate = if seen { noise_gate(after.logit.sigmoid()) } else { 0.0 };
        let by_motion = gradient[3..].try_into().unwrap();
        let (shift, path) =
            step_motion(&mut self.motion, &mut self.moments.1, by_motion, step, index, gate, self.curved);
        // The noise in space comes before the Gaussian slides along its path and turns with it.
        let before = Gaussian { quaternion: oracle::turned(after.quaternion, self.motion.turn, -shift), ..*after };
        let noise = if seen { f64::from(step.mean_noise) } else { 0.0 };
        let by_noise = noise_in_space(&before, normals([index, step.number, step.seed, STREAM_NOISE]), noise);
        for axis in 0..3 {
            self.mean[axis] += adam::step(&mut self.moments.0[axis], gradient[axis], mean_rate, step.number + 1);
            // The mean slides along the path as the centre shifts.
            self.mean[axis] += by_noise[axis] + path[axis];
        }
    }

    fn moved(&self) -> [f64; MOVED] {
        let motion = self.motion.to_array();
        std::array::from_fn(|lane| if lane < 3 { self.mean[lane] } else { motion[lane - 3] })
    }
}

/// Gaussians in motion and a view of them.
struct Drift {
    scene: Scene,
    gaussians: Vec<Gaussian<f64>>,
    motions: Vec<oracle::Motion<f64>>,
    view: oracle_project::View<f64>,
}

/// Gaussians in motion: some nearly transparent, which the noise moves most; some unseen that hardly move and live long,
/// which come to rest.
fn drifting(count: usize, curved: bool) -> Drift {
    let (mut gaussians, view) = cases::scene(91, count, 64, 48);
    let mut motions = set_moving(&mut Rng::new(92), &mut gaussians, 0.4, curved);
    gaussians.iter_mut().step_by(4).for_each(|g| g.logit = -5.0);
    for i in (0..count).step_by(7) {
        gaussians[i].logit = -20.0;
        motions[i].velocity = [f64::from(1e-6_f32); 3];
        motions[i].log_duration = f64::from(2.0_f32.ln());
    }
    let mut scene = cases::host_scene(&gaussians, 1, false);
    scene.motion = Some(host_motion(&motions));
    Drift { scene, gaussians, motions, view }
}

#[test]
fn motion_steps_agree_with_adam_regularisers_and_noise() {
    motion_steps_agree(false);
    motion_steps_agree(true);
}

fn motion_steps_agree(curved: bool) {
    let count = 150;
    let Drift { scene, gaussians, motions, view } = drifting(count, curved);
    let mut rng = Rng::new(93);
    let gradient: Vec<Vec4> =
        (0..64 * 48).map(|_| Vec4::from_array(rng.normals().map(|v: f64| v as f32 * 1e-3))).collect();
    let mut rig = Rig::new(&scene, device_view(&view, count).at(0.4), &gradient);
    let config = Config {
        seed: u64::from(SEED),
        lr_gate: 1e-3,
        duration_regularisation: 0.01,
        gate_regularisation: 0.01,
        min_duration: 1.0,
        ..Config::default()
    };
    let schedule = Schedule::new(&config, vec![0]).in_time(MotionKind::Linear, 0.12);
    let twin = |(g, m): (&Gaussian<f64>, &oracle::Motion<f64>)| Twin {
        mean: g.mean,
        motion: *m,
        curved,
        moments: Default::default(),
        underflown: [false; MOVED],
    };
    let mut twins: Vec<Twin> = gaussians.iter().zip(&motions).map(twin).collect();
    let start = rig.moved(&rig.model.rows);
    let least = f64::from(schedule.step(0, count).min_log_duration);
    let mut held = 0;
    for step in 0..6 {
        let (gradients, constants, rate) = (rig.gradients(), schedule.step(step, count), schedule.mean_rate(step));
        let seen = rig.step(&constants);
        for (i, (twin, row)) in twins.iter_mut().zip(&rig.rows()).enumerate() {
            let after = Gaussian::from_array(row);
            twin.step(&gradients[i], &constants, rate, i as u32, (&after, seen[i]));
        }
        held += rig.moved(&rig.model.rows).iter().filter(|row| (row[7] - least).abs() < 1e-6).count();
    }
    let (mut moved, mut compared, mut rested, mut worst) = ([0; MOVED], 0, 0, 0.0_f64);
    for (i, (got, twin)) in rig.moved(&rig.model.rows).iter().zip(&twins).enumerate() {
        let want = twin.moved();
        for lane in (0..MOVED).filter(|&lane| !twin.underflown[lane]) {
            let error = (got[lane] - want[lane]).abs();
            let allowed = 2e-4 * (want[lane] - start[i][lane]).abs() + 1e-6 * (1.0 + want[lane].abs());
            assert!(error <= allowed, "Gaussian {i}, lane {lane}: {}, not {}", got[lane], want[lane]);
            moved[lane] += usize::from(got[lane] != start[i][lane]);
            compared += 1;
            worst = worst.max(error);
        }
        rested += usize::from(got[3..6] == [0.0; 3]);
    }
    eprintln!(
        "motion update, curved {curved}: {compared} compared, {moved:?} moved in 6 steps by lane, off by at most {worst:.1e}"
    );
    let used = 3 + if curved { MOTION } else { LINEAR };
    assert!(moved[..used].iter().all(|&moved| moved > count / 2), "by lane, {moved:?} moved");
    assert!(compared > MOVED * count - 300, "only {compared} compared");
    assert!(held > 0, "no duration is held at the least one");
    assert_eq!(rested, count.div_ceil(7), "Gaussians at rest");
}

/// Noise in time alone leaves every Gaussian on its path, and turned as it was at each time.
#[test]
fn noise_in_time_slides_along_the_path() {
    let (gpu, count) = (gpu(), 400);
    let (mut gaussians, view) = cases::scene(94, count, 32, 32);
    let motions = set_moving(&mut Rng::new(95), &mut gaussians, 0.5, true);
    gaussians.iter_mut().for_each(|g| g.logit = -4.5);
    let mut scene = cases::host_scene(&gaussians, 0, false);
    scene.motion = Some(host_motion(&motions));
    let model = Model::upload(&gpu, &scene).unwrap();
    let mut renderer = support::training_renderer();
    renderer.prepare(&model, dapple::render::LensVariant::PINHOLE).unwrap();
    let view = device_view(&view, count).at(0.5);
    renderer.set_view(&view, &model).unwrap();
    let optimiser = Optimiser::new(&gpu, count, 0, model.form()).unwrap();
    optimiser.set_step(&Step {
        correction1: 1.0,
        correction2: 1.0,
        time_noise: 0.5,
        min_log_duration: -80.0,
        seed: SEED,
        ..Step::default()
    });
    let mut recorder = Recorder::new(&gpu, false);
    renderer.record_forward(&mut recorder, &model, &view, Channel::Color);
    recorder.finish().unwrap();
    let seen = support::seen(renderer.frame(), count);
    let mut recorder = Recorder::new(&gpu, false);
    renderer.record_backward(&mut recorder, &view);
    optimiser.record(&mut recorder, &model, renderer.frame(), &view);
    recorder.finish().unwrap();
    let after = model.download(&gpu).unwrap();
    let (before, moved) = (scene.motion.as_ref().unwrap(), after.motion.as_ref().unwrap());
    let (mut squares, mut moving) = (0.0, 0);
    for (i, seen) in seen.into_iter().enumerate() {
        let shift = moved.centres[i] - before.centres[i];
        assert_eq!(shift != 0.0, seen, "Gaussian {i}: noise where the view shows it, and only there");
        moving += usize::from(seen);
        let place = |scene: &Scene, m: &Motion, time| scene.means[i] + m.displacement(i, time);
        for time in [0.0, 0.5, 1.0] {
            let off = (place(&after, moved, time) - place(&scene, before, time)).length();
            assert!(off < 2e-5, "Gaussian {i} left its path by {off}");
            let turn = |scene: &Scene, m: &Motion| Vec4::from(m.turned(i, scene.quaternions[i], time));
            let off = (turn(&after, moved) - turn(&scene, before)).length();
            assert!(off < 1e-4 * turn(&scene, before).length(), "Gaussian {i} is turned by {off}");
        }
        let gate = noise_gate(f64::from(scene.logits[i]).sigmoid());
        squares += (f64::from(shift) / (0.5 * gate * f64::from(before.log_durations[i].exp()))).powi(2);
    }
    let variance = squares / moving as f64;
    assert!(moving > count / 4, "only {moving} are seen");
    assert!((variance - 1.0).abs() < 5.0 * (2.0 / moving as f64).sqrt(), "variance {variance} of what it should be");
}

#[test]
fn relocation_copies_motion_and_divides_durations() {
    let (gpu, count) = (gpu(), 300);
    for (added, share, curved) in [(0, true, false), (15, true, true), (0, false, false), (0, true, true)] {
        let (mut gaussians, view) = cases::scene(96, count, 32, 32);
        let motions = set_moving(&mut Rng::new(97), &mut gaussians, 0.5, curved);
        gaussians.iter_mut().step_by(5).for_each(|g| g.logit = -8.0);
        let mut scene = cases::host_scene(&gaussians, 0, false);
        scene.motion = Some(host_motion(&motions));
        let mut model = Model::with_capacity(&gpu, &scene, count + added).unwrap();
        let moments = support::made_moments(count, count + added, 0, model.form().motion);
        let mut renderer = support::training_renderer();
        renderer.set_view(&device_view(&view, count), &model).unwrap();
        let before = read_motion(&model.rows, count);
        let refine = Refine {
            gaussians: count as u32,
            added: added as u32,
            seed: SEED,
            step: 600,
            weight_scale: weight_scale(count),
            dead_opacity: relocate::DEAD as f32,
            share_duration: u32::from(share),
            usual_log_duration: -1.2,
            duration_power: 3.0,
            ..Refine::default()
        };
        let refiner = Refiner::new(&gpu, model.form()).unwrap();
        let mut recorder = Recorder::new(&gpu, false);
        if added > 0 {
            refiner.record_growth(&mut recorder, &model, &moments, renderer.frame(), &refine);
        } else {
            refiner.record_relocation(&mut recorder, &model, &moments, renderer.frame(), &refine);
        }
        recorder.finish().unwrap();
        model.set_len(count + added);
        let sources = gpu.read_range(renderer.frame().scratch().sources, 0, count + added).unwrap();
        let draws = gpu.read_range(renderer.frame().scratch().draws, 0, count).unwrap();
        relocate::check_weights(
            &gpu.read_range(renderer.frame().scratch().weights, 0, count).unwrap(),
            &scene,
            &refine,
        );
        let [first, _] = support::read_moments(&moments, count + added, 0, model.form().motion);
        let (after, first) = (read_motion(&model.rows, count + added), read_motion(&first, count + added));
        let mut copied = 0;
        for i in 0..count + added {
            let drawn = draws.get(i).copied().unwrap_or(0);
            let source = if sources[i] == u32::MAX { i } else { sources[i] as usize };
            let mut want = before[source];
            if share && (source != i || drawn > 0) {
                let opacity = f64::from(scene.logits[source]).sigmoid();
                want[4] += relocate::split(opacity, relocate::copies(draws[source])).scale.ln();
            }
            let off = (0..MOTION).map(|lane| (after[i][lane] - want[lane]).abs()).fold(0.0, f64::max);
            assert!(off < 1e-4, "Gaussian {i} from {source}: {:?}, not {want:?}", after[i]);
            copied += usize::from(source != i);
            let kept = if i >= count || (added == 0 && drawn > 0) { 0.0 } else { 1.0 };
            let used = if curved { MOTION } else { LINEAR };
            assert!(first[i][..used].iter().all(|v| *v == kept), "Gaussian {i}: moments {:?}, not {kept}", first[i]);
        }
        let dead = scene.logits.iter().filter(|logit| f64::from(**logit).sigmoid() <= relocate::DEAD).count();
        assert!(dead >= 60);
        assert_eq!(copied, if added > 0 { added } else { dead });
    }
}
