//! Twin of rendered flow, its loss and its gradient (docs/algorithms.md F).

use super::motion::{MOTION, Motion, pose, turned};
use super::number::{Dual, Num, matmul};
use super::project::{Gaussian, Splat, View, determinant, project, stages};
use super::rasterize::{Image, TRANSMITTANCE_MIN, depth_order, pixel_centre, response};

/// Parameters that flow depends on: mean 3, quaternion 4, log-scale 3, logit, motion 12.
pub const INPUTS: usize = 11 + MOTION;

/// Opacity that a pixel must have for its flow to count.
pub const OPACITY_MIN: f64 = 0.5;

/// What flow is between, and what it should be.
#[derive(Clone, Debug)]
pub struct Case {
    pub gaussians: Vec<Gaussian<f64>>,
    pub motions: Vec<Motion<f64>>,
    /// The image's view and the one that the flow leads to, with their times.
    pub views: [View<f64>; 2],
    pub times: [f64; 2],
    /// `[H][W]`
    pub wanted: Vec<[f64; 2]>,
    pub valid: Vec<bool>,
    pub weight: f64,
    /// ε of the loss √(|F − F*|² + ε²).
    pub robust: f64,
}

/// How the flow is rendered and what it teaches.
#[derive(Clone, Copy, Debug)]
pub struct Form {
    pub affine: bool,
    /// The gradient goes to everything, or to velocities with the pose in the first view held fixed.
    pub all: bool,
}

/// A Gaussian's flow at pixel x: displacement + change · (x − u).
#[derive(Clone, Copy, Debug)]
pub struct Moved<T> {
    pub displacement: [T; 2],
    pub change: [[T; 2]; 2],
}

/// Symmetric root of a symmetric positive-definite matrix.
pub fn root<T: Num>(s: &[[T; 2]; 2]) -> [[T; 2]; 2] {
    let d = determinant(s).sqrt();
    let scale = T::one() / (s[0][0] + s[1][1] + d.times(2.0)).sqrt();
    [[(s[0][0] + d) * scale, s[0][1] * scale], [s[1][0] * scale, (s[1][1] + d) * scale]]
}

/// The flow of a Gaussian that `splat` shows in the first view and that has pose `there` in the second; `None` behind
/// the second camera.
pub fn moved<T: Num>(splat: &Splat<T>, there: &Gaussian<T>, view: &View<T>, affine: bool) -> Option<Moved<T>> {
    let s = stages(there, view)?;
    let displacement =
        std::array::from_fn(|i| s.slope[i].times(view.focal[i]).plus(view.principal[i]) - splat.centre[i]);
    let mut change = [[T::zero(); 2]; 2];
    if affine {
        let [a, b, c] = splat.conic;
        change = matmul(&root(&s.blurred), &root(&[[a, b], [b, c]]));
        (0..2).for_each(|i| change[i][i] = change[i][i].plus(-1.0));
    }
    Some(Moved { displacement, change })
}

/// Σ w f of every pixel, and the opacity A: the flow is their quotient.
pub fn composite<T: Num>(
    splats: &[Option<Splat<T>>],
    flows: &[Option<Moved<T>>],
    view: &View<T>,
) -> (Vec<[T; 2]>, Vec<T>) {
    let order = depth_order(splats);
    let pixel_sum = |index: usize| {
        let pixel = pixel_centre(index, view.width);
        let (mut sum, mut transmittance) = ([T::zero(); 2], T::one());
        for &i in &order {
            if transmittance.value() < TRANSMITTANCE_MIN {
                break;
            }
            let splat = splats[i].as_ref().expect("the order lists visible Gaussians");
            let Some((d, raw)) = response(splat, pixel) else { continue };
            let alpha = raw.at_most(super::rasterize::ALPHA_MAX);
            let weight = transmittance * alpha;
            if let Some(flow) = &flows[i] {
                for axis in 0..2 {
                    let by_offset = flow.change[axis][0] * d[0] + flow.change[axis][1] * d[1];
                    sum[axis] += weight * (flow.displacement[axis] - by_offset);
                }
            }
            transmittance = transmittance * (T::one() - alpha);
        }
        (sum, T::one() - transmittance)
    };
    (0..(view.width * view.height) as usize).map(pixel_sum).unzip()
}

/// What the rasterizer has of every Gaussian, where it is visible.
type Records<T> = (Vec<Option<Splat<T>>>, Vec<Option<Moved<T>>>);

