//! Selecting Gaussians by region, importance and isolation.

use std::str::FromStr;

use anyhow::{Context, Result, bail, ensure};
use glam::Vec3;
use rayon::prelude::*;

use super::places::Places;
use crate::scene::stats::percentile;
use crate::scene::{ALPHA_MIN, GATE_SLOPE, Motion, Scene, sigmoid};

/// A region of space, world units.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Region {
    Box { low: Vec3, high: Vec3 },
    Sphere { centre: Vec3, radius: f32 },
}

impl Region {
    /// Whether a point is inside or on the border.
    pub fn contains(&self, point: Vec3) -> bool {
        match self {
            Self::Box { low, high } => point.cmpge(*low).all() && point.cmple(*high).all(),
            Self::Sphere { centre, radius } => point.distance(*centre) <= *radius,
        }
    }
}

impl Region {
    /// The span of Δ in which `mean + velocity · Δ` is inside, from and to; empty where from > to.
    fn span(&self, mean: Vec3, velocity: Vec3) -> (f32, f32) {
        match self {
            Self::Box { low, high } => (0..3).fold((f32::NEG_INFINITY, f32::INFINITY), |span, axis| {
                let (a, b) = (low[axis] - mean[axis], high[axis] - mean[axis]);
                if velocity[axis] == 0.0 {
                    return if a <= 0.0 && b >= 0.0 { span } else { NEVER };
                }
                let (a, b) = (a / velocity[axis], b / velocity[axis]);
                both(span, (a.min(b), a.max(b)))
            }),
            Self::Sphere { centre, radius } => {
                let from = mean - *centre;
                let (a, b, c) =
                    (velocity.length_squared(), from.dot(velocity), from.length_squared() - radius * radius);
                if a == 0.0 {
                    return if c <= 0.0 { (f32::NEG_INFINITY, f32::INFINITY) } else { NEVER };
                }
                let root = b * b - a * c;
                if root < 0.0 { NEVER } else { ((-b - root.sqrt()) / a, (-b + root.sqrt()) / a) }
            }
        }
    }
}

/// An empty span.
const NEVER: (f32, f32) = (f32::INFINITY, f32::NEG_INFINITY);

/// The part that two spans have in common.
fn both(a: (f32, f32), b: (f32, f32)) -> (f32, f32) {
    (a.0.max(b.0), a.1.min(b.1))
}

/// Whether the mean of Gaussian `i` is inside all regions; if the scene moves, at a time of the clip when its opacity is
/// at least [`ALPHA_MIN`].
pub fn seen_within(scene: &Scene, i: usize, regions: &[Region]) -> bool {
    let Some(motion) = &scene.motion else {
        return regions.iter().all(|region| region.contains(scene.means[i]));
    };
    let gate = sigmoid(GATE_SLOPE * motion.gates[i]);
    // The least visibility at which it shows, and from it the longest distance in time from its centre.
    let least = (ALPHA_MIN / sigmoid(scene.logits[i]) - gate) / (1.0 - gate).max(f32::MIN_POSITIVE);
    if least > 1.0 {
        return false;
    }
    let reach = if least <= 0.0 { f32::INFINITY } else { motion.log_durations[i].exp() * (-2.0 * least.ln()).sqrt() };
    let clip = (-motion.centres[i], 1.0 - motion.centres[i]);
    if motion.curves.is_some() {
        return curved_within(scene, motion, i, both(clip, (-reach, reach)), regions);
    }
    let span = |region: &Region| region.span(scene.means[i], motion.velocities[i]);
    let (from, to) = regions.iter().map(span).fold(both(clip, (-reach, reach)), both);
    from <= to
}

/// Moments at which a curved path is looked at.
const MOMENTS: u32 = 64;

/// Whether Gaussian `i` is inside all regions at one of [`MOMENTS`] times between two since its centre.
fn curved_within(scene: &Scene, motion: &Motion, i: usize, (from, to): (f32, f32), regions: &[Region]) -> bool {
    (0..=MOMENTS).any(|k| {
        let elapsed = from + (to - from) * k as f32 / MOMENTS as f32;
        let place = scene.means[i] + motion.displacement(i, motion.centres[i] + elapsed);
        from <= to && regions.iter().all(|region| region.contains(place))
    })
}

