//! The frame of training.

use glam::DVec3;

use crate::camera::Camera;

/// The similarity between the capture's frame and the frame of training: `training = (capture − centre) · scale`.
/// There is no rotation, so that undoing it never has to rotate spherical harmonics.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Normalisation {
    pub centre: DVec3,
    pub scale: f64,
}

impl Normalisation {
    pub const IDENTITY: Self = Self { centre: DVec3::ZERO, scale: 1.0 };

    /// A point of the capture's frame in the frame of training.
    pub fn apply(&self, point: DVec3) -> DVec3 {
        (point - self.centre) * self.scale
    }

    /// A point of the frame of training in the capture's.
    pub fn undo(&self, point: DVec3) -> DVec3 {
        point / self.scale + self.centre
    }

    /// The same camera in the frame of training.
    pub fn camera(&self, mut camera: Camera) -> Camera {
        camera.pose.translation = -(camera.pose.rotation * self.apply(camera.pose.centre()));
        camera
    }

    /// A camera of the frame of training in the capture's: undoes [`Normalisation::camera`].
    pub fn undo_camera(&self, mut camera: Camera) -> Camera {
        camera.pose.translation = -(camera.pose.rotation * self.undo(camera.pose.centre()));
        camera
    }
}
