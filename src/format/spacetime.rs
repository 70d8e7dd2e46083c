//! The motion model shared by the formats of Spacetime Gaussians, and its conversion from and to ours
//! (docs/formats.md 1.9).
//!
//! There, a Gaussian is at mean + m₁Δ + m₂Δ² + m₃Δ³, turned by the quaternion q + ωΔ, and its opacity is multiplied by
//! exp(−(Δ / s)²), without the ½ of ours, so that s = √2 · duration. Colours are plain RGB without spherical harmonics.

use glam::Vec3;

use super::quantise::{colour, dc_of, logit};
use crate::edit;
use crate::scene::{GATE_SLOPE, Motion, Scene, sigmoid};

/// The logarithm of a duration that is effectively infinite in a clip from 0 to 1.
const FOR_EVER: f32 = 7.0;
/// Static shares of the opacity that are neither none nor all, by more than a step of 8 bits.
const PARTIAL: std::ops::RangeInclusive<f32> = 0.004..=0.996;
/// The gate of a Gaussian that never fades.
const OPEN: f32 = 1.0;
/// The interval between two moments of a sequence, in durations of a Gaussian: at the time of one, the Gaussians of the next
/// have e⁻⁸ of their opacity.
const DEVIATIONS: f32 = 4.0;
/// The time centre of the Gaussians of a static scene.
const MIDDLE: f32 = 0.5;

/// A Gaussian's motion and fading, without a gate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Linear {
    pub centre: f32,
    /// ln of the standard deviation in time.
    pub log_duration: f32,
    pub velocity: Vec3,
    /// Whether it never fades; the duration is long then.
    pub stays: bool,
}

impl Linear {
    /// Of Gaussian `i` of a scene, whose gate must be open or shut ([`split_gates`]).
    pub fn of(scene: &Scene, i: usize) -> Self {
        match &scene.motion {
            None => Self { centre: MIDDLE, log_duration: FOR_EVER, velocity: Vec3::ZERO, stays: true },
            Some(motion) => {
                let stays = motion.gates[i] > 0.0;
                let log_duration = if stays { FOR_EVER } else { motion.log_durations[i] };
                Self { centre: motion.centres[i], log_duration, velocity: motion.velocities[i], stays }
            }
        }
    }
}

/// The parameters of a Gaussian that differ from ours in this model.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moving {
    pub centre: f32,
    /// ln s.
    pub log_scale: f32,
    pub velocity: Vec3,
    pub rgb: [f32; 3],
}

impl Moving {
    /// Converts Gaussian `i` of a scene. The model has no static gate: a Gaussian with a gate above 0 gets an infinite
    /// duration.
    pub fn of(scene: &Scene, i: usize) -> Self {
        let sh = &scene.sh[i * scene.sh_stride()..];
        let rgb = [0, 1, 2].map(|channel| colour(sh[channel]));
        let Linear { centre, log_duration, velocity, stays } = Linear::of(scene, i);
        let log_scale = if stays { FOR_EVER } else { log_duration + 0.5 * std::f32::consts::LN_2 };
        Self { centre, log_scale, velocity, rgb }
    }

    /// Appends it to the motion and colours of a scene.
    pub fn push(&self, motion: &mut Motion, sh: &mut Vec<f32>) {
        motion.velocities.push(self.velocity);
        motion.centres.push(self.centre);
        motion.log_durations.push(self.log_scale - 0.5 * std::f32::consts::LN_2);
        motion.gates.push(Motion::NO_GATE);
        sh.extend(self.rgb.map(dc_of));
    }
}

/// Motion of Gaussians at rest that are each visible around a time only, of moments `gap` apart.
pub fn moments(times: Vec<f32>, gap: f32) -> Motion {
    Motion::still(times, gap / DEVIATIONS, Motion::NO_GATE)
}

/// Splits each Gaussian whose gate is neither open nor shut into a still one and one that fades, which together have its
/// opacity at all times: 1 − (1 − αγ)(1 − βg) with β = α(1 − γ)/(1 − αγ). The model has no gate. Says how many.
pub fn split_gates(scene: &mut Scene) -> Option<String> {
    let motion = scene.motion.as_ref()?;
    let gates: Vec<f32> = motion.gates.iter().map(|&gate| sigmoid(GATE_SLOPE * gate)).collect();
    let partial: Vec<usize> = (0..gates.len()).filter(|&i| PARTIAL.contains(&gates[i])).collect();
    if partial.is_empty() {
        return None;
    }
    let mut still = scene.clone();
    still.retain(|_, i| PARTIAL.contains(&gates[i]));
    for (k, &i) in partial.iter().enumerate() {
        let (alpha, gate) = (sigmoid(scene.logits[i]), gates[i]);
        still.logits[k] = logit(alpha * gate);
        scene.logits[i] = logit(alpha * (1.0 - gate) / (1.0 - alpha * gate).max(f32::MIN_POSITIVE));
    }
    if let (Some(fading), Some(still)) = (&mut scene.motion, &mut still.motion) {
        partial.iter().for_each(|&i| fading.gates[i] = Motion::NO_GATE);
        still.gates.fill(OPEN);
    }
    // The same kind of scene.
    let _ = edit::append(scene, still);
    Some(format!(
        "{} Gaussians fade in part, which the format cannot say; each becomes a still and a fading one",
        partial.len()
    ))
}

/// Warnings about motion that our model cannot represent.
pub fn left_out(curved: usize, turning: usize) -> Vec<String> {
    let mut warnings = Vec::new();
    if curved > 0 {
        warnings.push(format!("{curved} Gaussians move along curves; only the velocity at their time centres is kept"));
    }
    if turning > 0 {
        warnings.push(format!("{turning} Gaussians rotate over time; only the rotation at their time centres is kept"));
    }
    warnings
}
