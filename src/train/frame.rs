//! The frame of training.

use glam::DVec3;

use crate::dataset::{Capture, Split};
use crate::scene::Normalisation;
use crate::scene::stats::percentile;

/// The frame of training: the training cameras' mean at the origin, the farthest of them at distance 1; of a block the one
/// that all blocks share.
pub fn normalisation(capture: &Capture) -> Normalisation {
    if let Some(block) = &capture.block {
        return block.frame;
    }
    let train = capture.shots.iter().filter(|shot| shot.split == Split::Train);
    let centres: Vec<DVec3> = train.map(|shot| shot.camera.pose.centre()).collect();
    let mean = centres.iter().sum::<DVec3>() / centres.len().max(1) as f64;
    let mut reach = centres.iter().map(|c| c.distance(mean)).fold(0.0, f64::max);
    if reach < 1e-9
        && let Some(points) = &capture.points
    {
        // One camera, or several in one place: the points give the scale.
        let distances = points.positions.iter().map(|p| p.as_dvec3().distance(mean));
        reach = percentile(distances, 50).unwrap_or_default();
    }
    Normalisation { centre: mean, scale: if reach < 1e-9 { 1.0 } else { 1.0 / reach } }
}

/// How far the capture reaches from the frame's origin, capture units: the distance of the farthest training camera, of a
/// block that of the whole.
pub fn reach(capture: &Capture) -> f64 {
    capture.block.as_ref().map_or_else(|| 1.0 / normalisation(capture).scale, |block| block.reach)
}
