//! How the optimiser and relocation treat motion, and the flow of a rigid motion that is known exactly.

use dapple::camera::{Camera, Lens, Pose};
use dapple::gpu::Recorder;
use dapple::model::{MOTION_ROW, Model, Rows};
use dapple::render::{Channel, RenderOptions, Renderer, View};
use dapple::scene::{Motion, Scene};
use dapple::train::Config;
use dapple::train::refine::{Refine, Refiner, weight_scale};
use dapple::train::schedule::Schedule;
use dapple::train::update::{Optimiser, Step};
use glam::{DVec3, Vec3, Vec4, dvec3};

use crate::reference::adam::{self, Moments};
use crate::reference::cases::{self, Rng};
use crate::reference::motion::{self as oracle, MOTION, host_motion, set_in_motion};
use crate::reference::number::Num;
use crate::reference::project::{self as oracle_project, Gaussian, PARAMETERS};
use crate::reference::random::{box_muller, normals, pcg4d};
use crate::reference::relocate;
use crate::reference::update::{noise as noise_in_space, noise_gate};
use crate::support::{self, device_view, gpu, read_rows};

const SEED: u32 = 77;
const STREAM_NOISE: u32 = 1;

fn read_motion(rows: &Rows, count: usize) -> Vec<[f64; MOTION]> {
    let rows = gpu().read_range(&rows.motion, 0, MOTION_ROW * count).unwrap();
    let flat = |row: &[Vec4]| [row[0].x, row[0].y, row[0].z, row[0].w, row[1].x, row[1].y].map(f64::from);
    rows.chunks_exact(MOTION_ROW).map(flat).collect()
}

/// The oracle's step of one Gaussian's motion; returns it with the shift along its line that the mean goes with.
fn step_motion(
    m: &mut oracle::Motion<f64>,
    moments: &mut [Moments; MOTION],
    gradient: &[f64; MOTION],
    step: &Step,
    index: u32,
    opacity: f64,
) -> f64 {
    let mut row = *gradient;
    let steady = m.steady();
    row[4] -= f64::from(step.duration_regularisation);
    row[5] -= f64::from(step.gate_regularisation) * 20.0 * steady * (1.0 - steady);
    let [v, t, l, g] = [step.lr_velocity, step.lr_time, step.lr_duration, step.lr_gate].map(f64::from);
    let slowing = (f64::from(step.init_log_duration) - m.log_duration).exp().min(1.0);
    let v = v * slowing;
    let mut flat = m.to_array();
    for (lane, rate) in [v, v, v, t, l, g].into_iter().enumerate() {
        flat[lane] += adam::step(&mut moments[lane], row[lane], rate, step.number + 1);
    }
    let speed = flat[..3].iter().map(|v| v * v).sum::<f64>().sqrt();
    let pull = f64::from(step.velocity_shrinkage) * (1.0 - slowing) * v;
    flat[..3].iter_mut().for_each(|v| *v *= (1.0 - pull / speed).max(0.0));
    flat[4] = flat[4].max(f64::from(step.min_log_duration));
    let [_, _, c, d] = pcg4d([index, step.number, step.seed, STREAM_NOISE]);
    let shift = f64::from(step.time_noise) * noise_gate(opacity) * flat[4].exp() * box_muller(c, d)[1];
    flat[3] += shift;
    *m = oracle::Motion::from_array(&flat);
    shift
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
        renderer.prepare(&model, dapple::render::LensModel::PINHOLE).unwrap();
        renderer.set_view(&view, count).unwrap();
        gpu.write(renderer.frame().image_gradient(), 0, image_gradient);
        let optimiser = Optimiser::new(&gpu, count, scene.sh_degree, true).unwrap();
        let probe = Optimiser::storing_gradients(&gpu, count, scene.sh_degree, true).unwrap();
        Self { renderer, model, view, optimiser, probe }
    }

    /// Gradients of the means and of the motions at the present values.
    fn gradients(&mut self) -> Vec<[f64; MOVED]> {
        let mut recorder = Recorder::new(&gpu(), false);
        self.renderer.record_forward(&mut recorder, &self.model, &self.view, Channel::Color);
        self.renderer.record_backward(&mut recorder, &self.view);
        self.probe.set_step(&Step::default());
        self.probe.record(&mut recorder, &self.model, self.renderer.frame(), &self.view);
        recorder.finish().unwrap();
        self.moved(&self.probe.moments[0])
    }

    /// A step by the gradients last computed.
    fn step(&mut self, step: &Step) {
        let mut recorder = Recorder::new(&gpu(), false);
        self.optimiser.set_step(step);
        self.optimiser.record(&mut recorder, &self.model, self.renderer.frame(), &self.view);
        recorder.finish().unwrap();
        assert_eq!(self.renderer.frame_mut().settle().unwrap().non_finite, 0);
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
    moments: ([Moments; 3], [Moments; MOTION]),
    /// The second moment of so small a gradient is zero in f32: then there is no step.
    underflown: [bool; MOVED],
}

