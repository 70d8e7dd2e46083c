//! The ellipsoid of a Gaussian, whatever the sign of its quaternion and the order of its axes.

use glam::{DMat3, DQuat, DVec3, Vec3};

use crate::scene::Scene;

/// Rounds of Jacobi's rotations; six bring a matrix of three rows to the last bit.
const SWEEPS: usize = 8;

/// Rotation and standard deviations of Gaussian `i`, those at least `thinnest` of the largest: Σ = R S² Rᵀ.
pub(super) fn axes(scene: &Scene, i: usize, thinnest: f64) -> (DMat3, DVec3) {
    let [w, x, y, z] = scene.quaternions[i].map(f64::from);
    let quaternion = DQuat::from_xyzw(x, y, z, w);
    let rotation = if quaternion.length_squared() > 0.0 { quaternion.normalize() } else { DQuat::IDENTITY };
    let scale = scene.log_scales[i].as_dvec3().exp();
    (DMat3::from_quat(rotation), scale.max(DVec3::splat(thinnest * scale.max_element())))
}

/// Standard deviations of Gaussian `i` along the axes of the world, scene units.
pub fn extent(scene: &Scene, i: usize) -> Vec3 {
    let (rotation, scale) = axes(scene, i, 0.0);
    let squares = rotation.mul_mat3(&DMat3::from_diagonal(scale));
    DVec3::from_array([0, 1, 2].map(|axis| squares.row(axis).length())).as_vec3()
}

/// The symmetric root of the covariance, R S Rᵀ.
pub(super) fn root((rotation, scale): &(DMat3, DVec3)) -> DMat3 {
    *rotation * DMat3::from_diagonal(*scale) * rotation.transpose()
}

/// A rotation R and the variances v of a symmetric matrix, C = R diag(v) Rᵀ, by Jacobi's rotations.
pub(super) fn symmetric_axes(matrix: DMat3) -> (DMat3, DVec3) {
    let (mut c, mut rotation) = (matrix, DMat3::IDENTITY);
    for (p, q) in [(0, 1), (1, 2), (0, 2)].into_iter().cycle().take(3 * SWEEPS) {
        let off = c.col(q)[p];
        if off == 0.0 {
            continue;
        }
        let ratio = (c.col(q)[q] - c.col(p)[p]) / (2.0 * off);
        let tangent = 1.0_f64.copysign(ratio) / (ratio.abs() + ratio.hypot(1.0));
        let cosine = 1.0 / tangent.hypot(1.0);
        let sine = tangent * cosine;
        let mut turn = DMat3::IDENTITY;
        turn.col_mut(p)[p] = cosine;
        turn.col_mut(q)[q] = cosine;
        turn.col_mut(q)[p] = sine;
        turn.col_mut(p)[q] = -sine;
        c = turn.transpose() * c * turn;
        rotation *= turn;
    }
    (rotation, DVec3::new(c.x_axis.x, c.y_axis.y, c.z_axis.z))
}
