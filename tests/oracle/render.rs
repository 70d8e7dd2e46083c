//! Projection and compositing: duals against central differences, adjoints against duals, bands against f32.

use crate::reference::cases::{self, Kind, Rng};
use crate::reference::gradient::{Gradient, analytic, exact, render};
use crate::reference::number::{Dual, Num};
use crate::reference::project::{GROUPS, Gaussian, PARAMETERS, View, is_clamped, near_branch, project};
use crate::reference::rasterize::{Image, Upstream};

/// A case with upstream gradients that leave out the boundary band.
fn case(
    seed: u64,
    count: usize,
    width: u32,
    height: u32,
    antialiased: bool,
) -> (Vec<Gaussian<f64>>, View<f64>, Upstream) {
    let (mut gaussians, mut view) = cases::scene(seed, count, width, height);
    view.antialiased = antialiased;
    gaussians.retain(|g| !is_clamped(g, &view));
    let mut upstream = cases::upstream(&mut Rng::new(seed + 1000), (width * height) as usize);
    let image = render(&gaussians, &view);
    let excluded = image.near_branch.iter().filter(|&&near| near).count();
    assert!(excluded * 5 < image.near_branch.len(), "{excluded} of {} pixels excluded", image.near_branch.len());
    upstream.exclude(&image.near_branch);
    (gaussians, view, upstream)
}

/// Asserts |a − b| ≤ tolerance · max(|b|, scale of the row).
fn assert_close(label: &str, a: &[f64], b: &[f64], tolerance: f64) {
    let scale = b.iter().fold(0.0_f64, |m, v| m.max(v.abs())).max(1e-9);
    for (lane, (a, b)) in a.iter().zip(b).enumerate() {
        assert!((a - b).abs() <= tolerance * scale, "{label}, lane {lane}: {a} against {b} (scale {scale})");
    }
}

fn assert_gradients_agree(a: &Gradient, b: &Gradient, tolerance: f64) {
    for (i, (a, b)) in a.gaussians.iter().zip(&b.gaussians).enumerate() {
        for (name, range) in GROUPS {
            assert_close(&format!("Gaussian {i} {name}"), &a[range.clone()], &b[range], tolerance);
        }
    }
    assert_close("background", &a.background, &b.background, tolerance);
    assert_close("pose", &a.pose, &b.pose, tolerance);
}

#[test]
fn every_kind_of_case_is_what_it_claims() {
    for seed in 0..20 {
        let mut rng = Rng::new(seed);
        let view = cases::view(&mut rng, 96, 64);
        for kind in Kind::ALL {
            let g = cases::gaussian(&mut rng, &view, kind);
            let splat = project(&g, &view);
            let image = render(&[g], &view);
            let touched = image.contributors.iter().filter(|&&n| n > 0).count();
            match kind {
                Kind::Behind | Kind::InsideNear | Kind::TooFaint => assert!(splat.is_none(), "{kind:?}"),
                Kind::OffScreen => assert!(splat.is_some() && touched == 0, "{kind:?} touches {touched} pixels"),
                Kind::Huge => assert!(touched == 96 * 64, "{kind:?} touches {touched} pixels, seed {seed}"),
                Kind::Faint => assert!(touched <= 60, "{kind:?} touches {touched} pixels"),
                _ => assert!(touched > 0, "{kind:?} is not seen, seed {seed}"),
            }
            if kind == Kind::Clamped {
                let s = crate::reference::project::stages(&g, &view).expect("in front");
                let clamped = (0..2).any(|axis| (s.t[axis] - s.p[axis]).abs() > 1e-6);
                assert!(clamped, "slopes {:?} within {:?}", s.slope, view.slope_bounds());
            }
            if kind == Kind::Saturated {
                assert!(image.transmittance.contains(&(1.0 - 0.99)), "α never reaches 0.99");
            }
        }
    }
}