impl Twin {
    /// Adam, noise in space for the Gaussian `after` it, and the shift along the line.
    fn step(&mut self, gradient: &[f64; MOVED], step: &Step, rates: [f64; 2], index: u32, after: &Gaussian<f64>) {
        for lane in 0..MOVED {
            self.underflown[lane] |= gradient[lane] != 0.0 && gradient[lane].abs() < 1e-16;
        }
        let [mean_rate, noise] = rates;
        let by_noise = noise_in_space(after, normals([index, step.number, step.seed, STREAM_NOISE]), noise);
        let by_motion = gradient[3..].try_into().unwrap();
        let shift =
            step_motion(&mut self.motion, &mut self.moments.1, by_motion, step, index, after.logit.sigmoid());
        for axis in 0..3 {
            self.mean[axis] += adam::step(&mut self.moments.0[axis], gradient[axis], mean_rate, step.number + 1);
            // The mean slides as far along the line as the centre shifts.
            self.mean[axis] += by_noise[axis] + shift * self.motion.velocity[axis];
        }
    }

    fn moved(&self) -> [f64; MOVED] {
        let motion = self.motion.to_array();
        std::array::from_fn(|lane| if lane < 3 { self.mean[lane] } else { motion[lane - 3] })
    }
}

/// Gaussians in motion: some nearly transparent, which the noise moves most; some unseen that hardly move and live long,
/// which come to rest.
fn drifting(count: usize) -> (Scene, Vec<Gaussian<f64>>, Vec<oracle::Motion<f64>>, oracle_project::View<f64>) {
    let (mut gaussians, view) = cases::scene(91, count, 64, 48);
    let mut motions = set_in_motion(&mut Rng::new(92), &mut gaussians, 0.4);
    gaussians.iter_mut().step_by(4).for_each(|g| g.logit = -5.0);
    for i in (0..count).step_by(7) {
        gaussians[i].logit = -20.0;
        motions[i].velocity = [f64::from(1e-6_f32); 3];
        motions[i].log_duration = f64::from(2.0_f32.ln());
    }
    let mut scene = cases::host_scene(&gaussians, 1, false);
    scene.motion = Some(host_motion(&motions));
    (scene, gaussians, motions, view)
}

#[test]
fn motion_steps_agree_with_adam_regularisers_and_noise() {
    let count = 150;
    let (scene, gaussians, motions, view) = drifting(count);
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
    let schedule = Schedule::new(&config, vec![0]).in_time(0.12);
    let twin = |(g, m): (&Gaussian<f64>, &oracle::Motion<f64>)| Twin {
        mean: g.mean,
        motion: *m,
        moments: Default::default(),
        underflown: [false; MOVED],
    };
    let mut twins: Vec<Twin> = gaussians.iter().zip(&motions).map(twin).collect();
    let start = rig.moved(&rig.model.rows);
    for step in 0..6 {
        let (gradients, constants, rate) = (rig.gradients(), schedule.step(step, count), schedule.mean_rate(step));
        rig.step(&constants);
        for (i, (twin, row)) in twins.iter_mut().zip(&rig.rows()).enumerate() {
            let after = Gaussian::from_array(row);
            twin.step(&gradients[i], &constants, [rate, config.noise_lr * rate], i as u32, &after);
        }
    }
    let least = f64::from(schedule.step(0, count).min_log_duration);
    let (mut moved, mut compared, mut held, mut rested, mut worst) = ([0; MOVED], 0, 0, 0, 0.0_f64);
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
        held += usize::from((got[7] - least).abs() < 1e-6);
        rested += usize::from(got[3..6] == [0.0; 3]);
    }
    eprintln!("motion update: {compared} compared, {moved:?} moved in 6 steps by lane, off by at most {worst:.1e}");
    assert!(moved.iter().all(|&moved| moved > count / 2), "by lane, {moved:?} moved");
    assert!(compared > MOVED * count - 200, "only {compared} compared");
    assert!(held > 0, "no duration is held at the least one");
    assert_eq!(rested, count.div_ceil(7), "Gaussians at rest");
}

