//! Fewer Gaussians for the same picture: those that can stand for each other are merged (docs/formats.md 5).

use anyhow::{Result, ensure};
use glam::{DMat2, DMat3, DQuat, DVec2, DVec3, DVec4};
use rayon::prelude::*;

use super::places::Places;
use super::shape::{axes, symmetric_axes};
use crate::scene::{SH_C0, Scene, logit, sigmoid};

/// Neighbours that a Gaussian may be merged with.
const NEIGHBOURS: usize = 8;
/// The share of the Gaussians that disappears in a round: 1 in this many, the cheapest.
const PER_ROUND: usize = 5;
/// Gaussians further apart than this many of their sizes together are not merged; the one that counts less is left out.
const FARTHEST: f64 = 3.0;
/// What is added to the variances of pictures for flat Gaussians seen from the edge, as a share of the pair's variance.
const RIDGE: f64 = 1e-4;

/// Merges Gaussians of a still scene until `n` are left. A merged one has the mean, the covariance and the harmonics of
/// its parts together, each with the weight of its mass, which is opacity times projected area (root mean square over all
/// directions), and an opacity that keeps the mass. In rounds, those pairs of neighbours are merged whose pictures from
/// three sides change the least. With `seen`, `[N]` blending weights, those are the weights, and differences count by them.
///
/// Gaussians that are not merged stay as they are, and all stay in order. The result does not depend on the number of
/// threads.
///
/// # Errors
/// A scene in motion, a number of weights that is not the scene's, or means that cannot be put in a tree.
pub fn merge_to(scene: &mut Scene, seen: Option<&[f64]>, n: usize) -> Result<()> {
    ensure!(scene.motion.is_none(), "Gaussians that move cannot be merged");
    ensure!(seen.is_none_or(|seen| seen.len() == scene.len()), "the weights are not those of the scene");
    let mut parts: Vec<Part> = (0..scene.len()).into_par_iter().map(|i| Part::of(scene, i, seen)).collect();
    let mut live: Vec<u32> = (0..scene.len() as u32).collect();
    while live.len() > n.max(1) {
        let most = (live.len() - n.max(1)).min((live.len() / PER_ROUND).max(1));
        let pairs = cheapest_pairs(&parts, &live, most)?;
        for &(i, j) in &pairs {
            merge_rows(scene, &parts, i, j);
            parts[i] = Part::merged(&parts[i], &parts[j]);
            parts[j].gone = true;
        }
        live.retain(|&i| !parts[i as usize].gone);
    }
    for (i, part) in parts.iter().enumerate().filter(|(_, part)| part.several && !part.gone) {
        let (rotation, variances) = symmetric_axes(part.covariance);
        let [x, y, z, w] = DQuat::from_mat3(&rotation).to_array().map(|v| v as f32);
        scene.means[i] = part.mean.as_vec3();
        scene.quaternions[i] = [w, x, y, z];
        scene.log_scales[i] = (variances.max(DVec3::splat(1e-60)).map(f64::ln) * 0.5).as_vec3();
        scene.logits[i] = logit(part.opacity as f32);
    }
    scene.retain(|_, i| !parts[i].gone);
    Ok(())
}

/// A Gaussian, or several that were merged.
#[derive(Clone)]
struct Part {
    mean: DVec3,
    covariance: DMat3,
    colour: DVec3,
    opacity: f64,
    /// Opacity times area.
    mass: f64,
    /// What it counts for in pictures: its mass, or what cameras see of it.
    seen: f64,
    several: bool,
    gone: bool,
}

/// The root mean square, over all directions, of an ellipsoid's projected area, up to a constant: from the sum of the
/// principal minors of the covariance.
fn area(c: &DMat3) -> f64 {
    let minor = |a: usize, b: usize| c.col(a)[a] * c.col(b)[b] - c.col(a)[b] * c.col(a)[b];
    (minor(0, 1) + minor(1, 2) + minor(2, 0)).max(0.0).sqrt()
}

impl Part {
    fn of(scene: &Scene, i: usize, seen: Option<&[f64]>) -> Self {
        let (rotation, scale) = axes(scene, i, 0.0);
        let covariance = rotation * DMat3::from_diagonal(scale * scale) * rotation.transpose();
        let sh = &scene.sh[i * scene.sh_stride()..][..3];
        let colour = DVec3::from_array([0, 1, 2].map(|k| f64::from(sh[k] * SH_C0 + 0.5)));
        // What no camera sees has nothing to add.
        let opacity = if seen.is_some_and(|seen| seen[i] <= 0.0) { 0.0 } else { sigmoid(scene.logits[i]).into() };
        let mass = opacity * area(&covariance);
        let seen = seen.map_or(mass, |seen| seen[i]);
        let mean = scene.means[i].as_dvec3();
        Self { mean, covariance, colour, opacity, mass, seen, several: false, gone: false }
    }

    /// The share of `a` in what `a` and `b` become: 1 or 0 where they are too far apart for one to stand for both.
    fn share(a: &Self, b: &Self) -> f64 {
        let size = |part: &Self| (0..3).map(|k| part.covariance.col(k)[k]).sum::<f64>().sqrt();
        let sum = a.seen + b.seen;
        if a.mean.distance(b.mean) > FARTHEST * (size(a) + size(b)) {
            return if a.seen >= b.seen { 1.0 } else { 0.0 };
        }
        if sum > 0.0 { a.seen / sum } else { 0.5 }
    }

