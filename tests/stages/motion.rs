//! How the optimiser and relocation treat motion, and the flow of a rigid motion that is known exactly.

use dapple::camera::{Camera, Lens, Pose};
use dapple::gpu::Recorder;
use dapple::model::{MOTION_ROW, Model, Rows};
use dapple::render::{Channel, RenderOptions, Renderer};
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
use crate::reference::random::{box_muller, pcg4d};
use crate::reference::relocate;
use crate::reference::update::noise_gate;
use crate::support::{device_view, gpu, read_rows};

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

#[test]
fn motion_steps_agree_with_adam_regularisers_and_noise() {
    let (gpu, count) = (gpu(), 150);
    let (mut gaussians, view) = cases::scene(91, count, 64, 48);
    let mut motions = set_in_motion(&mut Rng::new(92), &mut gaussians, 0.4);
    // Some nearly transparent ones, which the noise moves most, and some unseen ones that hardly move and live long,
    // which come to rest.
    gaussians.iter_mut().step_by(4).for_each(|g| g.logit = -5.0);
    for i in (0..count).step_by(7) {
        gaussians[i].logit = -20.0;
        motions[i].velocity = [f64::from(1e-6_f32); 3];
        motions[i].log_duration = f64::from(2.0_f32.ln());
    }
    let mut scene = cases::host_scene(&gaussians, 1, false);
    scene.motion = Some(host_motion(&motions));
    let model = Model::upload(&gpu, &scene).unwrap();
    let mut renderer = Renderer::for_training(&gpu).unwrap();
    renderer.prepare(&model).unwrap();
    let view = device_view(&view, count).at(0.4);
    renderer.set_view(&view, count).unwrap();
    let mut rng = Rng::new(93);
    let gradient: Vec<Vec4> =
        (0..64 * 48).map(|_| Vec4::from_array(rng.normals().map(|v: f64| v as f32 * 1e-3))).collect();
    gpu.write(renderer.frame().image_gradient(), 0, &gradient);
    let (optimiser, probe) =
        (Optimiser::new(&gpu, count, 1, true).unwrap(), Optimiser::storing_gradients(&gpu, count, 1, true).unwrap());
    let config = Config {
        seed: u64::from(SEED),
        lr_gate: 1e-3,
        duration_regularisation: 0.01,
        gate_regularisation: 0.01,
        min_duration: 1.0,
        ..Config::default()
    };
    let schedule = Schedule::new(&config, vec![0]).in_time(0.12);
    let mut twins: Vec<_> = motions.iter().map(|m| (*m, [Moments::default(); MOTION])).collect();
    let start = read_motion(&model.rows, count);
    let mut held = 0;
    for step in 0..6 {
        let constants = schedule.step(step, count);
        let mut recorder = Recorder::new(&gpu, false);
        renderer.record_forward(&mut recorder, &model, &view, Channel::Color);
        renderer.record_backward(&mut recorder, &model, &view);
        probe.set_step(&Step::default());
        probe.record(&mut recorder, &model, renderer.frame(), &view);
        recorder.finish().unwrap();
        let before = read_rows(&gpu, &model.rows, count, 1);
        let mut recorder = Recorder::new(&gpu, false);
        optimiser.set_step(&constants);
        optimiser.record(&mut recorder, &model, renderer.frame(), &view);
        recorder.finish().unwrap();
        assert_eq!(renderer.frame_mut().settle().unwrap().non_finite, 0);
        let (gradients, after) = (read_motion(&probe.moments[0], count), read_rows(&gpu, &model.rows, count, 1));
        for (i, (m, moments)) in twins.iter_mut().enumerate() {
            let shift = step_motion(m, moments, &gradients[i], &constants, i as u32, after[i][10].sigmoid());
            held += usize::from((m.log_duration - f64::from(constants.min_log_duration)).abs() < 1e-9);
            // The mean slides as far as the centre shifts; Adam and the noise in space move it besides.
            assert!((after[i][0] - before[i][0]).is_finite() && shift.is_finite());
        }
    }
    assert!(held > 0, "no duration is held at the least one");
    let rested = twins.iter().filter(|(m, _)| m.velocity == [0.0; 3]).count();
    assert_eq!(rested, count.div_ceil(7), "Gaussians at rest");
    let (mut moved, mut worst) = (0, 0.0_f64);
    for (i, (got, (m, _))) in read_motion(&model.rows, count).iter().zip(&twins).enumerate() {
        for (lane, want) in m.to_array().into_iter().enumerate() {
            let travelled = (want - start[i][lane]).abs();
            let error = (got[lane] - want).abs();
            // Gradients that f32 loses to underflow make no step.
            assert!(
                error <= 2e-4 * travelled + 1e-6 * (1.0 + want.abs()) || got[lane] == start[i][lane],
                "Gaussian {i}, lane {lane}: {}, not {want}",
                got[lane]
            );
            moved += usize::from(travelled > 0.0);
            worst = worst.max(error);
        }
    }
    assert!(moved > 4 * count, "only {moved} parameters moved");
    eprintln!("motion update: {moved} parameters moved in 6 steps, off by at most {worst:.1e}");
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
    let mut renderer = Renderer::for_training(&gpu).unwrap();
    renderer.prepare(&model).unwrap();
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
    renderer.record_backward(&mut recorder, &model, &view);
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
        let mut renderer = Renderer::for_training(&gpu).unwrap();
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
    let mut renderer = Renderer::new(&gpu).unwrap();
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
