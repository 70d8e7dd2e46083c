//! The Gaussians of two scenes that correspond, and how their parameters differ.

use anyhow::Result;
use rayon::prelude::*;
use serde::Serialize;

use super::places::Places;
use super::shape::{axes, root};
use crate::scene::stats::percentile;
use crate::scene::{SH_C0, Scene, sigmoid};

/// Places that are looked at, and the most Gaussians of each.
const NEAREST: usize = 8;
/// The farthest, in standard deviations, that corresponding Gaussians may lie apart.
const FARTHEST: f64 = 3.0;
/// Differences of shapes below this are the rounding of quaternions.
const ROUNDING: f64 = 1e-6;

/// The median and the 95th percentile of a difference; 0 where nothing corresponds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Spread {
    pub median: f64,
    pub p95: f64,
}

/// Which Gaussians of two scenes correspond, each being the other's most similar neighbour, and how those differ.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Matching {
    /// Pairs that correspond.
    pub pairs: usize,
    /// Distances of means, in units of the largest standard deviation, and in scene units.
    pub position: Spread,
    pub distance: Spread,
    /// The largest difference of the logarithms of scales, both sorted.
    pub scale: Spread,
    /// Difference of the ellipsoids, size and direction: of the roots of covariances, relative to their norm.
    pub shape: Spread,
    /// Differences of opacity, of the mean colour and of what depends on the direction, as shares of full scale.
    pub opacity: Spread,
    pub colour: Spread,
    pub directional: Spread,
}

/// Finds the Gaussians that correspond. Motion is not looked at.
///
/// # Errors
/// Means that cannot be put in a tree.
pub fn matching(a: &Scene, b: &Scene) -> Result<Matching> {
    if a.is_empty() || b.is_empty() {
        return Ok(Matching::default());
    }
    let (forth, back) = (most_similar(a, b)?, most_similar(b, a)?);
    // Of equal ones each is as similar as the one that was found.
    let mutual = |(i, (j, unlike)): (usize, &(u32, f64))| {
        let near = unlike.is_finite() && *unlike <= back[*j as usize].1;
        near.then_some((i, *j as usize))
    };
    let pairs: Vec<(usize, usize)> = forth.par_iter().enumerate().filter_map(mutual).collect();
    let differences: Vec<[f64; 7]> = pairs.par_iter().map(|&(i, j)| differences(a, i, b, j)).collect();
    let spread = |part: usize| {
        let at = |percent| percentile(differences.iter().map(|row| row[part]), percent).unwrap_or(0.0);
        Spread { median: at(50), p95: at(95) }
    };
    Ok(Matching {
        pairs: pairs.len(),
        position: spread(0),
        distance: spread(1),
        scale: spread(2),
        shape: spread(3),
        opacity: spread(4),
        colour: spread(5),
        directional: spread(6),
    })
}

/// For each Gaussian of `a` the most similar of the near ones of `b`, and how unlike it is; infinite where none is near.
fn most_similar(a: &Scene, b: &Scene) -> Result<Vec<(u32, f64)>> {
    let places = Places::new(&b.means)?;
    let best = |i: usize| {
        let near = places.nearest(a.means[i], NEAREST);
        let members = near.iter().flat_map(|&(_, place)| places.members(place).iter().take(NEAREST));
        let rated = members.map(|&j| (j, unlikeness(a, i, b, j as usize)));
        rated.min_by(|x, y| x.1.total_cmp(&y.1)).unwrap_or((0, f64::INFINITY))
    };
    Ok((0..a.len()).into_par_iter().map(best).collect())
}

/// The sum of the squared differences, each in its own unit; symmetric, and infinite beyond [`FARTHEST`].
fn unlikeness(a: &Scene, i: usize, b: &Scene, j: usize) -> f64 {
    let position = position(a, i, b, j);
    if position > FARTHEST {
        return f64::INFINITY;
    }
    let scale = sorted(a, i).iter().zip(sorted(b, j)).map(|(a, b)| (a - b).powi(2)).sum::<f64>();
    position.powi(2) + scale + opacity(a, i, b, j).powi(2) + 3.0 * colour(a, i, b, j, 0..1).powi(2)
}

/// See [`Matching`].
fn differences(a: &Scene, i: usize, b: &Scene, j: usize) -> [f64; 7] {
    let scale = sorted(a, i).iter().zip(sorted(b, j)).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    let (p, q) = (root(&axes(a, i, 0.0)), root(&axes(b, j, 0.0)));
    let norm = |m: &glam::DMat3| m.to_cols_array().iter().map(|v| v * v).sum::<f64>().sqrt();
    let shape = norm(&(p - q)) / norm(&p).max(norm(&q)).max(f64::MIN_POSITIVE);
    [
        position(a, i, b, j),
        a.means[i].as_dvec3().distance(b.means[j].as_dvec3()),
        scale,
        if shape < ROUNDING { 0.0 } else { shape },
        opacity(a, i, b, j),
        colour(a, i, b, j, 0..1),
        colour(a, i, b, j, 1..16),
    ]
}

/// The distance of the means in units of the largest standard deviation of the two.
fn position(a: &Scene, i: usize, b: &Scene, j: usize) -> f64 {
    let size = a.log_scales[i].max(b.log_scales[j]).as_dvec3().max_element().exp();
    a.means[i].as_dvec3().distance(b.means[j].as_dvec3()) / size.max(f64::MIN_POSITIVE)
}

fn opacity(a: &Scene, i: usize, b: &Scene, j: usize) -> f64 {
    f64::from((sigmoid(a.logits[i]) - sigmoid(b.logits[j])).abs())
}

/// The logarithms of the scales, the smallest first.
fn sorted(scene: &Scene, i: usize) -> [f64; 3] {
    let mut values = scene.log_scales[i].as_dvec3().to_array();
    values.sort_by(f64::total_cmp);
    values
}

/// The root mean square, over channels and directions, of what differs in a range of the coefficients.
fn colour(a: &Scene, i: usize, b: &Scene, j: usize, range: std::ops::Range<usize>) -> f64 {
    let row = |scene: &'_ Scene, i: usize, k: usize| {
        if k < scene.sh_stride() { f64::from(scene.sh[i * scene.sh_stride() + k]) } else { 0.0 }
    };
    let squares = (3 * range.start..3 * range.end).map(|k| (row(a, i, k) - row(b, j, k)).powi(2));
    (squares.sum::<f64>() / 3.0).sqrt() * f64::from(SH_C0)
}
