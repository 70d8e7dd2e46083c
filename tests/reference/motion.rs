//! Twin of the motion models: a Gaussian on a line or a parabola through space and time that turns and fades
//! (docs/algorithms.md G.2).

use dapple::scene;
use glam::Vec3;

use super::cases::Rng;
use super::number::{Dual, Num};
use super::project::{Gaussian, PARAMETERS};

/// Parameters of one Gaussian's motion, in the order of [`Motion::to_array`].
pub const MOTION: usize = 12;

/// Those of them that linear motion has.
pub const LINEAR: usize = 6;

/// How one Gaussian moves and fades.
#[derive(Clone, Copy, Debug)]
pub struct Motion<T> {
    pub velocity: [T; 3],
    pub centre: T,
    pub log_duration: T,
    pub gate: T,
    pub acceleration: [T; 3],
    pub turn: [T; 3],
}

impl<T: Num> Motion<T> {
    /// Flat: velocity 3, time centre, log-duration, gate, acceleration 3, angular velocity 3.
    pub fn to_array(self) -> [T; MOTION] {
        let ([x, y, z], [a, b, c], [u, v, w]) = (self.velocity, self.acceleration, self.turn);
        [x, y, z, self.centre, self.log_duration, self.gate, a, b, c, u, v, w]
    }

    pub fn from_array(flat: &[T; MOTION]) -> Self {
        let [x, y, z, centre, log_duration, gate, a, b, c, u, v, w] = *flat;
        Self { velocity: [x, y, z], centre, log_duration, gate, acceleration: [a, b, c], turn: [u, v, w] }
    }

