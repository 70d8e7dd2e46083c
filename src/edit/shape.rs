//! The ellipsoid of a Gaussian, whatever the sign of its quaternion and the order of its axes.

use glam::{DMat3, DQuat, DVec3};

use crate::scene::Scene;

/// Rotation and standard deviations of Gaussian `i`, those at least `thinnest` of the largest: Σ = R S² Rᵀ.
pub(super) fn axes(scene: &Scene, i: usize, thinnest: f64) -> (DMat3, DVec3) {
    let [w, x, y, z] = scene.quaternions[i].map(f64::from);
    let quaternion = DQuat::from_xyzw(x, y, z, w);
    let rotation = if quaternion.length_squared() > 0.0 { quaternion.normalize() } else { DQuat::IDENTITY };
    let scale = scene.log_scales[i].as_dvec3().exp();
    (DMat3::from_quat(rotation), scale.max(DVec3::splat(thinnest * scale.max_element())))
}

/// The symmetric root of the covariance, R S Rᵀ.
pub(super) fn root((rotation, scale): &(DMat3, DVec3)) -> DMat3 {
    *rotation * DMat3::from_diagonal(*scale) * rotation.transpose()
}
