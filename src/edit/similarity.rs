//! Similarity transforms of scenes: rotation, uniform scale and translation.

use anyhow::{Result, ensure};
use glam::{DMat3, DMat4, DQuat, DVec3, Vec3};
use rayon::prelude::*;

use super::{ShRotation, sh_basis};
use crate::scene::Scene;

/// A rotation, one scale and a translation: `new = scale · rotation · old + translation`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Similarity {
    pub rotation: DQuat,
    pub scale: f64,
    pub translation: DVec3,
}

impl Similarity {
    pub const IDENTITY: Self = Self { rotation: DQuat::IDENTITY, scale: 1.0, translation: DVec3::ZERO };

    pub fn rotation(rotation: DQuat) -> Self {
        Self { rotation, ..Self::IDENTITY }
    }

    pub fn scale(scale: f64) -> Self {
        Self { scale, ..Self::IDENTITY }
    }

    pub fn translation(translation: DVec3) -> Self {
        Self { translation, ..Self::IDENTITY }
    }

    /// The smallest rotation that takes the unit vector `from` to `to`.
    pub fn turn(from: DVec3, to: DVec3) -> Self {
        Self::rotation(DQuat::from_rotation_arc(from, to))
    }

    /// # Errors
    /// A matrix that mirrors, shears or scales its axes differently: a Gaussian's colours cannot follow it.
    pub fn from_matrix(matrix: DMat4) -> Result<Self> {
        let linear = DMat3::from_mat4(matrix);
        let scale = linear.determinant().cbrt();
        ensure!(scale.is_finite() && scale > 0.0, "a transform that mirrors or flattens");
        let rotation = linear * (1.0 / scale);
        let error = rotation.transpose() * rotation - DMat3::IDENTITY;
        let worst = error.to_cols_array().into_iter().fold(0.0, |worst: f64, v| worst.max(v.abs()));
        // Files hold single precision.
        ensure!(worst < 1e-4, "a transform that shears, or scales its axes differently");
        let translation = matrix.w_axis.truncate();
        ensure!(translation.is_finite(), "a transform that is not finite");
        Ok(Self { rotation: DQuat::from_mat3(&rotation).normalize(), scale, translation })
    }

    /// The composition: this transform first, then `next`.
    pub fn then(&self, next: &Self) -> Self {
        Self {
            rotation: (next.rotation * self.rotation).normalize(),
            scale: next.scale * self.scale,
            translation: next.apply(self.translation),
        }
    }

    pub fn apply(&self, point: DVec3) -> DVec3 {
        self.rotation * point * self.scale + self.translation
    }

    /// Transforms a scene: means, rotations, scales, spherical harmonics and velocities.
    pub fn apply_to(&self, scene: &mut Scene) {
        if *self == Self::IDENTITY {
            return;
        }
        let linear = DMat3::from_quat(self.rotation) * self.scale;
        let moved = |mean: &mut Vec3| *mean = (linear * mean.as_dvec3() + self.translation).as_vec3();
        scene.means.par_iter_mut().for_each(moved);
        let shift = self.scale.ln() as f32;
        scene.log_scales.par_iter_mut().for_each(|scale| *scale += shift);
        if let Some(motion) = &mut scene.motion {
            let along = |v: &mut Vec3| *v = (linear * v.as_dvec3()).as_vec3();
            motion.velocities.par_iter_mut().for_each(along);
            if let Some(curves) = &mut motion.curves {
                curves.accelerations.par_iter_mut().for_each(along);
                let about = |v: &mut Vec3| *v = (self.rotation * v.as_dvec3()).as_vec3();
                curves.angular_velocities.par_iter_mut().for_each(about);
            }
        }
        if self.rotation == DQuat::IDENTITY {
            return;
        }
        scene.up = scene.up.map(|up| (self.rotation * up.as_dvec3()).as_vec3());
        scene.quaternions.par_iter_mut().for_each(|q| *q = turned(self.rotation, *q));
        let harmonics = ShRotation::new(DMat3::from_quat(self.rotation));
        let stride = scene.sh_stride();
        scene.sh.par_chunks_mut(stride).for_each(|sh| harmonics.apply(sh));
    }
}

/// Turns a scene into its mirror image along an axis, 0 to 2: means, rotations, spherical harmonics and velocities.
pub fn flip(scene: &mut Scene, axis: usize) {
    scene.means.par_iter_mut().for_each(|mean| mean[axis] = -mean[axis]);
    if let Some(up) = &mut scene.up {
        up[axis] = -up[axis];
    }
    // The axes of an ellipsoid have no sign, so that a mirrored one is a turned one.
    scene.quaternions.par_iter_mut().for_each(|q| {
        (1..4).filter(|&k| k != axis + 1).for_each(|k| q[k] = -q[k]);
    });
    if let Some(motion) = &mut scene.motion {
        motion.velocities.par_iter_mut().for_each(|velocity| velocity[axis] = -velocity[axis]);
        if let Some(curves) = &mut motion.curves {
            curves.accelerations.par_iter_mut().for_each(|bend| bend[axis] = -bend[axis]);
            // In the mirror a turn about the axis keeps its sense, one about another is reversed.
            curves.angular_velocities.par_iter_mut().for_each(|turn| {
                (0..3).filter(|&k| k != axis).for_each(|k| turn[k] = -turn[k]);
            });
        }
    }
    // A harmonic is even or odd in each coordinate: its sign in a direction and in the mirrored one tells.
    let direction = DVec3::new(0.36, 0.48, 0.8);
    let mut mirrored = direction;
    mirrored[axis] = -mirrored[axis];
    let (here, there) = (sh_basis(direction), sh_basis(mirrored));
    let signs: [f32; 16] = std::array::from_fn(|k| if here[k] * there[k] < 0.0 { -1.0 } else { 1.0 });
    let stride = scene.sh_stride();
    scene.sh.par_chunks_mut(stride).for_each(|sh| sh.iter_mut().enumerate().for_each(|(k, v)| *v *= signs[k / 3]));
}

/// The product of a rotation and a quaternion (w, x, y, z) of any length; the length is kept.
fn turned(rotation: DQuat, [w, x, y, z]: [f32; 4]) -> [f32; 4] {
    let old = DQuat::from_xyzw(x.into(), y.into(), z.into(), w.into());
    let new = rotation * old;
    [new.w as f32, new.x as f32, new.y as f32, new.z as f32]
}