    /// Displacement between two times since the centre.
    pub fn path(&self, from: T, to: T) -> [T; 3] {
        let (elapsed, squares) = (to - from, (to * to - from * from).times(0.5));
        std::array::from_fn(|i| self.velocity[i] * elapsed + self.acceleration[i] * squares)
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

/// Product of two quaternions (w, x, y, z).
pub fn product<T: Num>(a: [T; 4], b: [T; 4]) -> [T; 4] {
    [
        a[0] * b[0] - a[1] * b[1] - a[2] * b[2] - a[3] * b[3],
        a[0] * b[1] + a[1] * b[0] + a[2] * b[3] - a[3] * b[2],
        a[0] * b[2] - a[1] * b[3] + a[2] * b[0] + a[3] * b[1],
        a[0] * b[3] + a[1] * b[2] - a[2] * b[1] + a[3] * b[0],
    ]
}

/// A quaternion turned at an angular velocity for a time.
pub fn turned<T: Num>(quaternion: [T; 4], velocity: [T; 3], elapsed: T) -> [T; 4] {
    let angle = velocity.map(|v| v * elapsed);
    let squared = angle[0] * angle[0] + angle[1] * angle[1] + angle[2] * angle[2];
    // sin(a/2)/a and cos(a/2), by their series where the root has no derivative.
    let (cos, ratio) = if squared.value() < 1e-12 {
        (T::one() - squared.times(0.125), T::constant(0.5) - squared.times(1.0 / 48.0))
    } else {
        let length = squared.sqrt();
        (length.times(0.5).cos(), length.times(0.5).sin() / length)
    };
    product([cos, angle[0] * ratio, angle[1] * ratio, angle[2] * ratio], quaternion)
}

/// The static Gaussian that a moving one is at a time.
pub fn pose<T: Num>(g: &Gaussian<T>, m: &Motion<T>, time: f64) -> Gaussian<T> {
    let elapsed = T::constant(time) - m.centre;
    let opacity = g.logit.sigmoid() * m.visibility(time);
    Gaussian {
        mean: {
            let path = m.path(T::zero(), elapsed);
            std::array::from_fn(|i| g.mean[i] + path[i])
        },
        quaternion: turned(g.quaternion, m.turn, elapsed),
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
    const INPUTS: usize = 8 + MOTION;
    let mut lifted: Gaussian<Dual<INPUTS>> = g.lift();
    for axis in 0..3 {
        lifted.mean[axis] = Dual::variable(g.mean[axis], axis);
    }
    lifted.logit = Dual::variable(g.logit, 3);
    for part in 0..4 {
        lifted.quaternion[part] = Dual::variable(g.quaternion[part], 4 + part);
    }
    let flat = m.to_array();
    let motion = Motion::from_array(&std::array::from_fn(|i| Dual::variable(flat[i], 8 + i)));
    let posed = pose(&lifted, &motion, time);
    let turned = posed.quaternion.iter().zip(&row[3..7]);
    let outputs = posed.mean.iter().zip(&row[..3]).chain(turned).chain([(&posed.logit, &row[10])]);
    let mut slope = [0.0; INPUTS];
    for (output, weight) in outputs {
        slope.iter_mut().zip(output.slope).for_each(|(sum, s)| *sum += weight * s);
    }
    let mut geometry = *row;
    geometry[..3].copy_from_slice(&slope[..3]);
    geometry[10] = slope[3];
    geometry[3..7].copy_from_slice(&slope[4..8]);
    (geometry, std::array::from_fn(|i| slope[8 + i]))
}

/// Random motions by which Gaussians come through where they are at `time`: their means are moved to where they were at
/// their time centres. Every seventh fades out long before or after, every third has a gate that is half open.
pub fn set_in_motion(rng: &mut Rng, gaussians: &mut [Gaussian<f64>], time: f64) -> Vec<Motion<f64>> {
    set_moving(rng, gaussians, time, false)
}

/// The same, along curves if `curved`.
pub fn set_moving(rng: &mut Rng, gaussians: &mut [Gaussian<f64>], time: f64, curved: bool) -> Vec<Motion<f64>> {
    let narrow = |value: f64| f64::from(value as f32);
    let each = |(i, g): (usize, &mut Gaussian<f64>)| {
        let duration = rng.range(0.1, 0.5);
        let far = if i % 7 == 3 { 4.0 } else { 0.7 };
        let motion = Motion {
            velocity: rng.normals().map(|v: f64| narrow(0.8 * v)),
            centre: narrow(time + far * duration * rng.normal()),
            log_duration: narrow(duration.ln()),
            gate: if i % 3 == 0 { narrow(rng.range(-0.12, 0.08)) } else { -1.0 },
            acceleration: if curved { rng.normals().map(|v: f64| narrow(0.8 * v)) } else { [0.0; 3] },
            // Every fifth hardly turns.
            turn: match (curved, i % 5) {
                (false, _) => [0.0; 3],
                (true, 4) => rng.normals().map(|v: f64| narrow(1e-6 * v)),
                (true, _) => rng.normals().map(|v: f64| narrow(4.0 * v)),
            },
        };
        let path = motion.path(0.0, time - motion.centre);
        for axis in 0..3 {
            g.mean[axis] = narrow(g.mean[axis] - path[axis]);
        }
        motion
    };
    gaussians.iter_mut().enumerate().map(each).collect()
}

/// The motions as the crate's host scene has them.
pub fn host_motion(motions: &[Motion<f64>]) -> scene::Motion {
    let vectors = |of: fn(&Motion<f64>) -> [f64; 3]| -> Vec<Vec3> {
        motions.iter().map(|m| Vec3::from_array(of(m).map(|v| v as f32))).collect()
    };
    let bent = motions.iter().any(|m| m.acceleration != [0.0; 3]);
    let curves =
        || scene::Curves { accelerations: vectors(|m| m.acceleration), angular_velocities: vectors(|m| m.turn) };
    scene::Motion {
        curves: bent.then(curves),
        velocities: vectors(|m| m.velocity),
        centres: motions.iter().map(|m| m.centre as f32).collect(),
        log_durations: motions.iter().map(|m| m.log_duration as f32).collect(),
        gates: motions.iter().map(|m| m.gate as f32).collect(),
    }
}
