//! Which Gaussians lie in a region of the picture or near a point.

use glam::{DVec2, DVec3, Vec3};

use crate::camera::Camera;
use crate::scene::{Scene, sigmoid};

/// Gaussians fainter than this are not selected on the screen: nobody sees them.
const SEEN: f32 = 1.0 / 255.0;

/// A part of the picture, in its pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Region {
    Rectangle { low: DVec2, high: DVec2 },
    Disc { centre: DVec2, radius: f64 },
}

impl Region {
    /// The rectangle between two opposite corners.
    pub fn rectangle(a: DVec2, b: DVec2) -> Self {
        Self::Rectangle { low: a.min(b), high: a.max(b) }
    }

    fn contains(&self, pixel: DVec2) -> bool {
        match *self {
            Self::Rectangle { low, high } => pixel.cmpge(low).all() && pixel.cmple(high).all(),
            Self::Disc { centre, radius } => pixel.distance(centre) <= radius,
        }
    }

    /// Whether the centre of Gaussian `i` is seen in the region, by a camera at a time of the clip.
    pub fn holds(&self, scene: &Scene, i: usize, time: f32, camera: &Camera) -> bool {
        let visibility = scene.motion.as_ref().map_or(1.0, |motion| motion.visibility(i, time));
        if sigmoid(scene.logits[i]) * visibility < SEEN {
            return false;
        }
        camera.project(mean_at(scene, i, time).as_dvec3()).is_some_and(|(pixel, _)| self.contains(pixel))
    }
}

/// Whether the centre of Gaussian `i` is within a radius of a point, at a time of the clip.
pub fn is_near(scene: &Scene, i: usize, time: f32, (centre, radius): (DVec3, f64)) -> bool {
    mean_at(scene, i, time).as_dvec3().distance(centre) <= radius
}

/// A Gaussian's centre at a time of the clip.
fn mean_at(scene: &Scene, i: usize, time: f32) -> Vec3 {
    scene.means[i] + scene.motion.as_ref().map_or(Vec3::ZERO, |motion| motion.displacement(i, time))
}
