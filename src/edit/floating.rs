//! Small clusters of Gaussians that hang in the air.

use anyhow::Result;
use glam::Vec3;
use rayon::prelude::*;

use super::places::Places;
use crate::scene::{Scene, sigmoid};

/// Nearest neighbours that are looked at.
const NEIGHBOURS: usize = 8;
/// Where a Gaussian ends, in standard deviations along its longest axis.
const REACH: f32 = 3.0;
/// A cluster with a smaller share of the scene's opacity is small.
const SMALL: f64 = 0.01;
/// How far everything else must be, as a share of the distance to the nearest eye.
const APART: f32 = 0.5;

/// `[N]` whether a Gaussian floats. Two Gaussians are of one cluster where one is among the 8 nearest of the other and
/// spheres of 3 standard deviations (their longest) around both touch. A cluster floats where it has less than 1 % of the
/// sum of all opacities, and the spheres of larger clusters are farther from its means than half the distance from there
/// to the nearest of the `eyes`. Motion is not looked at.
///
/// # Errors
/// Means that cannot be put in a tree.
pub fn floating(scene: &Scene, eyes: &[Vec3]) -> Result<Vec<bool>> {
    if scene.is_empty() || eyes.is_empty() {
        return Ok(vec![false; scene.len()]);
    }
    let clusters = clusters(scene)?;
    let mut opacity = vec![0.0; scene.len()];
    clusters.iter().zip(&scene.logits).for_each(|(&cluster, logit)| opacity[cluster] += f64::from(sigmoid(*logit)));
    let least = (SMALL * opacity.iter().sum::<f64>()).min(opacity.iter().copied().fold(0.0, f64::max));
    let (rest, small): (Vec<usize>, Vec<usize>) = (0..scene.len()).partition(|&i| opacity[clusters[i]] >= least);
    let rest_means: Vec<Vec3> = rest.iter().map(|&i| scene.means[i]).collect();
    let (places, eyes) = (Places::new(&rest_means)?, Places::new(eyes)?);
    let apart = |&i: &usize| {
        let gap_to = |&(distance, place): &(f32, usize)| {
            let ends = places.members(place).iter().map(|&k| distance - reach(scene, rest[k as usize]));
            ends.fold(f32::INFINITY, f32::min)
        };
        let near = places.nearest(scene.means[i], NEIGHBOURS);
        let gap = near.iter().map(gap_to).fold(f32::INFINITY, f32::min);
        let eye = eyes.nearest(scene.means[i], 1).first().map_or(0.0, |(distance, _)| *distance);
        (clusters[i], gap, eye)
    };
    let found: Vec<(usize, f32, f32)> = small.par_iter().map(apart).collect();
    let mut nearest = vec![(f32::INFINITY, f32::INFINITY); scene.len()];
    for (cluster, gap, eye) in found {
        let (least_gap, least_eye) = nearest[cluster];
        nearest[cluster] = (least_gap.min(gap), least_eye.min(eye));
    }
    let floats = |cluster: usize| {
        let (gap, eye) = nearest[cluster];
        eye.is_finite() && gap > APART * eye
    };
    Ok(clusters.into_iter().map(floats).collect())
}

/// Where a Gaussian ends along its longest axis, scene units.
fn reach(scene: &Scene, i: usize) -> f32 {
    REACH * scene.log_scales[i].max_element().exp()
}

/// `[N]` the cluster of each Gaussian: the number of one of its Gaussians.
fn clusters(scene: &Scene) -> Result<Vec<usize>> {
    let places = Places::new(&scene.means)?;
    let size = |place: usize| places.members(place).iter().map(|&i| reach(scene, i as usize)).fold(0.0, f32::max);
    let sizes: Vec<f32> = (0..places.len()).into_par_iter().map(size).collect();
    let touching = |place: usize| {
        let mean = scene.means[places.members(place)[0] as usize];
        let near = places.nearest(mean, NEIGHBOURS + 1).into_iter();
        let near = near.filter(|&(distance, other)| distance <= sizes[place] + sizes[other]);
        near.map(|(_, other)| other).collect::<Vec<_>>()
    };
    let neighbours: Vec<Vec<usize>> = (0..places.len()).into_par_iter().map(touching).collect();
    let mut parents: Vec<usize> = (0..places.len()).collect();
    for (place, others) in neighbours.iter().enumerate() {
        for &other in others {
            let (a, b) = (root(&mut parents, place), root(&mut parents, other));
            parents[a.max(b)] = a.min(b);
        }
    }
    let mut found = vec![0; scene.len()];
    for place in 0..places.len() {
        let cluster = places.members(root(&mut parents, place))[0] as usize;
        places.members(place).iter().for_each(|&i| found[i as usize] = cluster);
    }
    Ok(found)
}

/// The first of those that are joined with `at`; halves the way there.
fn root(parents: &mut [usize], mut at: usize) -> usize {
    while parents[at] != at {
        parents[at] = parents[parents[at]];
        at = parents[at];
    }
    at
}
