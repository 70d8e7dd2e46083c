//! What Spacetime Gaussians' formats share: their model of motion and colour, and ours in it (FORMATS 1.9).
//!
//! There, a Gaussian is at mean + m₁Δ + m₂Δ² + m₃Δ³, turned by the quaternion q + ωΔ, and its opacity is multiplied by
//! exp(−(Δ / s)²), without the ½ of ours, so that s = √2 · duration. Colours are plain RGB without spherical harmonics.

use glam::Vec3;

use super::quantise::{colour, dc_of};
use crate::scene::{Motion, Scene};

/// The logarithm of a duration that is as good as for ever in a clip from 0 to 1.
const FOR_EVER: f32 = 7.0;
/// A static scene is at all times what it is at this one.
const MIDDLE: f32 = 0.5;

/// A Gaussian in this model, with what the model shares with ours left out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moving {
    pub centre: f32,
    /// ln s.
    pub log_scale: f32,
    pub velocity: Vec3,
    pub rgb: [f32; 3],
}

impl Moving {
    /// Gaussian `i` of a scene. The model has no gate: a Gaussian of which more than half does not fade does not fade.
    pub fn of(scene: &Scene, i: usize) -> Self {
        let sh = &scene.sh[i * scene.sh_stride()..];
        let rgb = [0, 1, 2].map(|channel| colour(sh[channel]));
        match &scene.motion {
            None => Self { centre: MIDDLE, log_scale: FOR_EVER, velocity: Vec3::ZERO, rgb },
            Some(motion) => Self {
                centre: motion.centres[i],
                log_scale: if motion.gates[i] > 0.0 {
                    FOR_EVER
                } else {
                    motion.log_durations[i] + 0.5 * std::f32::consts::LN_2
                },
                velocity: motion.velocities[i],
                rgb,
            },
        }
    }

    /// Adds it to the motion and colours of a scene.
    pub fn push(&self, motion: &mut Motion, sh: &mut Vec<f32>) {
        motion.velocities.push(self.velocity);
        motion.centres.push(self.centre);
        motion.log_durations.push(self.log_scale - 0.5 * std::f32::consts::LN_2);
        motion.gates.push(Motion::NO_GATE);
        sh.extend(self.rgb.map(dc_of));
    }
}

/// What a reader says of motion that ours has no place for.
pub fn left_out(curved: usize, turning: usize) -> Vec<String> {
    let mut warnings = Vec::new();
    if curved > 0 {
        warnings
            .push(format!("{curved} Gaussians move along curves; they are taken straight on from their time centres"));
    }
    if turning > 0 {
        warnings.push(format!("{turning} Gaussians turn; they keep the rotation of their time centres"));
    }
    warnings
}
