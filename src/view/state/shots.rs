//! The cameras of a capture, as the window shows them.

use std::ops::Range;

use glam::{DVec3, dvec2};

use crate::camera::Camera;

/// Depth of a camera's frame, against the scene's size.
const DEPTH: f64 = 0.045;

/// Display of the capture's cameras.
#[derive(Debug, Default)]
pub struct Shots {
    /// Whether their frames are drawn in the scene.
    pub visible: bool,
    /// The shot visited last.
    pub chosen: Option<usize>,
    /// The shots whose rows of the list are on the screen.
    pub listed: Range<usize>,
}

impl Shots {
    /// The shot so many places after the one visited last, of `count`; the first if none was visited.
    pub fn next(&self, by: isize, count: usize) -> Option<usize> {
        if count == 0 {
            return None;
        }
        Some(self.chosen.map_or(0, |shot| (shot as isize + by).rem_euclid(count as isize) as usize))
    }
}

/// Depth at which a camera's frame is drawn in a scene of a size.
pub fn frame_depth(scene_size: f64) -> f64 {
    DEPTH * scene_size
}

/// The corners of a camera's frame: its centre, then the picture's corners at a depth.
pub fn frame_corners(camera: &Camera, depth: f64) -> [DVec3; 5] {
    let (width, height) = (f64::from(camera.lens.width), f64::from(camera.lens.height));
    let centre = camera.pose.centre();
    let corner = |x: f64, y: f64| {
        let ray = camera.ray(dvec2(x, y));
        centre + ray * (depth / ray.dot(camera.pose.forward()))
    };
    [centre, corner(0.0, 0.0), corner(width, 0.0), corner(width, height), corner(0.0, height)]
}
