//! Rendered flow between two times and two cameras, and the gradient of its loss, in both forms.

use std::sync::OnceLock;

use dapple::dataset::FlowTarget;
use dapple::gpu::Recorder;
use dapple::model::Model;
use dapple::render::{FlowForm, LaneForm, RenderOptions, Renderer};
use dapple::train::flow::{FlowPass, Target};
use dapple::train::loss::LossPass;
use dapple::train::update::{Optimiser, Step};
use glam::{Vec3, Vec4};

use crate::reference::cases::{self, Kind, Rng};
use crate::reference::flow::{Case, Form, INPUTS, exclude, flow_image, gradient};
use crate::reference::gradient::render;
use crate::reference::motion::{LINEAR, MOTION, Motion, host_motion, pose, set_moving};
use crate::reference::number::{matvec, transpose};
use crate::reference::project::{Gaussian, near_branch};
use crate::support::{self, can_run, read_motion};

use super::motion::{Lanes, MOTION_GROUPS};
use super::{GROUPS, Worst, check};

const SIZE: (u32, u32) = (36, 28);
const FORMS: [Form; 4] = [
    Form { affine: false, all: false },
    Form { affine: true, all: false },
    Form { affine: false, all: true },
    Form { affine: true, all: true },
];

/// Gaussians in motion before one camera, and another camera a little to the side, at another time.
fn case(seed: u64, robust: f64, curved: bool) -> Case {
    let mut rng = Rng::new(seed);
    let view = cases::view(&mut rng, SIZE.0, SIZE.1);
    let kinds = [Kind::Plain, Kind::Plain, Kind::Plain, Kind::Saturated, Kind::Needle, Kind::Clamped];
    let mut gaussians: Vec<Gaussian<f64>> =
        (0..48).map(|i| cases::gaussian(&mut rng, &view, kinds[i % kinds.len()])).collect();
    let mut other = view;
    for axis in 0..3 {
        other.translation[axis] = f64::from((view.translation[axis] + rng.range(-0.15, 0.15)) as f32);
    }
    other.focal = other.focal.map(|f| f64::from((f * 1.1) as f32));
    let times = [0.25, 0.375];
    let motions = set_moving(&mut rng, &mut gaussians, times[0], curved);
    let clear = |i: &usize| {
        let at = |k: usize| pose(&gaussians[*i], &motions[*i], times[k]);
        !near_branch(&at(0), &view) && !near_branch(&at(1), &other)
    };
    let kept: Vec<usize> = (0..gaussians.len()).filter(clear).take(30).collect();
    assert!(kept.len() >= 25, "only {} Gaussians are clear of branches", kept.len());
    let (gaussians, motions): (Vec<_>, Vec<_>) = kept.iter().map(|&i| (gaussians[i], motions[i])).unzip();
    let pixels = (SIZE.0 * SIZE.1) as usize;
    let wanted = (0..pixels).map(|_| rng.normals().map(|v: f64| f64::from((3.0 * v) as f32))).collect();
    let valid = (0..pixels).map(|_| rng.unit() < 0.8).collect();
    let posed: Vec<Gaussian<f64>> = gaussians.iter().zip(&motions).map(|(g, m)| pose(g, m, times[0])).collect();
    let image = render(&posed, &view);
    let mut case = Case { gaussians, motions, views: [view, other], times, wanted, valid, weight: 0.7, robust };
    exclude(&mut case, &image);
    case
}

/// A case and the oracle's gradients of it, form by form.
struct Solved {
    case: Case,
    curved: bool,
    gradients: Vec<Vec<[f64; INPUTS]>>,
}

/// Worked out once: it takes a while and does not depend on the device's form.
fn oracle() -> &'static [Solved] {
    static ORACLE: OnceLock<Vec<Solved>> = OnceLock::new();
    let solve = |(seed, robust, curved)| {
        let case = case(seed, robust, curved);
        let gradients = FORMS.iter().map(|&form| gradient(&case, form)).collect();
        Solved { case, curved, gradients }
    };
    ORACLE.get_or_init(|| [(301, 0.1, false), (302, 0.0, true)].map(solve).into())
}

fn model(case: &Case) -> Model {
    let mut scene = cases::host_scene(&case.gaussians, 3, false);
    scene.motion = Some(host_motion(&case.motions));
    Model::upload(&support::gpu(), &scene).unwrap()
}

/// Gradient rows in the order of [`INPUTS`], from a renderer that has drawn nothing yet.
fn device_gradient(lanes: LaneForm, case: &Case, form: Form) -> Vec<[f64; INPUTS]> {
    let mut renderer = Renderer::with_form(&support::gpu(), lanes, true).unwrap();
    let (rows, entry) = gradient_by(&mut renderer, case, form);
    check_statistics(case, form, entry);
    rows
}

