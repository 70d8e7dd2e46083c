//! What a page knows besides its scene.

use glam::Vec3;

use crate::camera::Camera;

/// Seconds that a clip takes where nobody says.
pub const SECONDS: f64 = 4.0;

/// What a page knows besides the scene.
#[derive(Debug)]
pub struct Setting {
    /// Cameras of the capture, in the scene's frame; none where it is not known.
    pub cameras: Vec<Camera>,
    /// Names and indices of those that the page stops at.
    pub stops: Vec<(String, usize)>,
    /// Different moments of the capture; 0 or 1 where it has none.
    pub moments: usize,
    pub background: Vec3,
    /// How long the clip takes at the speed of 1.
    pub seconds: f64,
}