    /// One that has the moments of two.
    fn merged(a: &Self, b: &Self) -> Self {
        let share = Self::share(a, b);
        let mix = |a: DVec3, b: DVec3| a * share + b * (1.0 - share);
        let between = b.mean - a.mean;
        let outer = DMat3::from_cols(between * between.x, between * between.y, between * between.z);
        let covariance = a.covariance * share + b.covariance * (1.0 - share) + outer * (share * (1.0 - share));
        // Of one that does not count, the mass does not either.
        let mass = if share > 0.0 { a.mass } else { 0.0 } + if share < 1.0 { b.mass } else { 0.0 };
        let area = area(&covariance);
        let opacity = if area > 0.0 { (mass / area).min(1.0) } else { a.opacity.max(b.opacity) };
        Self {
            mean: mix(a.mean, b.mean),
            covariance,
            colour: mix(a.colour, b.colour),
            opacity,
            mass: opacity * area,
            seen: a.seen + b.seen,
            several: true,
            gone: false,
        }
    }

    /// Premultiplied colour and opacity at the centre.
    fn amplitude(&self) -> DVec4 {
        self.colour.extend(1.0) * self.opacity
    }
}

/// Gives Gaussian `i` the harmonics that it has together with `j`.
fn merge_rows(scene: &mut Scene, parts: &[Part], i: usize, j: usize) {
    let stride = scene.sh_stride();
    let share = Part::share(&parts[i], &parts[j]) as f32;
    for k in 0..stride {
        scene.sh[i * stride + k] = scene.sh[i * stride + k] * share + scene.sh[j * stride + k] * (1.0 - share);
    }
}

/// At most `most` pairs of live Gaussians, the lower index first, of which none is in two: the cheapest to merge.
fn cheapest_pairs(parts: &[Part], live: &[u32], most: usize) -> Result<Vec<(usize, usize)>> {
    let means: Vec<_> = live.iter().map(|&i| parts[i as usize].mean.as_vec3()).collect();
    let places = Places::new(&means)?;
    let partner = |k: usize| {
        let near = places.nearest(means[k], NEIGHBOURS + 1);
        let members = near.iter().flat_map(|&(_, place)| places.members(place)).take(2 * NEIGHBOURS);
        let others = members.map(|&other| other as usize).filter(|&other| other != k);
        let rated = others.map(|other| {
            let (i, j) = (k.min(other), k.max(other));
            (cost(&parts[live[i] as usize], &parts[live[j] as usize]), live[i], live[j])
        });
        rated.min_by(|a, b| a.0.total_cmp(&b.0).then((a.1, a.2).cmp(&(b.1, b.2))))
    };
    let mut pairs: Vec<(f64, u32, u32)> = (0..live.len()).into_par_iter().filter_map(partner).collect();
    pairs.par_sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then((a.1, a.2).cmp(&(b.1, b.2))));
    let mut taken = vec![false; parts.len()];
    let mut chosen = Vec::new();
    for (_, i, j) in pairs {
        let (i, j) = (i as usize, j as usize);
        if chosen.len() < most && !taken[i] && !taken[j] {
            (taken[i], taken[j]) = (true, true);
            chosen.push((i, j));
        }
    }
    Ok(chosen)
}

/// What merging two changes in pictures along the three axes: the integral of the squared difference.
fn cost(a: &Part, b: &Part) -> f64 {
    let whole = Part::merged(a, b);
    let amplitudes = [a.amplitude(), b.amplitude(), -whole.amplitude()];
    let three = [a, b, &whole];
    let ridge = RIDGE * (0..3).map(|k| whole.covariance.col(k)[k]).sum::<f64>();
    let mut sum = 0.0;
    for plane in [[0, 1], [1, 2], [2, 0]] {
        let flat = three.map(|part| flattened(part, plane, ridge));
        for (k, (p, q)) in [(0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2)].into_iter().enumerate() {
            let times = if k < 3 { 1.0 } else { 2.0 };
            sum += times * amplitudes[p].dot(amplitudes[q]) * overlap(&flat[p], &flat[q]);
        }
    }
    let mass = a.mass + b.mass;
    if mass > 0.0 { sum.max(0.0) * (a.seen + b.seen) / mass } else { 0.0 }
}

/// Mean, covariance and its determinant in a picture.
type Flat = (DVec2, DMat2, f64);

fn flattened(part: &Part, [u, v]: [usize; 2], ridge: f64) -> Flat {
    let c = &part.covariance;
    let covariance = DMat2::from_cols_array(&[c.col(u)[u] + ridge, c.col(u)[v], c.col(u)[v], c.col(v)[v] + ridge]);
    (DVec2::new(part.mean[u], part.mean[v]), covariance, covariance.determinant())
}

/// The integral of the product of two Gaussians of height 1, over 2π.
fn overlap((p, a, det_a): &Flat, (q, b, det_b): &Flat) -> f64 {
    let sum = *a + *b;
    let (offset, determinant) = (*p - *q, sum.determinant());
    let [xx, xy, _, yy] = sum.to_cols_array();
    let squared = (yy * offset.x * offset.x - 2.0 * xy * offset.x * offset.y + xx * offset.y * offset.y) / determinant;
    (det_a * det_b / determinant).max(0.0).sqrt() * (-0.5 * squared).exp()
}