/// Noise in time alone leaves every Gaussian on its line.
#[test]
fn noise_in_time_slides_along_the_line() {
    let (gpu, count) = (gpu(), 400);
    let (mut gaussians, view) = cases::scene(94, count, 32, 32);
    let motions = set_in_motion(&mut Rng::new(95), &mut gaussians, 0.5);
    gaussians.iter_mut().for_each(|g| g.logit = -5.5);
    let mut scene = cases::host_scene(&gaussians, 0, false);
    scene.motion = Some(host_motion(&motions));
    let model = Model::upload(&gpu, &scene).unwrap();
    let mut renderer = support::training_renderer();
    renderer.prepare(&model, dapple::render::LensModel::PINHOLE).unwrap();
    let view = device_view(&view, count);
    renderer.set_view(&view, count).unwrap();
    let optimiser = Optimiser::new(&gpu, count, 0, true).unwrap();
    optimiser.set_step(&Step {
        correction1: 1.0,
        correction2: 1.0,
        time_noise: 0.5,
        dead_opacity: relocate::DEAD as f32,
        min_log_duration: -80.0,
        seed: SEED,
        ..Step::default()
    });
    let mut recorder = Recorder::new(&gpu, false);
    renderer.record_forward(&mut recorder, &model, &view, Channel::Color);
    renderer.record_backward(&mut recorder, &view);
    optimiser.record(&mut recorder, &model, renderer.frame(), &view);
    recorder.finish().unwrap();
    let after = model.download(&gpu).unwrap();
    let (before, moved) = (scene.motion.as_ref().unwrap(), after.motion.as_ref().unwrap());
    let mut squares = 0.0;
    for i in 0..count {
        let shift = moved.centres[i] - before.centres[i];
        let place = |scene: &Scene, m: &Motion| scene.means[i] + m.velocities[i] * (0.5 - m.centres[i]);
        assert!((place(&after, moved) - place(&scene, before)).length() < 1e-5, "Gaussian {i} left its line");
        let gate = noise_gate(f64::from(scene.logits[i]).sigmoid());
        squares += (f64::from(shift) / (0.5 * gate * f64::from(before.log_durations[i].exp()))).powi(2);
    }
    let variance = squares / count as f64;
    assert!((variance - 1.0).abs() < 5.0 * (2.0 / count as f64).sqrt(), "variance {variance} of what it should be");
}

#[test]
fn relocation_copies_motion_and_divides_durations() {
    let (gpu, count) = (gpu(), 300);
    for (added, share) in [(0, true), (15, true), (0, false)] {
        let (mut gaussians, view) = cases::scene(96, count, 32, 32);
        let motions = set_in_motion(&mut Rng::new(97), &mut gaussians, 0.5);
        gaussians.iter_mut().step_by(5).for_each(|g| g.logit = -8.0);
        let mut scene = cases::host_scene(&gaussians, 0, false);
        scene.motion = Some(host_motion(&motions));
        let mut model = Model::with_capacity(&gpu, &scene, count + added).unwrap();
        let moments = [1.0, 2.0].map(|value| {
            let rows = Rows::zeros(&gpu, count + added, 0, true).unwrap();
            gpu.write(&rows.motion, 0, &vec![Vec4::splat(value); MOTION_ROW * count]);
            rows
        });
        let mut renderer = support::training_renderer();
        renderer.set_view(&device_view(&view, count), count + added).unwrap();
        let before = read_motion(&model.rows, count);
        let refine = Refine {
            gaussians: count as u32,
            added: added as u32,
            seed: SEED,
            step: 600,
            weight_scale: weight_scale(count),
            dead_opacity: relocate::DEAD as f32,
            share_duration: u32::from(share),
            ..Refine::default()
        };
        let refiner = Refiner::new(&gpu, true).unwrap();
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
        let (after, first) = (read_motion(&model.rows, count + added), read_motion(&moments[0], count + added));
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
            assert!(first[i].iter().all(|v| *v == kept), "Gaussian {i}: moments {:?}, not {kept}", first[i]);
        }
        let dead = scene.logits.iter().filter(|logit| f64::from(**logit).sigmoid() <= relocate::DEAD).count();
        assert!(dead >= 60);
        assert_eq!(copied, if added > 0 { added } else { dead });
    }
}

