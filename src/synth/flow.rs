//! Exact optical flow between two times and two cameras.

use glam::dvec2;
use rayon::prelude::*;

use super::trace::World;
use crate::camera::Camera;
use crate::dataset::flow_io::FlowField;

/// ExactFlow from one image to another. Unknown where the first sees no surface, or one that is gone in the second.
pub struct ExactFlow {
    pub field: FlowField,
    /// `[height * width]` where the surface is hidden or outside in the second image, or the flow is unknown.
    pub occluded: Vec<bool>,
}

/// Tolerance of a surface's position, relative to its distance from the camera.
const SAME_PLACE: f64 = 1e-4;

/// For the surface at each pixel's centre of `camera` in the world `now`, where `other` sees it in the world `then`.
pub fn flow(now: &World, camera: &Camera, then: &World, other: &Camera) -> ExactFlow {
    let (width, height) = (camera.lens.width as usize, camera.lens.height as usize);
    let (eye, other_eye) = (camera.pose.centre(), other.pose.centre());
    let size = dvec2(f64::from(other.lens.width), f64::from(other.lens.height));
    let trace = |i: usize| -> Option<([f32; 2], bool)> {
        let centre = dvec2((i % width) as f64 + 0.5, (i / width) as f64 + 0.5);
        let hit = now.hit(eye, camera.ray(centre))?;
        let there = now.carry(&hit, then)?;
        let (pixel, _) = other.project(there)?;
        let outside = pixel.cmplt(glam::DVec2::ZERO).any() || pixel.cmpgt(size).any();
        let away = there - other_eye;
        let seen = then.hit(other_eye, away.normalize());
        let hidden = seen.is_none_or(|seen| (seen.position - there).length() > SAME_PLACE * away.length());
        Some(((pixel - centre).as_vec2().to_array(), outside || hidden))
    };
    let traced: Vec<_> = (0..width * height).into_par_iter().map(trace).collect();
    let field = FlowField {
        width: camera.lens.width,
        height: camera.lens.height,
        vectors: traced.iter().map(|t| t.map_or([0.0; 2], |t| t.0)).collect(),
        known: traced.iter().map(Option::is_some).collect(),
    };
    ExactFlow { field, occluded: traced.iter().map(|t| t.is_none_or(|t| t.1)).collect() }
}