impl FromStr for Region {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let usage = "box=X0,Y0,Z0,X1,Y1,Z1 or sphere=X,Y,Z,RADIUS";
        let (kind, rest) = text.split_once('=').with_context(|| format!("\"{text}\" is not {usage}"))?;
        let numbers: Option<Vec<f32>> = rest.split(',').map(|word| word.trim().parse().ok()).collect();
        let numbers = numbers.filter(|numbers| numbers.iter().all(|v| v.is_finite()));
        match (kind, numbers.as_deref()) {
            ("box", Some(&[x0, y0, z0, x1, y1, z1])) => {
                let (a, b) = (Vec3::new(x0, y0, z0), Vec3::new(x1, y1, z1));
                Ok(Self::Box { low: a.min(b), high: a.max(b) })
            }
            ("sphere", Some(&[x, y, z, radius])) => {
                ensure!(radius > 0.0, "the radius of \"{text}\" is not above 0");
                Ok(Self::Sphere { centre: Vec3::new(x, y, z), radius })
            }
            _ => bail!("\"{text}\" is not {usage}"),
        }
    }
}

/// The highest opacity that Gaussian `i` has at any time of the clip.
pub fn peak_opacity(scene: &Scene, i: usize) -> f32 {
    let peak = scene.motion.as_ref().map_or(1.0, |motion| motion.visibility(i, motion.centres[i].clamp(0.0, 1.0)));
    peak * sigmoid(scene.logits[i])
}

/// `[N]` opacity times mean projected area of the ellipsoid, up to a constant factor.
pub fn importance(scene: &Scene) -> Vec<f64> {
    let one = |i: usize| {
        let s = scene.log_scales[i].as_dvec3().exp();
        f64::from(peak_opacity(scene, i)) * (s.x * s.y + s.y * s.z + s.z * s.x)
    };
    (0..scene.len()).into_par_iter().map(one).collect()
}

/// Keeps the `n` Gaussians of the largest weights, in order; of equal ones the first.
///
/// # Errors
/// A number of weights that is not the scene's.
pub fn keep_most(scene: &mut Scene, weights: &[f64], n: usize) -> Result<()> {
    ensure!(weights.len() == scene.len(), "{} weights for {} Gaussians", weights.len(), scene.len());
    if n >= scene.len() {
        return Ok(());
    }
    let mut order: Vec<u32> = (0..scene.len() as u32).collect();
    order.par_sort_unstable_by(|&a, &b| weights[b as usize].total_cmp(&weights[a as usize]).then(a.cmp(&b)));
    let mut kept = vec![false; scene.len()];
    order[..n].iter().for_each(|&i| kept[i as usize] = true);
    scene.retain(|_, i| kept[i]);
    Ok(())
}

/// `[N]` distances from each mean to its `k`-th nearest neighbour, in units of their median; infinite where there are
/// not as many.
///
/// # Errors
/// Means that cannot be put in a tree.
pub fn isolation(scene: &Scene, k: usize) -> Result<Vec<f32>> {
    if scene.len() <= k {
        return Ok(vec![f32::INFINITY; scene.len()]);
    }
    let places = Places::new(&scene.means)?;
    let distance = |place: usize| {
        let nearest = places.nearest(scene.means[places.members(place)[0] as usize], k + 1);
        let mut found = 0;
        // The nearest of a point is itself.
        let last = nearest.iter().find(|(_, near)| {
            found += places.members(*near).len();
            found > k
        });
        last.map_or(f32::INFINITY, |(distance, _)| *distance)
    };
    let of_places: Vec<f32> = (0..places.len()).into_par_iter().map(distance).collect();
    let mut distances = vec![0.0; scene.len()];
    for (place, distance) in of_places.into_iter().enumerate() {
        places.members(place).iter().for_each(|&i| distances[i as usize] = distance);
    }
    let median = percentile(distances.iter().map(|&d| d.into()), 50).unwrap_or_default() as f32;
    distances.iter_mut().for_each(|d| *d /= median.max(f32::MIN_POSITIVE));
    Ok(distances)
}
