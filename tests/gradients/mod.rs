//! Gradients of the GPU against the f64 oracle: every parameter of every Gaussian, the camera's pose, the background;
//! how Gaussians move and fade, and what optical flow teaches.

mod fisheye;
mod flow;
mod motion;

use std::collections::BTreeMap;
use std::ops::Range;

use dapple::gpu::Recorder;
use dapple::model::{Model, MotionKind};
use dapple::render::{CameraBackward, CameraGradient, Channel, LaneForm, Renderer};
use dapple::train::update::{Optimiser, Step};

use crate::reference::cases::{self, Rng};
use crate::reference::gradient::{Gradient, analytic, render};
use crate::reference::project::{Gaussian, PARAMETERS, View, near_branch};
use crate::reference::rasterize::Upstream;
use crate::support::{self, can_run};

/// Parameter groups: ranges of `Gaussian::to_array`.
const GROUPS: [(&str, Range<usize>); 8] = [
    ("mean", 0..3),
    ("quaternion", 3..7),
    ("log-scale", 7..10),
    ("logit", 10..11),
    ("SH band 0", 11..14),
    ("SH band 1", 14..23),
    ("SH band 2", 23..38),
    ("SH band 3", 38..59),
];

/// Bounds on the relative L2 error and, from below, on the cosine of each group.
const ERROR: f64 = 1e-4;
const COSINE: f64 = 0.99999;

struct Case {
    gaussians: Vec<Gaussian<f64>>,
    view: View<f64>,
    upstream: Upstream,
}

/// At least 200 Gaussians of every kind, none of which sits on a branch that f32 may decide otherwise, with upstream
/// gradients that leave out the pixels that do.
fn case(seed: u64, degree: u32, antialiased: bool, size: (u32, u32)) -> Case {
    let (mut gaussians, mut view) = cases::scene(seed, 260, size.0, size.1);
    (view.sh_degree, view.antialiased) = (degree, antialiased);
    gaussians.retain(|g| !near_branch(g, &view));
    assert!(gaussians.len() >= 200, "only {} Gaussians are clear of branches", gaussians.len());
    let mut upstream = cases::upstream(&mut Rng::new(seed + 1000), (size.0 * size.1) as usize);
    upstream.exclude(&render(&gaussians, &view).near_branch);
    // The rasterizer composites colour alone: no gradient of depth.
    upstream.depth.fill(0.0);
    Case { gaussians, view, upstream }
}

/// What the GPU makes of a case.
fn device_gradient(rig: &mut Rig, case: &Case) -> (Vec<[f64; PARAMETERS]>, CameraGradient) {
    let (count, degree) = (case.gaussians.len(), case.view.sh_degree);
    let gpu = support::gpu();
    let model = Model::upload(&gpu, &cases::host_scene(&case.gaussians, degree, case.view.antialiased)).unwrap();
    let view = support::device_view(&case.view, count);
    rig.renderer.prepare(&model, view.lens_variant()).unwrap();
    rig.renderer.set_view(&view, &model).unwrap();
    gpu.write(rig.renderer.frame().image_gradient(), 0, &case.upstream.pixels());
    rig.optimiser.set_step(&Step::default());
    let mut recorder = Recorder::new(&gpu, false);
    rig.renderer.record_forward(&mut recorder, &model, &view, Channel::Color);
    rig.renderer.record_backward(&mut recorder, &view);
    rig.camera.record(&mut recorder, &model, rig.renderer.frame(), &view);
    rig.optimiser.record(&mut recorder, &model, rig.renderer.frame(), &view);
    recorder.finish().unwrap();
    let status = rig.renderer.frame_mut().read_status().unwrap();
    assert_eq!((status.overflowed, status.non_finite), (0, 0));
    let [rows, _] = support::read_moments(&rig.optimiser.moments, 260, degree, MotionKind::Static);
    (support::read_rows(&gpu, &rows, count, degree), rig.camera.read().unwrap())
}

/// Relative L2 error and cosine of two vectors.
fn compare(got: impl Iterator<Item = f64>, want: impl Iterator<Item = f64>) -> (f64, f64) {
    let (mut difference, mut gg, mut ww, mut gw) = (0.0, 0.0, 0.0, 0.0);
    for (g, w) in got.zip(want) {
        difference += (g - w) * (g - w);
        gg += g * g;
        ww += w * w;
        gw += g * w;
    }
    assert!(ww > 0.0, "the oracle's gradient is zero: the case tests nothing");
    ((difference / ww).sqrt(), gw / (gg * ww).sqrt())
}

/// The worst error and cosine seen, by group.
type Worst = BTreeMap<&'static str, (f64, f64)>;

