//! Twin of the motion model: a Gaussian on a line through space and time that fades (docs/algorithms.md G.2).

use dapple::scene;
use glam::Vec3;

use super::cases::Rng;
use super::number::{Dual, Num};
use super::project::{Gaussian, PARAMETERS};

/// Parameters of one Gaussian's motion, in the order of [`Motion::to_array`].
pub const MOTION: usize = 6;

/// How one Gaussian moves and fades.
#[derive(Clone, Copy, Debug)]
pub struct Motion<T> {
    pub velocity: [T; 3],
    pub centre: T,
    pub log_duration: T,
    pub gate: T,
}

impl<T: Num> Motion<T> {
    /// Flat: velocity 3, time centre, log-duration, gate.
    pub fn to_array(self) -> [T; MOTION] {
        let [x, y, z] = self.velocity;
        [x, y, z, self.centre, self.log_duration, self.gate]
    }

    pub fn from_array(flat: &[T; MOTION]) -> Self {
        let [x, y, z, centre, log_duration, gate] = *flat;
        Self { velocity: [x, y, z], centre, log_duration, gate }
    }

    /// γ = sigmoid(20 g), the share of the opacity that does not fade.
    pub fn steady(&self) -> T {
        self.gate.times(20.0).sigmoid()
    }

    /// ϑ = γ + (1 − γ) exp(−½ (Δ/s)²).
    pub fn visibility(&self, time: f64) -> T {
        let distance = (T::constant(time) - self.centre) / self.log_duration.exp();
        let fade = (distance * distance).times(-0.5).exp();
        let steady = self.steady();
        steady + (T::one() - steady) * fade
    }
}

impl Motion<f64> {
    pub fn lift<T: Num>(&self) -> Motion<T> {
        Motion::from_array(&self.to_array().map(T::constant))
    }
}

/// The static Gaussian that a moving one is at a time.
pub fn pose<T: Num>(g: &Gaussian<T>, m: &Motion<T>, time: f64) -> Gaussian<T> {
    let elapsed = T::constant(time) - m.centre;
    let opacity = g.logit.sigmoid() * m.visibility(time);
    Gaussian {
        mean: std::array::from_fn(|i| g.mean[i] + m.velocity[i] * elapsed),
        logit: opacity.ln() - (T::one() - opacity).ln(),
        ..*g
    }
}

/// The gradient of both from that of the posed Gaussian, `row`.
pub fn pose_backward(
    g: &Gaussian<f64>,
    m: &Motion<f64>,
    time: f64,
    row: &[f64; PARAMETERS],
) -> ([f64; PARAMETERS], [f64; MOTION]) {
    const INPUTS: usize = 4 + MOTION;
    let mut lifted: Gaussian<Dual<INPUTS>> = g.lift();
    for axis in 0..3 {
        lifted.mean[axis] = Dual::variable(g.mean[axis], axis);
    }
    lifted.logit = Dual::variable(g.logit, 3);
    let flat = m.to_array();
    let motion = Motion::from_array(&std::array::from_fn(|i| Dual::variable(flat[i], 4 + i)));
    let posed = pose(&lifted, &motion, time);
    let outputs = posed.mean.iter().zip(&row[..3]).chain([(&posed.logit, &row[10])]);
    let mut slope = [0.0; INPUTS];
    for (output, weight) in outputs {
        slope.iter_mut().zip(output.slope).for_each(|(sum, s)| *sum += weight * s);
    }
    let mut geometry = *row;
    geometry[..3].copy_from_slice(&slope[..3]);
    geometry[10] = slope[3];
    (geometry, std::array::from_fn(|i| slope[4 + i]))
}

/// Random motions by which Gaussians come through where they are at `time`: their means are moved to where they were at
/// their time centres. Every seventh fades out long before or after, every third has a gate that is half open.
pub fn set_in_motion(rng: &mut Rng, gaussians: &mut [Gaussian<f64>], time: f64) -> Vec<Motion<f64>> {
    let narrow = |value: f64| f64::from(value as f32);
    let each = |(i, g): (usize, &mut Gaussian<f64>)| {
        let duration = rng.range(0.1, 0.5);
        let far = if i % 7 == 3 { 4.0 } else { 0.7 };
        let motion = Motion {
            velocity: rng.normals().map(|v: f64| narrow(0.8 * v)),
            centre: narrow(time + far * duration * rng.normal()),
            log_duration: narrow(duration.ln()),
            gate: if i % 3 == 0 { narrow(rng.range(-0.12, 0.08)) } else { -1.0 },
        };
        for axis in 0..3 {
            g.mean[axis] = narrow(g.mean[axis] - motion.velocity[axis] * (time - motion.centre));
        }
        motion
    };
    gaussians.iter_mut().enumerate().map(each).collect()
}

/// The motions as the crate's host scene has them.
pub fn host_motion(motions: &[Motion<f64>]) -> scene::Motion {
    scene::Motion {
        velocities: motions.iter().map(|m| Vec3::from_array(m.velocity.map(|v| v as f32))).collect(),
        centres: motions.iter().map(|m| m.centre as f32).collect(),
        log_durations: motions.iter().map(|m| m.log_duration as f32).collect(),
        gates: motions.iter().map(|m| m.gate as f32).collect(),
    }
}
