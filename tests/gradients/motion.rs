//! FrameBuffers of moving Gaussians, by what they are in the view and by how they move.

use dapple::gpu::Recorder;
use dapple::model::Model;
use dapple::render::{CameraBackward, Channel, LaneForm, Renderer};
use dapple::train::update::{Optimiser, Step};

use crate::reference::cases::{self, Rng};
use crate::reference::gradient::{analytic, render};
use crate::reference::motion::{LINEAR, MOTION, Motion, host_motion, pose, pose_backward, set_moving};
use crate::reference::project::{Gaussian, PARAMETERS, View, near_branch};
use crate::reference::rasterize::Upstream;
use crate::support::{self, can_run, read_motion};

use super::{GROUPS, Worst, check};

/// Groups of [`Motion::to_array`].
pub const MOTION_GROUPS: [(&str, std::ops::Range<usize>); 6] = [
    ("velocity", 0..3),
    ("time centre", 3..4),
    ("log-duration", 4..5),
    ("gate", 5..6),
    ("acceleration", 6..9),
    ("angular velocity", 9..12),
];

struct Case {
    gaussians: Vec<Gaussian<f64>>,
    motions: Vec<Motion<f64>>,
    view: View<f64>,
    time: f64,
    upstream: Upstream,
}

fn case(seed: u64, antialiased: bool, time: f32, size: (u32, u32), curved: bool) -> Case {
    let (mut gaussians, mut view) = cases::scene(seed, 300, size.0, size.1);
    view.antialiased = antialiased;
    let mut rng = Rng::new(seed + 500);
    let time = f64::from(time);
    let motions = set_moving(&mut rng, &mut gaussians, time, curved);
    let clear: Vec<usize> =
        (0..gaussians.len()).filter(|&i| !near_branch(&pose(&gaussians[i], &motions[i], time), &view)).collect();
    assert!(clear.len() >= 200, "only {} Gaussians are clear of branches", clear.len());
    let (gaussians, motions): (Vec<_>, Vec<_>) = clear.iter().map(|&i| (gaussians[i], motions[i])).unzip();
    let posed: Vec<Gaussian<f64>> = gaussians.iter().zip(&motions).map(|(g, m)| pose(g, m, time)).collect();
    let mut upstream = cases::upstream(&mut Rng::new(seed + 1000), (size.0 * size.1) as usize);
    upstream.exclude(&render(&posed, &view).near_branch);
    upstream.depth.fill(0.0);
    Case { gaussians, motions, view, time, upstream }
}

/// FrameBuffers of the Gaussians by what they are and how they move, and of the camera's pose.
type Found = (Vec<[f64; PARAMETERS]>, Vec<[f64; MOTION]>, [f64; 6]);

fn oracle_gradient(case: &Case) -> Found {
    let pairs = || case.gaussians.iter().zip(&case.motions);
    let posed: Vec<Gaussian<f64>> = pairs().map(|(g, m)| pose(g, m, case.time)).collect();
    let gradient = analytic(&posed, &case.view, &case.upstream);
    let backward = |((g, m), row)| pose_backward(g, m, case.time, row);
    let (rows, motion) = pairs().zip(&gradient.gaussians).map(backward).unzip();
    (rows, motion, gradient.pose)
}