fn check(worst: &mut Worst, name: &'static str, what: &str, got: &[f64], want: &[f64]) {
    let (error, cosine) = compare(got.iter().copied(), want.iter().copied());
    assert!(error < ERROR && cosine > COSINE, "{what}, {name}: relative error {error:.2e}, cosine {cosine:.8}");
    let entry = worst.entry(name).or_insert((0.0, 1.0));
    *entry = (entry.0.max(error), entry.1.min(cosine));
}

fn check_case(
    worst: &mut Worst,
    what: &str,
    got: &(Vec<[f64; PARAMETERS]>, CameraGradient),
    want: &Gradient,
    bands: usize,
) {
    for (name, range) in GROUPS.iter().take(4 + bands) {
        let flat = |rows: &[[f64; PARAMETERS]]| -> Vec<f64> {
            rows.iter().flat_map(|row| row[range.clone()].to_vec()).collect()
        };
        check(worst, name, what, &flat(&got.0), &flat(&want.gaussians));
        check_each(&format!("{what}, {name}"), range, &got.0, &want.gaussians);
    }
    let wide = |v: [f32; 3]| v.map(f64::from);
    check(worst, "background", what, &wide(got.1.background), &want.background);
    check(worst, "pose rotation", what, &wide(got.1.omega), &want.pose[..3]);
    check(worst, "pose translation", what, &wide(got.1.tau), &want.pose[3..]);
}

/// A group's norm is dominated by a few large gradients: every Gaussian by itself, too, is right to a thousandth of its
/// own or a ten-thousandth of the typical gradient (one far behind others is a small difference of large sums), and
/// culled ones have none.
fn check_each(what: &str, range: &Range<usize>, got: &[[f64; PARAMETERS]], want: &[[f64; PARAMETERS]]) {
    let norm = |row: &[f64]| row.iter().map(|v| v * v).sum::<f64>().sqrt();
    let typical =
        norm(&want.iter().map(|row| norm(&row[range.clone()])).collect::<Vec<_>>()) / (want.len() as f64).sqrt();
    for (i, (got, want)) in got.iter().zip(want).enumerate() {
        let difference: Vec<f64> = range.clone().map(|lane| got[lane] - want[lane]).collect();
        let size = norm(&want[range.clone()]);
        assert!(
            norm(&difference) <= 1e-3 * size + if size > 0.0 { 1e-4 * typical } else { 0.0 },
            "{what}, Gaussian {i}: {:?}, not {:?}",
            &got[range.clone()],
            &want[range.clone()]
        );
    }
}

struct Rig {
    renderer: Renderer,
    optimiser: Optimiser,
    camera: CameraBackward,
}

/// Seed, SH degree, opacity compensation, image size.
const CASES: [(u64, u32, bool, (u32, u32)); 6] = [
    (101, 3, false, (96, 64)),
    (102, 3, true, (96, 64)),
    (103, 2, false, (77, 51)),
    (104, 1, true, (64, 96)),
    (105, 0, false, (96, 64)),
    (106, 3, true, (130, 47)),
];

fn gradients_agree(form: LaneForm) {
    let gpu = support::gpu();
    if !can_run(form) {
        return;
    }
    let mut rig = Rig {
        renderer: Renderer::with_form(&gpu, form, true).unwrap(),
        optimiser: Optimiser::storing_gradients(&gpu, 260, 3, MotionKind::Static).unwrap(),
        camera: CameraBackward::new(&gpu, 260, 130 * 64).unwrap(),
    };
    let mut worst = Worst::new();
    for (seed, degree, antialiased, size) in CASES {
        let case = case(seed, degree, antialiased, size);
        let want = analytic(&case.gaussians, &case.view, &case.upstream);
        let got = device_gradient(&mut rig, &case);
        let what = format!("{form:?}, seed {seed}, degree {degree}, antialiased {antialiased}");
        check_case(&mut worst, &what, &got, &want, degree as usize + 1);
    }
    for (name, (error, cosine)) in worst {
        eprintln!("{form:?} {name}: relative error {error:.2e}, 1 - cosine {:.1e}", 1.0 - cosine);
    }
}

#[test]
fn gradients_agree_with_8_lanes_by_shuffles() {
    gradients_agree(LaneForm { lanes: 8, subgroups: true });
}

#[test]
fn gradients_agree_with_8_lanes_through_workgroup_memory() {
    gradients_agree(LaneForm { lanes: 8, subgroups: false });
}

#[test]
fn gradients_agree_with_32_lanes_through_workgroup_memory() {
    gradients_agree(LaneForm { lanes: 32, subgroups: false });
}

#[test]
fn gradients_agree_with_16_lanes_by_shuffles() {
    gradients_agree(LaneForm { lanes: 16, subgroups: true });
}

#[test]
fn gradients_agree_with_32_lanes_by_shuffles() {
    gradients_agree(LaneForm { lanes: 32, subgroups: true });
}
