//! Gradients through a fisheye that sees nearly to its sides.

use dapple::model::MotionKind;
use dapple::render::{CameraBackward, LaneForm, LensVariant, Renderer};
use dapple::train::update::Optimiser;

use super::{Case, Rig, Worst, check_case, device_gradient};
use crate::reference::cases::{self, Rng, narrow};
use crate::reference::fisheye::angle;
use crate::reference::gradient::{analytic, exact, render};
use crate::reference::number::{dot, matvec, transpose};
use crate::reference::project::{Gaussian, View, near_branch, to_camera};
use crate::support;

/// Gaussians of every kind, half of them pushed out to the rim of a fisheye of 170 degrees.
fn case(seed: u64, degree: u32, antialiased: bool, (width, height): (u32, u32), count: usize) -> Case {
    let (mut gaussians, mut view) = cases::scene(seed, count, width, height);
    (view.sh_degree, view.antialiased) = (degree, antialiased);
    view.fisheye = Some([0.05, -0.01, 0.003, -0.0005].map(narrow));
    let half = 0.5 * f64::from(width.max(height));
    view.focal = [half / 1.6, half / 1.55].map(narrow);
    gaussians.iter_mut().step_by(2).for_each(|g| push_out(g, &view));
    gaussians.retain(|g| !near_branch(g, &view));
    let mut upstream = cases::upstream(&mut Rng::new(seed + 1000), (width * height) as usize);
    upstream.exclude(&render(&gaussians, &view).near_branch);
    upstream.depth.fill(0.0);
    Case { gaussians, view, upstream }
}

/// Brings a Gaussian's depth to a tenth, which turns it away from the axis.
fn push_out(g: &mut Gaussian<f64>, view: &View<f64>) {
    let p = to_camera(view, &g.mean);
    let moved = [p[0], p[1], 0.1 * p[2]];
    let world: [f64; 3] = std::array::from_fn(|i| moved[i] - view.translation[i]);
    g.mean = matvec(&transpose(&view.rotation), &world).map(narrow);
    // As large in the image as before: nearer, so smaller.
    let nearer = (dot(&moved, &moved) / dot(&p, &p)).sqrt().ln();
    g.log_scale = g.log_scale.map(|l| narrow(l + nearer));
}

#[test]
fn fisheye_adjoints_match_dual_numbers() {
    let case = case(205, 1, true, (40, 30), 24);
    let by_hand = analytic(&case.gaussians, &case.view, &case.upstream);
    let by_dual = exact(&case.gaussians, &case.view, &case.upstream);
    let flat = |rows: &[[f64; crate::reference::project::PARAMETERS]]| rows.concat();
    let (hand, dual) = (flat(&by_hand.gaussians), flat(&by_dual.gaussians));
    let (error, _) = super::compare(hand.into_iter(), dual.into_iter());
    assert!(error < 1e-9, "{error:.1e}");
    let (error, _) = super::compare(by_hand.pose.into_iter(), by_dual.pose.into_iter());
    assert!(error < 1e-9, "pose: {error:.1e}");
}

#[test]
fn fisheye_gradients_agree() {
    let gpu = support::gpu();
    let form = LaneForm::of(&gpu);
    let mut rig = Rig {
        renderer: Renderer::with_form(&gpu, form, true).unwrap(),
        optimiser: Optimiser::storing_gradients(&gpu, 260, 3, MotionKind::Static).unwrap(),
        camera: CameraBackward::new(&gpu, 260, 130 * 64).unwrap(),
    };
    let mut worst = Worst::new();
    for (seed, degree, antialiased, size) in
        [(201, 3, false, (96, 64)), (202, 1, true, (64, 96)), (203, 0, false, (77, 51))]
    {
        let case = case(seed, degree, antialiased, size, 260);
        let angles = case.gaussians.iter().map(|g| angle(&to_camera(&case.view, &g.mean)).to_degrees());
        let wide = angles.clone().filter(|&angle| angle > 60.0 && angle < 90.0).count();
        assert!(case.gaussians.len() >= 180 && wide >= 40, "{wide} of {} are near the rim", case.gaussians.len());
        let lens = LensVariant::of(&cases::camera_of(&case.view).lens);
        rig.optimiser.prepare(lens).unwrap();
        rig.camera.prepare(lens).unwrap();
        let want = analytic(&case.gaussians, &case.view, &case.upstream);
        let got = device_gradient(&mut rig, &case);
        check_case(&mut worst, &format!("fisheye, seed {seed}"), &got, &want, degree as usize + 1);
    }
    for (name, (error, cosine)) in worst {
        eprintln!("fisheye {name}: relative error {error:.2e}, 1 - cosine {:.1e}", 1.0 - cosine);
    }
}