/// Gradient rows in the order of [`INPUTS`], and what the device says of the loss.
fn gradient_by(renderer: &mut Renderer, case: &Case, form: Form) -> (Vec<[f64; INPUTS]>, Vec4) {
    let (gpu, count) = (support::gpu(), case.gaussians.len());
    let model = model(case);
    let motion = model.form().motion;
    let views = [0, 1].map(|i| support::device_view(&case.views[i], count).at(case.times[i] as f32));
    renderer.prepare(&model, dapple::render::LensVariant::PINHOLE).unwrap();
    renderer
        .prepare_flow(FlowForm { affine: form.affine, all: form.all, motion }, dapple::render::LensVariant::PINHOLE)
        .unwrap();
    renderer.set_view(&views[0], &model).unwrap();
    renderer.set_flow_target(&views[0], &views[1]);
    let field = case.wanted.iter().map(|v| v.map(|v| v as f32)).collect();
    let target = FlowTarget { to: 1, field, valid: case.valid.clone() };
    let target = Target::upload(&gpu, &target, SIZE.0, 0.0).unwrap();
    let mut pass = FlowPass::new(&gpu, form.all).unwrap();
    // The option's weight is that of an error in hundredths of the longer side.
    pass.set_target(&target, case.weight * f64::from(SIZE.0) / 100.0, case.robust).unwrap();
    let loss = LossPass::new(&gpu).unwrap();
    let optimiser = Optimiser::storing_gradients(&gpu, count, 3, motion).unwrap();
    optimiser.set_step(&Step::default().with_flow(form.all));
    let mut recorder = Recorder::new(&gpu, false);
    renderer.record_flow_forward(&mut recorder, &model, &views[0]);
    pass.record(&mut recorder, &target, renderer.frame(), &loss);
    renderer.record_flow_backward(&mut recorder, &model, &views[0]);
    optimiser.record(&mut recorder, &model, renderer.frame(), &views[0]);
    recorder.finish().unwrap();
    let status = renderer.frame_mut().read_status().unwrap();
    assert_eq!((status.overflowed, status.non_finite), (0, 0));
    let [rows, _] = &support::read_moments(&optimiser.moments, count, 3, motion);
    let (geometry, motion) = (support::read_rows(&gpu, rows, count, 3), read_motion(rows, count));
    let join = |(g, m): (&[f64; 59], &[f64; MOTION])| std::array::from_fn(|i| if i < 11 { g[i] } else { m[i - 11] });
    (geometry.iter().zip(&motion).map(join).collect(), loss.history().unwrap()[0])
}

/// The mean end-point error that the device reports is that of the pixels that count.
fn check_statistics(case: &Case, form: Form, entry: Vec4) {
    let (sums, opacities) = flow_image(case, form);
    let counted = (0..sums.len()).filter(|&i| case.valid[i] && opacities[i] >= 0.5);
    let errors: Vec<f64> = counted
        .map(|i| {
            let miss = [0, 1].map(|axis| sums[i][axis] / opacities[i] - case.wanted[i][axis]);
            miss[0].hypot(miss[1])
        })
        .collect();
    let mean = errors.iter().sum::<f64>() / errors.len() as f64;
    assert!(errors.len() > 150, "only {} pixels count", errors.len());
    assert!((f64::from(entry.z) / mean - 1.0).abs() < 1e-4 && entry.w == 1.0, "{entry:?}, not {mean}");
}

fn flow_gradients_agree(lanes: LaneForm) {
    if !can_run(lanes) {
        return;
    }
    let mut worst = Worst::new();
    for Solved { case, curved, gradients } in oracle() {
        for (form, want) in FORMS.iter().zip(gradients) {
            let got = device_gradient(lanes, case, *form);
            let what = format!("{lanes:?}, {form:?}, robust {}", case.robust);
            let used = if *curved { MOTION } else { LINEAR };
            let groups = MOTION_GROUPS.iter().filter(|(_, range)| range.end <= used);
            for (name, range) in groups.map(|(n, r)| (n, r.start + 11..r.end + 11)) {
                // Without the ellipse nothing that flow says of pixels depends on how Gaussians turn.
                let moves = ["velocity", "acceleration"].contains(name) || form.affine && *name == "angular velocity";
                if form.all || moves {
                    check(&mut worst, name, &what, &got.lanes(&range), &want.lanes(&range));
                } else {
                    assert!(got.lanes(&range).iter().all(|v| *v == 0.0), "{what}: {name} learns from flow");
                }
            }
            for (name, range) in &GROUPS[..4] {
                if form.all {
                    check(&mut worst, name, &what, &got.lanes(range), &want.lanes(range));
                } else {
                    assert!(got.lanes(range).iter().all(|v| *v == 0.0), "{what}: {name} learns from flow");
                }
            }
        }
    }
    for (name, (error, cosine)) in worst {
        eprintln!("flow, {lanes:?} {name}: relative error {error:.2e}, 1 - cosine {:.1e}", 1.0 - cosine);
    }
}