/// Splats in the first view and their flows; held fixed as far as `form` says.
fn records<T: Num>(gaussians: &[Gaussian<T>], motions: &[Motion<T>], case: &Case, form: Form) -> Records<T> {
    let views: [View<T>; 2] = std::array::from_fn(|i| case.views[i].lift());
    let [first, second] = case.times;
    let each = |(g, m): (&Gaussian<T>, &Motion<T>)| {
        let hold = |g: Gaussian<T>| Gaussian::from_array(&g.to_array().map(|v| T::constant(v.value())));
        let (mut here, mut there) = (pose(g, m, first), pose(g, m, second));
        if !form.all {
            here = hold(here);
            there = hold(there);
            let [from, to] = [first, second].map(|time| T::constant(time - m.centre.value()));
            let path = m.path(from, to);
            (0..3).for_each(|axis| there.mean[axis] = here.mean[axis] + path[axis]);
            there.quaternion = turned(here.quaternion, m.turn, to - from);
        }
        let Some(splat) = project(&here, &views[0]) else { return (None, None) };
        (Some(splat), moved(&splat, &there, &views[1], form.affine))
    };
    gaussians.iter().zip(motions).map(each).unzip()
}

/// The flow image Σ w f and the opacity.
pub fn flow_image(case: &Case, form: Form) -> (Vec<[f64; 2]>, Vec<f64>) {
    let (splats, flows) = records(&case.gaussians, &case.motions, case, form);
    composite(&splats, &flows, &case.views[0])
}

/// Marks pixels that do not count because a decision there is too close, by the image of the first view.
pub fn exclude(case: &mut Case, image: &Image<f64>) {
    for (index, valid) in case.valid.iter_mut().enumerate() {
        let at_half = (1.0 - image.transmittance[index] - OPACITY_MIN).abs() < 1e-3;
        *valid &= !image.near_branch[index] && !at_half;
    }
}

/// weight · mean over the valid pixels of √(|F − F*|² + ε²), where those of too little opacity count as zero.
pub fn loss<T: Num>(gaussians: &[Gaussian<T>], motions: &[Motion<T>], case: &Case, form: Form) -> T {
    let (splats, flows) = records(gaussians, motions, case, form);
    let (sums, opacities) = composite(&splats, &flows, &case.views[0].lift());
    let count = case.valid.iter().filter(|valid| **valid).count() as f64;
    let mut total = T::zero();
    for (index, (sum, &opacity)) in sums.iter().zip(&opacities).enumerate() {
        if !case.valid[index] || opacity.value() < OPACITY_MIN {
            continue;
        }
        let miss: [T; 2] = std::array::from_fn(|axis| (sum[axis] / opacity).plus(-case.wanted[index][axis]));
        total += (miss[0] * miss[0] + miss[1] * miss[1]).plus(case.robust * case.robust).sqrt();
    }
    total.times(case.weight / count)
}

/// The loss's gradient by dual numbers, one row a Gaussian, in the order of [`INPUTS`].
pub fn gradient(case: &Case, form: Form) -> Vec<[f64; INPUTS]> {
    if form.all {
        return slopes::<INPUTS>(case, form, 0);
    }
    // Only the motion's parameters are anything but constants, and of those not the time centre: half the work.
    let widen = |slope: [f64; MOTION]| std::array::from_fn(|lane| if lane < 11 { 0.0 } else { slope[lane - 11] });
    slopes::<MOTION>(case, form, 11).into_iter().map(widen).collect()
}

/// Derivatives by the parameters `first..first + L`.
fn slopes<const L: usize>(case: &Case, form: Form, first: usize) -> Vec<[f64; L]> {
    let mut gaussians: Vec<Gaussian<Dual<L>>> = case.gaussians.iter().map(Gaussian::lift).collect();
    let mut motions: Vec<Motion<Dual<L>>> = case.motions.iter().map(Motion::lift).collect();
    let seeded = |value: Dual<L>, lane: usize| {
        let inside = (first..first + L).contains(&lane);
        if inside { Dual::variable(value.value, lane - first) } else { value }
    };
    (0..gaussians.len())
        .map(|i| {
            let constant = (gaussians[i], motions[i]);
            let mut flat = gaussians[i].to_array();
            (0..11).for_each(|lane| flat[lane] = seeded(flat[lane], lane));
            gaussians[i] = Gaussian::from_array(&flat);
            let mut flat = motions[i].to_array();
            (0..MOTION).for_each(|lane| flat[lane] = seeded(flat[lane], 11 + lane));
            motions[i] = Motion::from_array(&flat);
            let slope = loss(&gaussians, &motions, case, form).slope;
            (gaussians[i], motions[i]) = constant;
            slope
        })
        .collect()
}