/// Fourth-order central difference of the loss, taken pixel by pixel so that unmoved pixels add no rounding noise.
fn central_difference(upstream: &Upstream, step: f64, image: impl Fn(f64) -> Image<f64>) -> f64 {
    let difference = |step: f64| {
        let (ahead, behind) = (image(step), image(-step));
        let mut sum = 0.0;
        for i in 0..upstream.alpha.len() {
            for ch in 0..3 {
                sum += upstream.rgb[i][ch] * (ahead.rgb[i][ch] - behind.rgb[i][ch]);
            }
            sum -= upstream.alpha[i] * (ahead.transmittance[i] - behind.transmittance[i]);
            sum += upstream.depth[i] * (ahead.depth[i] - behind.depth[i]);
        }
        sum
    };
    (8.0 * difference(step) - difference(2.0 * step)) / (12.0 * step)
}

#[test]
fn duals_match_central_differences() {
    for (seed, antialiased) in [(3, false), (4, true)] {
        let (gaussians, view, upstream) = case(seed, 14, 24, 20, antialiased);
        let exact = exact(&gaussians, &view, &upstream);
        for (i, row) in exact.gaussians.iter().enumerate() {
            if near_branch(&gaussians[i], &view) {
                continue;
            }
            let scale = row.iter().fold(1e-3_f64, |m, v| m.max(v.abs()));
            for lane in (0..PARAMETERS).filter(|lane| *lane < 14 || lane % 7 == 0) {
                let numeric = central_difference(&upstream, 1e-6, |step| {
                    let mut moved = gaussians.clone();
                    let mut flat = moved[i].to_array();
                    flat[lane] += step;
                    moved[i] = Gaussian::from_array(&flat);
                    render(&moved, &view)
                });
                assert!(
                    (row[lane] - numeric).abs() < 1e-6 * scale,
                    "seed {seed}, Gaussian {i}, lane {lane}: dual {} difference {numeric} (scale {scale})",
                    row[lane]
                );
            }
        }
        for lane in 0..3 {
            let numeric = central_difference(&upstream, 1e-4, |step| {
                let mut view = view;
                view.background[lane] += step;
                render(&gaussians, &view)
            });
            assert_close("background", &[numeric], &exact.background[lane..=lane], 1e-8);
        }
        for lane in 0..6 {
            let numeric = central_difference(&upstream, 1e-6, |step| render(&gaussians, &moved(&view, lane, step)));
            let scale = exact.pose.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
            assert!((numeric - exact.pose[lane]).abs() < 1e-6 * scale, "pose {lane}: {numeric} {}", exact.pose[lane]);
        }
    }
}

/// The view after the left perturbation of B.10 along one of (ω, τ).
fn moved(view: &View<f64>, lane: usize, step: f64) -> View<f64> {
    let mut view = *view;
    if lane >= 3 {
        view.translation[lane - 3] += step;
        return view;
    }
    let turn = glam::DMat3::from_axis_angle(glam::DVec3::AXES[lane], step);
    let camera = cases::camera_of(&view);
    let rotation = turn * camera.pose.rotation;
    view.rotation = std::array::from_fn(|r| rotation.row(r).to_array());
    view.translation = (turn * camera.pose.translation).to_array();
    view
}

#[test]
fn adjoints_match_duals() {
    for (seed, degree, antialiased) in [(11, 3, false), (12, 3, true), (13, 0, false), (14, 2, true), (15, 1, false)] {
        let (gaussians, mut view, upstream) = case(seed, 24, 28, 20, antialiased);
        view.sh_degree = degree;
        let (by_hand, by_dual) = (analytic(&gaussians, &view, &upstream), exact(&gaussians, &view, &upstream));
        assert!(by_dual.gaussians.iter().filter(|row| row[10] != 0.0).count() > 12, "too few Gaussians have gradients");
        assert_gradients_agree(&by_hand, &by_dual, 1e-9);
    }
}