fn device_gradient(renderer: &mut Renderer, case: &Case) -> Found {
    let (gpu, count) = (support::gpu(), case.gaussians.len());
    let mut scene = cases::host_scene(&case.gaussians, 3, case.view.antialiased);
    scene.motion = Some(host_motion(&case.motions));
    let model = Model::upload(&gpu, &scene).unwrap();
    let view = support::device_view(&case.view, count).at(case.time as f32);
    renderer.prepare(&model, dapple::render::LensVariant::PINHOLE).unwrap();
    renderer.set_view(&view, &model).unwrap();
    gpu.write(renderer.frame().image_gradient(), 0, &case.upstream.pixels());
    let optimiser = Optimiser::storing_gradients(&gpu, count, 3, model.form().motion).unwrap();
    optimiser.set_step(&Step::default());
    let mut recorder = Recorder::new(&gpu, false);
    renderer.record_forward(&mut recorder, &model, &view, Channel::Color);
    renderer.record_backward(&mut recorder, &view);
    let size = view.size();
    let camera = CameraBackward::new(&gpu, count, size.0 as usize * size.1 as usize).unwrap();
    camera.record(&mut recorder, &model, renderer.frame(), &view);
    optimiser.record(&mut recorder, &model, renderer.frame(), &view);
    recorder.finish().unwrap();
    let status = renderer.frame_mut().read_status().unwrap();
    assert_eq!((status.overflowed, status.non_finite), (0, 0));
    let kind = model.form().motion;
    let ([rows, _], by_camera) = (&support::read_moments(&optimiser.moments, count, 3, kind), camera.read().unwrap());
    let pose = std::array::from_fn(|i| f64::from([by_camera.omega, by_camera.tau][i / 3][i % 3]));
    (support::read_rows(&gpu, rows, count, 3), read_motion(rows, count), pose)
}

fn motion_gradients_agree(form: LaneForm) {
    if !can_run(form) {
        return;
    }
    let mut renderer = Renderer::with_form(&support::gpu(), form, true).unwrap();
    let mut worst = Worst::new();
    for (seed, antialiased, time, size, curved) in [
        (201, false, 0.3, (96, 64), false),
        (202, true, 0.9, (77, 51), false),
        (203, false, 0.0, (64, 96), false),
        (204, false, 0.3, (96, 64), true),
        (205, true, 0.9, (77, 51), true),
    ] {
        let case = case(seed, antialiased, time, size, curved);
        let (want, want_motion, want_pose) = oracle_gradient(&case);
        let (got, got_motion, got_pose) = device_gradient(&mut renderer, &case);
        let what = format!("{form:?}, seed {seed}, antialiased {antialiased}, time {time}, curved {curved}");
        let used = if curved { MOTION } else { LINEAR };
        let faded = got_motion.iter().filter(|row| row.iter().all(|v| *v == 0.0)).count();
        assert!(faded > 5 && faded < got_motion.len() / 2, "{what}: {faded} of {} are not seen", got_motion.len());
        for (name, range) in &GROUPS {
            check(&mut worst, name, &what, &got.lanes(range), &want.lanes(range));
        }
        check(&mut worst, "pose rotation", &what, &got_pose[..3], &want_pose[..3]);
        check(&mut worst, "pose translation", &what, &got_pose[3..], &want_pose[3..]);
        for (name, range) in MOTION_GROUPS.iter().filter(|(_, range)| range.end <= used) {
            check(&mut worst, name, &what, &got_motion.lanes(range), &want_motion.lanes(range));
        }
    }
    for (name, (error, cosine)) in worst {
        eprintln!("moving, {form:?} {name}: relative error {error:.2e}, 1 - cosine {:.1e}", 1.0 - cosine);
    }
}

/// Some columns of rows, flat.
pub trait Lanes {
    fn lanes(&self, range: &std::ops::Range<usize>) -> Vec<f64>;
}

impl<const N: usize> Lanes for Vec<[f64; N]> {
    fn lanes(&self, range: &std::ops::Range<usize>) -> Vec<f64> {
        self.iter().flat_map(|row| row[range.clone()].to_vec()).collect()
    }
}

#[test]
fn motion_gradients_agree_with_8_lanes_by_shuffles() {
    motion_gradients_agree(LaneForm { lanes: 8, subgroups: true });
}

#[test]
fn motion_gradients_agree_with_8_lanes_through_workgroup_memory() {
    motion_gradients_agree(LaneForm { lanes: 8, subgroups: false });
}

#[test]
fn motion_gradients_agree_with_32_lanes_through_workgroup_memory() {
    motion_gradients_agree(LaneForm { lanes: 32, subgroups: false });
}

#[test]
fn motion_gradients_agree_with_16_lanes_by_shuffles() {
    motion_gradients_agree(LaneForm { lanes: 16, subgroups: true });
}

#[test]
fn motion_gradients_agree_with_32_lanes_by_shuffles() {
    motion_gradients_agree(LaneForm { lanes: 32, subgroups: true });
}