/// An opaque textured plane that turns and travels, seen by a camera that travels too: each pixel's flow is known.
#[test]
fn rigid_motion_before_a_moving_camera_has_its_exact_flow() {
    let gpu = gpu();
    let (side, half) = (160, 2.0_f32);
    let spacing = 2.0 * half / side as f32;
    // Turning moves every point along its own line, for a short time.
    let (travel, spin, pivot) = (dvec3(0.9, -0.6, 0.2), dvec3(0.05, -0.05, 0.12), dvec3(0.1, 0.2, 0.0));
    let velocity = |point: DVec3| travel + spin.cross(point - pivot);
    let means: Vec<Vec3> = (0..side * side)
        .map(|k| {
            Vec3::new((k % side) as f32 + 0.5, (k / side) as f32 + 0.5, 0.0) * spacing - Vec3::new(half, half, 0.0)
        })
        .collect();
    let count = means.len();
    let scene = Scene {
        quaternions: vec![[1.0, 0.0, 0.0, 0.0]; count],
        log_scales: vec![Vec3::new(0.6 * spacing, 0.6 * spacing, 1e-3).map(f32::ln); count],
        logits: vec![6.0; count],
        sh: vec![0.3; 3 * count],
        motion: Some(Motion {
            velocities: means.iter().map(|m| velocity(m.as_dvec3()).as_vec3()).collect(),
            centres: vec![0.5; count],
            log_durations: vec![0.0; count],
            gates: vec![1.0; count],
        }),
        means,
        ..Scene::default()
    };
    let lens = Lens::from_fov_x(0.8, 96, 80);
    let camera = |eye: DVec3, target: DVec3| Camera { pose: Pose::look_at(eye, target, dvec3(0.0, -1.0, 0.1)), lens };
    let (first, second) =
        (camera(dvec3(0.2, 0.1, 3.0), DVec3::ZERO), camera(dvec3(0.32, 0.04, 2.98), dvec3(0.06, 0.02, 0.0)));
    let options = RenderOptions {
        background: Vec3::ZERO,
        channel: Channel::Color,
        sh_degree: 0,
        antialiased: false,
        near: 0.1,
        time: 0.5,
    };
    let model = Model::upload(&gpu, &scene).unwrap();
    let mut renderer = support::renderer();
    // Where the Gaussians' centres are that a pixel shows, on average: rendered as velocities. They lie up to a pixel from
    // it, the nearest in front more than those behind.
    let centres = Scene {
        motion: scene.motion.clone().map(|motion| Motion { velocities: scene.means.clone(), ..motion }),
        ..scene.clone()
    };
    let centres = Model::upload(&gpu, &centres).unwrap();
    let shown = renderer.render(&centres, &first, &RenderOptions { channel: Channel::Velocity, ..options }).unwrap();
    for (affine, later) in [(false, 0.5), (true, 0.5), (false, 0.6), (true, 0.6)] {
        let got = renderer.render_flow(&model, &first, &options, (&second, later), affine).unwrap();
        let (mut worst, mut sum, mut length, mut compared) = ([0.0_f64; 2], 0.0, 0.0, 0);
        for (i, pixel) in got.pixels.iter().enumerate() {
            let at = glam::dvec2((i % 96) as f64 + 0.5, (i / 96) as f64 + 0.5);
            let (eye, ray) = (first.pose.centre(), first.ray(at));
            let point = eye - ray * (eye.z / ray.z);
            // An opaque surface: away from the plane's edge, all contributors lie around the point, and nothing shines
            // through.
            if point.truncate().abs().max_element() > f64::from(half) - 0.35 || pixel.w > 1e-3 {
                continue;
            }
            let elapsed = f64::from(later) - 0.5;
            let moves = |point: DVec3, velocity: DVec3| {
                second.project(point + velocity * elapsed).unwrap().0 - first.project(point).unwrap().0
            };
            let found = glam::dvec2(pixel.x.into(), pixel.y.into());
            // The plane at the pixel; and what is there in the scene, whose Gaussians move without turning: at the pixel
            // a surface moves as its Gaussian does (affine), or is taken to be where the Gaussian's centre is.
            let centre = shown.pixels[i].truncate().as_dvec3();
            let modelled = moves(if affine { point } else { centre }, velocity(centre));
            let off = (found - moves(point, velocity(point))).length();
            worst = [worst[0].max(off), worst[1].max((found - modelled).length())];
            sum += off;
            length += moves(point, velocity(point)).length();
            compared += 1;
        }
        let (mean, length) = (sum / f64::from(compared), length / f64::from(compared));
        eprintln!(
            "rigid flow of {length:.1} px, affine {affine}, to time {later}: off the plane's by {mean:.4} px on average, \
             {:.4} at most, and off the Gaussians' by {:.4} at most, over {compared} pixels",
            worst[0], worst[1]
        );
        assert!(compared > 3000 && length > 1.0, "{compared} pixels compared, {length} px");
        assert!(mean < 0.02 && worst[1] < 0.02, "affine {affine}: off by {mean} px, {worst:?} at most");
        // Where nothing turns, the centres' motion is the pixel's own.
        assert!(later > 0.5 || worst[0] < 0.02, "affine {affine}: {worst:?} at most");
    }
}