#[test]
fn flow_gradients_agree_with_8_lanes_by_shuffles() {
    flow_gradients_agree(LaneForm { lanes: 8, subgroups: true });
}

#[test]
fn flow_gradients_agree_with_8_lanes_through_workgroup_memory() {
    flow_gradients_agree(LaneForm { lanes: 8, subgroups: false });
}

#[test]
fn flow_gradients_agree_with_32_lanes_through_workgroup_memory() {
    flow_gradients_agree(LaneForm { lanes: 32, subgroups: false });
}

#[test]
fn flow_gradients_agree_with_16_lanes_by_shuffles() {
    flow_gradients_agree(LaneForm { lanes: 16, subgroups: true });
}

#[test]
fn flow_gradients_agree_with_32_lanes_by_shuffles() {
    flow_gradients_agree(LaneForm { lanes: 32, subgroups: true });
}

/// Gaussians behind opaque ones are not walked: their slots still hold what the frame before left there, and must be cleared.
#[test]
fn what_a_frame_before_left_in_the_slots_is_not_added() {
    let lanes = LaneForm { lanes: 8, subgroups: false };
    for Solved { case, .. } in oracle() {
        let mut covered = case.clone();
        let view = case.views[0];
        // Four walls, one behind the other, before all others.
        for (i, wall) in covered.gaussians[..4].iter_mut().enumerate() {
            let p = [0.0, 0.0, 1.0 + 0.1 * i as f64];
            let shifted: [f64; 3] = std::array::from_fn(|axis| p[axis] - view.translation[axis]);
            wall.mean = matvec(&transpose(&view.rotation), &shifted);
            wall.log_scale = [1.0; 3];
            wall.logit = 10.0;
        }
        for motion in &mut covered.motions[..4] {
            *motion = Motion { velocity: [0.0; 3], acceleration: [0.0; 3], centre: case.times[0], ..*motion };
        }
        // Where flow teaches all, it adds to the image's gradient, which the loss of the photo sets anew and nothing does here.
        for form in FORMS.into_iter().filter(|form| !form.all) {
            let mut fresh = Renderer::with_form(&support::gpu(), lanes, true).unwrap();
            let (want, _) = gradient_by(&mut fresh, &covered, form);
            let hidden = want.iter().filter(|row| row.iter().all(|v| *v == 0.0)).count();
            assert!(hidden >= 5, "{form:?}: only {hidden} Gaussians are hidden");
            let mut used = Renderer::with_form(&support::gpu(), lanes, true).unwrap();
            gradient_by(&mut used, case, form);
            let (got, _) = gradient_by(&mut used, &covered, form);
            assert!(got == want, "{form:?}: a frame before changes gradients");
        }
    }
}

#[test]
fn rendered_flow_agrees_with_the_oracle() {
    let mut renderer = support::renderer();
    for Solved { case, .. } in oracle() {
        for affine in [false, true] {
            let (sums, opacities) = flow_image(case, Form { affine, all: false });
            let options = RenderOptions {
                background: Vec3::ZERO,
                channel: dapple::render::Channel::Color,
                sh_degree: 0,
                antialiased: false,
                near: case.views[0].near as f32,
                time: case.times[0] as f32,
            };
            let cameras = [0, 1].map(|i| cases::camera_of(&case.views[i]));
            let other = (&cameras[1], case.times[1] as f32);
            let got = renderer.render_flow(&model(case), &cameras[0], &options, other, affine).unwrap();
            let (mut worst, mut compared) = (0.0_f64, 0);
            // Those that count are clear of branches.
            for i in (0..sums.len()).filter(|&i| case.valid[i] && opacities[i] > 0.1) {
                let want = sums[i].map(|v| v / opacities[i]);
                let off = (f64::from(got.pixels[i].x) - want[0]).hypot(f64::from(got.pixels[i].y) - want[1]);
                worst = worst.max(off / (1.0 + want[0].hypot(want[1])));
                compared += 1;
            }
            eprintln!(
                "rendered flow, affine {affine}: off by at most {worst:.1e} of 1 px and itself, {compared} pixels"
            );
            assert!(worst < 1e-3 && compared > 250, "affine {affine}: off by {worst}, {compared} pixels");
        }
    }
}
