//! The correction of a camera's pose: a small rotation and a small shift, bounded, and without a mean over the cameras.

use glam::{DMat3, DQuat, DVec3};

use crate::camera::Pose;

/// Most that a camera may turn, in radians.
pub const MOST_TURN: f64 = 3.0 * std::f64::consts::PI / 180.0;
/// Most that it may move, as a share of the cameras' reach, which is the unit of the frame of training.
pub const MOST_SHIFT: f64 = 0.03;

/// Numbers of a correction.
pub const NUMBERS: usize = 6;

/// How a camera is corrected, in the frame of training.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Correction {
    /// Axis times angle, radians, in world axes: the camera's axes are turned by it.
    pub turn: DVec3,
    /// Of the camera's centre.
    pub shift: DVec3,
}

impl Correction {
    pub fn from_row(row: &[f32; NUMBERS]) -> Self {
        let [a, b, c, d, e, f] = row.map(f64::from);
        Self { turn: DVec3::new(a, b, c), shift: DVec3::new(d, e, f) }
    }

    pub fn to_row(self) -> [f32; NUMBERS] {
        let (turn, shift) = (self.turn.to_array(), self.shift.to_array());
        std::array::from_fn(|i| if i < 3 { turn[i] as f32 } else { shift[i - 3] as f32 })
    }

    /// The corrected pose.
    pub fn apply(&self, pose: &Pose) -> Pose {
        let rotation = pose.rotation * DMat3::from_quat(DQuat::from_scaled_axis(self.turn)).transpose();
        Pose { rotation, translation: -(rotation * (pose.centre() + self.shift)) }
    }

    /// The gradient by the correction, to first order in it, from that by ω and τ of a perturbation on the left of the
    /// corrected pose (docs/algorithms.md B.10).
    pub fn gradient(&self, pose: &Pose, omega: [f32; 3], tau: [f32; 3]) -> [DVec3; 2] {
        let axes = self.apply(pose).rotation.transpose();
        // A turn of the world's points about the camera is the opposite turn of the camera; so is a shift.
        [omega, tau].map(|gradient| -(axes * DVec3::from_array(gradient.map(f64::from))))
    }

    /// The nearest correction within the bounds.
    pub fn bounded(self) -> Self {
        Self { turn: self.turn.clamp_length_max(MOST_TURN), shift: self.shift.clamp_length_max(MOST_SHIFT) }
    }
}

/// Takes out of corrections what moves all cameras alike: the mean turn with what it makes of the centres, the mean shift,
/// and the growth about the centres' mean. The scene follows such moves, and no photo tells them apart.
pub fn without_common_move(corrections: &mut [Correction], poses: &[Pose]) {
    let count = corrections.len().max(1) as f64;
    let centres: Vec<DVec3> = poses.iter().map(Pose::centre).collect();
    let middle = centres.iter().sum::<DVec3>() / count;
    let turn = corrections.iter().map(|c| c.turn).sum::<DVec3>() / count;
    let shift = corrections.iter().map(|c| c.shift).sum::<DVec3>() / count;
    let spread: f64 = centres.iter().map(|centre| (centre - middle).length_squared()).sum();
    let along: f64 = corrections.iter().zip(&centres).map(|(c, centre)| c.shift.dot(centre - middle)).sum();
    let growth = if spread > 0.0 { along / spread } else { 0.0 };
    for (correction, centre) in corrections.iter_mut().zip(&centres) {
        let arm = centre - middle;
        correction.turn -= turn;
        correction.shift -= shift + turn.cross(arm) + growth * arm;
        *correction = correction.bounded();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pose(i: usize) -> Pose {
        let angle = i as f64;
        Pose::look_at(DVec3::new(angle.cos(), 0.3 * (2.0 * angle).sin(), angle.sin()), DVec3::ZERO, DVec3::NEG_Y)
    }

    #[test]
    fn the_gradient_is_that_of_differences() {
        // A function of the pose: where a point of the world is seen, weighted.
        let weights = DVec3::new(0.7, -0.4, 0.2);
        let point = DVec3::new(0.2, -0.1, 0.3);
        let value = |pose: &Pose| weights.dot(pose.rotation * point + pose.translation);
        let (base, at) = (pose(1), Correction { turn: DVec3::splat(1e-9), shift: DVec3::new(0.01, 0.0, -0.02) });
        let now = at.apply(&base);
        let seen = now.rotation * point + now.translation;
        // d(exp(ω) p + τ) = ω × p + τ.
        let (omega, tau) = (seen.cross(weights), weights);
        let single = |v: DVec3| v.to_array().map(|x| x as f32);
        let gradient = at.gradient(&base, single(omega), single(tau));
        for axis in 0..3 {
            let step = 1e-6 * DVec3::AXES[axis];
            let turned = |s: DVec3| value(&Correction { turn: at.turn + s, ..at }.apply(&base));
            let moved = |s: DVec3| value(&Correction { shift: at.shift + s, ..at }.apply(&base));
            let slopes = [(turned(step) - turned(-step)) / 2e-6, (moved(step) - moved(-step)) / 2e-6];
            for (slope, got) in slopes.iter().zip(gradient) {
                assert!((slope - got[axis]).abs() < 1e-5, "{slope} {got}");
            }
        }
    }

    #[test]
    fn a_move_of_all_cameras_is_taken_out_and_one_of_their_own_stays() {
        let poses: Vec<Pose> = (0..7).map(pose).collect();
        let middle = poses.iter().map(Pose::centre).sum::<DVec3>() / 7.0;
        let common = |pose: &Pose| {
            let arm = pose.centre() - middle;
            let turn = DVec3::new(0.004, -0.002, 0.003);
            Correction { turn, shift: DVec3::new(0.001, 0.002, -0.003) + turn.cross(arm) + 0.004 * arm }
        };
        let mut corrections: Vec<Correction> = poses.iter().map(common).collect();
        without_common_move(&mut corrections, &poses);
        assert!(corrections.iter().all(|c| c.turn.length() < 1e-12 && c.shift.length() < 1e-12), "{corrections:?}");
        corrections[2] = Correction { turn: DVec3::X * 0.01, shift: DVec3::Y * 0.02 };
        without_common_move(&mut corrections, &poses);
        assert!(corrections[2].turn.x > 0.008 && corrections[2].shift.y > 0.01, "{:?}", corrections[2]);
        assert!(corrections.iter().map(|c| c.turn).sum::<DVec3>().length() < 1e-12);
    }

    #[test]
    fn corrections_are_bounded() {
        let far = Correction { turn: DVec3::X, shift: DVec3::splat(1.0) }.bounded();
        assert!((far.turn.length() - MOST_TURN).abs() < 1e-12 && (far.shift.length() - MOST_SHIFT).abs() < 1e-12);
        let pose = pose(3);
        let moved = Correction { turn: DVec3::ZERO, shift: DVec3::Z * 0.01 }.apply(&pose);
        assert!((moved.centre() - pose.centre() - DVec3::Z * 0.01).length() < 1e-12);
        let row = Correction { turn: DVec3::new(0.5, 0.25, 0.125), shift: DVec3::X }.to_row();
        assert_eq!(Correction::from_row(&row).to_row(), row);
    }
}
