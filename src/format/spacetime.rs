//! The motion model shared by the formats of Spacetime Gaussians, and its conversion from and to ours
//! (docs/formats.md 1.9).
//!
//! There, a Gaussian is at mean + m₁Δ + m₂Δ² + m₃Δ³, turned by the quaternion q + ωΔ, and its opacity is multiplied by
//! exp(−(Δ / s)²), without the ½ of ours, so that s = √2 · duration. Colours are plain RGB without spherical harmonics.

use glam::{Quat, Vec3};

use super::quantise::{colour, dc_of, logit};
use crate::edit;
use crate::scene::{Curves, GATE_SLOPE, Motion, Scene, sigmoid};

/// The logarithm of a duration that is effectively infinite in a clip from 0 to 1.
const FOR_EVER: f32 = 7.0;
/// Static shares of the opacity that are neither none nor all, by more than a step of 8 bits.
const PARTIAL: std::ops::RangeInclusive<f32> = 0.004..=0.996;
/// The gate of a Gaussian that never fades.
const OPEN: f32 = 1.0;
/// The interval between two moments of a sequence, in durations of a Gaussian: at the time of one, the Gaussians of the next
/// have e⁻⁸ of their opacity.
const DEVIATIONS: f32 = 4.0;
/// The least angle that is told, in degrees.
const TOLD_ANGLE: f32 = 1.0;
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
    /// m₁, m₂ and m₃.
    pub path: [Vec3; 3],
    /// Quaternion (w, x, y, z) of the Gaussian, and ω.
    pub quaternion: [f32; 4],
    pub spin: [f32; 4],
    pub rgb: [f32; 3],
}

impl Moving {
    /// Converts Gaussian `i` of a scene, whose quaternion is written as `quaternion`. The model has no static gate: a Gaussian
    /// with a gate above 0 gets an infinite duration.
    pub fn of(scene: &Scene, i: usize, quaternion: [f32; 4]) -> Self {
        let sh = &scene.sh[i * scene.sh_stride()..];
        let rgb = [0, 1, 2].map(|channel| colour(sh[channel]));
        let Linear { centre, log_duration, velocity, stays } = Linear::of(scene, i);
        let log_scale = if stays { FOR_EVER } else { log_duration + 0.5 * std::f32::consts::LN_2 };
        let curves = scene.motion.as_ref().and_then(|motion| motion.curves.as_ref());
        let (bend, turn) = curves.map_or_else(Default::default, |c| (c.accelerations[i], c.angular_velocities[i]));
        // The rate of a quaternion that turns by an angular velocity w is ½ (0, w) q.
        let spin = Quat::from_xyzw(turn.x, turn.y, turn.z, 0.0) * quat(quaternion) * 0.5;
        let path = [velocity, 0.5 * bend, Vec3::ZERO];
        Self { centre, log_scale, path, quaternion, spin: [spin.w, spin.x, spin.y, spin.z], rgb }
    }
}

/// Gaussians of this model as they are read.
#[derive(Default)]
pub struct Reading {
    motion: Motion,
    curves: Curves,
    sh: Vec<f32>,
    cubic: usize,
}

impl Reading {
    pub fn push(&mut self, moving: &Moving) {
        self.motion.velocities.push(moving.path[0]);
        self.motion.centres.push(moving.centre);
        self.motion.log_durations.push(moving.log_scale - 0.5 * std::f32::consts::LN_2);
        self.motion.gates.push(Motion::NO_GATE);
        self.curves.accelerations.push(2.0 * moving.path[1]);
        self.curves.angular_velocities.push(angular_velocity(moving.quaternion, moving.spin));
        self.cubic += usize::from(moving.path[2] != Vec3::ZERO);
        self.sh.extend(moving.rgb.map(dc_of));
    }

    /// Gives a scene its motion and colours. Says what our model cannot represent.
    pub fn finish(self, scene: &mut Scene) -> Vec<String> {
        let vectors = self.curves.accelerations.iter().chain(&self.curves.angular_velocities);
        let curved = vectors.into_iter().any(|vector| *vector != Vec3::ZERO);
        scene.motion = Some(Motion { curves: curved.then_some(self.curves), ..self.motion });
        scene.sh = self.sh;
        let said = format!("{} Gaussians move along cubics, of which the third order is left out", self.cubic);
        if self.cubic > 0 { vec![said] } else { Vec::new() }
    }
}

fn quat([w, x, y, z]: [f32; 4]) -> Quat {
    Quat::from_xyzw(x, y, z, w)
}

/// The angular velocity at the time centre of a Gaussian turned by the quaternion q + ωΔ: twice the vector of ω q*.
fn angular_velocity(quaternion: [f32; 4], spin: [f32; 4]) -> Vec3 {
    let q = quat(quaternion);
    let turn = quat(spin) * q.conjugate() * (2.0 / q.length_squared());
    let turn = Vec3::new(turn.x, turn.y, turn.z);
    if turn.is_finite() { turn } else { Vec3::ZERO }
}

/// By how much the quaternion q + ωΔ turns otherwise than steadily while Gaussians are seen, which for an angle θ is θ − 2
/// arctan(θ / 2); said where it is more than [`TOLD_ANGLE`].
pub fn unsteady_turns(scene: &Scene) -> Option<String> {
    let motion = scene.motion.as_ref()?;
    let curves = motion.curves.as_ref()?;
    let off = |i: usize| {
        let [middle, width] = motion.seen(i);
        let angle = curves.angular_velocities[i].length() * (middle.abs() + 0.5 * width);
        (angle - 2.0 * (0.5 * angle).atan()).to_degrees()
    };
    let mut off: Vec<f32> = (0..scene.len()).map(off).collect();
    off.sort_by(f32::total_cmp);
    let most = *off.get(off.len() * 99 / 100)?;
    (most > TOLD_ANGLE).then(|| {
        format!(
            "the format's turns are not steady: 99 of 100 Gaussians are turned by up to {most:.1} degrees otherwise"
        )
    })
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