/// On a scene of the size the GPU tests use, along one random direction in the space of all parameters.
#[test]
fn adjoints_match_a_directional_derivative_of_a_large_scene() {
    let (gaussians, view, upstream) = case(21, 240, 96, 64, true);
    let gradient = analytic(&gaussians, &view, &upstream);
    let mut rng = Rng::new(5);
    let (mut expected, mut size) = (0.0, 0.0);
    let moved: Vec<Gaussian<Dual<1>>> = gaussians
        .iter()
        .zip(&gradient.gaussians)
        .map(|(g, row)| {
            let (flat, mut lane) = (g.to_array(), 0);
            Gaussian::from_array(&flat.map(|value| {
                let direction = rng.normal();
                expected += direction * row[lane];
                size += (direction * row[lane]).powi(2);
                lane += 1;
                Dual { value, slope: [direction] }
            }))
        })
        .collect();
    let loss = upstream.loss(&render(&moved, &view.lift()));
    assert!((loss.slope[0] - expected).abs() < 1e-9 * f64::sqrt(size), "{} against {expected}", loss.slope[0]);
}

/// Opaque layers stop the ray: the transmittance ends within one contribution of the threshold, and what lies behind
/// changes nothing.
#[test]
fn the_stop_is_inclusive() {
    let mut rng = Rng::new(9);
    let mut view = cases::view(&mut rng, 16, 16);
    view.background = [0.0; 3];
    let mut layers: Vec<Gaussian<f64>> = (0..6)
        .map(|i| {
            let mut g = cases::gaussian(&mut rng, &view, Kind::Huge);
            g.mean = std::array::from_fn(|axis| {
                let z = 3.0 + 0.3 * f64::from(i);
                (0..3).map(|r| view.rotation[r][axis] * ([0.0, 0.0, z][r] - view.translation[r])).sum()
            });
            g.logit = 3.0;
            g
        })
        .collect();
    let image = render(&layers, &view);
    let centre = 8 * 16 + 8;
    // o = 0.9526: T after n layers is 0.0474^n at the centre; the fourth starts from 1.07e-4 and still counts.
    assert_eq!(image.contributors[centre], 4);
    assert!(image.transmittance[centre].value() < 1e-4);
    layers[5].sh[0] = [9.0; 3];
    let again = render(&layers, &view);
    assert_eq!(image.rgb[centre], again.rgb[centre]);
}

/// Single precision alone, without a GPU: outside the boundary band the twin in f32 takes every decision as the one in
/// f64 does, and its values stay close.
#[test]
fn the_boundary_bands_hold_what_f32_decides_otherwise() {
    let (mut pixels, mut excluded, mut worst) = (0, 0, 0.0_f64);
    for seed in 100..130 {
        let (gaussians, mut view) = cases::scene(seed, 200, 80, 64);
        view.antialiased = seed % 2 == 0;
        let image = render(&gaussians, &view);
        let rounded: Vec<Gaussian<f32>> = gaussians.iter().map(Gaussian::lift).collect();
        let rounded = render(&rounded, &view.lift());
        for pixel in 0..image.rgb.len() {
            pixels += 1;
            if image.near_branch[pixel] {
                excluded += 1;
                continue;
            }
            assert_eq!(image.contributors[pixel], rounded.contributors[pixel], "seed {seed}, pixel {pixel}");
            for ch in 0..3 {
                worst = worst.max((image.rgb[pixel][ch] - rounded.rgb[pixel][ch].value()).abs());
            }
            worst = worst.max((image.transmittance[pixel] - rounded.transmittance[pixel].value()).abs());
            worst = worst.max((image.depth[pixel] - rounded.depth[pixel].value()).abs());
        }
    }
    println!("{excluded} of {pixels} pixels in the band; largest difference elsewhere {worst:e}");
    assert!(excluded * 20 < pixels, "{excluded} of {pixels} pixels excluded");
    assert!(worst < 5e-5, "{worst}");
}
