//! Motion in a described scene: the clip, the motion of its objects, and a moving camera.
//!
//! Time runs from 0 to 1 over the clip. Paths are lists of points at evenly spaced times, joined by a straight line if
//! there are two and by a smooth curve if there are more.

use glam::{DMat3, DVec3};
use serde::Deserialize;

/// A dynamic capture: every camera takes `frames` images, the first at time 0 and the last at time 1.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Clip {
    pub frames: usize,
    /// Of every n frames the middle one is held out, for all cameras; 0 holds none out.
    #[serde(default)]
    pub hold_out_every: usize,
    /// One camera that jumps: every frame is taken from another place of the dome, as D-NeRF's captures are. There are as many
    /// frames as the dome has cameras, and those that it holds out are held out.
    #[serde(default)]
    pub jump: bool,
    /// A camera that moves, besides those of the dome, which stand still.
    pub camera: Option<MovingCamera>,
}

impl Clip {
    /// Time of a frame.
    pub fn time(&self, frame: usize) -> f64 {
        frame as f64 / (self.frames - 1) as f64
    }

    /// Whether a frame is held out.
    pub fn holds_out(&self, frame: usize) -> bool {
        self.hold_out_every > 0 && frame % self.hold_out_every == self.hold_out_every / 2
    }

    pub fn check(&self) -> Result<(), String> {
        if !(2..=100_000).contains(&self.frames) {
            return Err("frames must be 2 to 100000".into());
        }
        if self.hold_out_every == 1 {
            return Err("hold_out_every must be 0 or at least 2, or no moment is left to train on".into());
        }
        let paths = self.camera.iter().flat_map(|camera| [&camera.eyes, &camera.targets]);
        for path in paths {
            if path.is_empty() || path.iter().any(|point| !point.is_finite()) {
                return Err("the camera's eyes and targets must be lists of points".into());
            }
        }
        Ok(())
    }
}

/// The path of a moving camera. It has the field of view of the dome's cameras.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MovingCamera {
    pub eyes: Vec<DVec3>,
    /// Points that it looks at.
    pub targets: Vec<DVec3>,
}

/// The motion of an object.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ObjectMotion {
    /// Displacements from the object's place.
    #[serde(default)]
    pub path: Vec<DVec3>,
    /// Rotation over the whole clip: the axis, with the angle in degrees as its length.
    #[serde(default)]
    pub spin: DVec3,
    /// Pivot of the rotation; the object's centre if missing.
    pub around: Option<DVec3>,
    /// Time at which the object appears.
    #[serde(default = "always")]
    pub appears: f64,
    /// Time at which it disappears.
    #[serde(default = "never")]
    pub leaves: f64,
}

fn always() -> f64 {
    -1.0
}

fn never() -> f64 {
    2.0
}

impl Default for ObjectMotion {
    fn default() -> Self {
        Self { path: Vec::new(), spin: DVec3::ZERO, around: None, appears: always(), leaves: never() }
    }
}

impl ObjectMotion {
    pub fn check(&self) -> Result<(), String> {
        let finite = self.path.iter().chain([&self.spin]).chain(&self.around).all(|point| point.is_finite());
        // A NaN is not before anything.
        if finite && self.appears < self.leaves {
            return Ok(());
        }
        Err("path, spin and around must be finite, and appears must be before leaves".into())
    }

    /// Whether the object is visible at `time`.
    pub fn present(&self, time: f64) -> bool {
        time >= self.appears && time < self.leaves
    }

    /// Rotation and position at `time` of an object placed at `at`.
    pub fn place(&self, at: DVec3, time: f64) -> (DMat3, DVec3) {
        let angle = self.spin.length().to_radians() * time;
        let turn = self.spin.try_normalize().map_or(DMat3::IDENTITY, |axis| DMat3::from_axis_angle(axis, angle));
        let pivot = self.around.unwrap_or(at);
        let shift = if self.path.is_empty() { DVec3::ZERO } else { along(&self.path, time) };
        (turn, pivot + turn * (at - pivot) + shift)
    }
}

/// The point of a path at `time`: the uniform Catmull-Rom spline through its points, with straight continuations at the
/// ends. The path is not empty.
pub fn along(path: &[DVec3], time: f64) -> DVec3 {
    if path.len() == 1 {
        return path[0];
    }
    let position = time.clamp(0.0, 1.0) * (path.len() - 1) as f64;
    let k = (position as usize).min(path.len() - 2);
    let u = position - k as f64;
    let (b, c) = (path[k], path[k + 1]);
    let a = if k > 0 { path[k - 1] } else { 2.0 * b - c };
    let d = path.get(k + 2).copied().unwrap_or(2.0 * c - b);
    b + 0.5 * u * ((c - a) + u * ((2.0 * a - 5.0 * b + 4.0 * c - d) + u * (3.0 * (b - c) + d - a)))
}

#[cfg(test)]
mod tests {
    use glam::dvec3;

    use super::*;

    #[test]
    fn paths_pass_their_points_evenly() {
        let path = [DVec3::ZERO, dvec3(1.0, 2.0, 0.0), dvec3(0.0, 3.0, 1.0), dvec3(2.0, 2.0, 2.0)];
        for (k, point) in path.iter().enumerate() {
            assert!((along(&path, k as f64 / 3.0) - point).length() < 1e-12);
        }
        assert!((along(&path[..2], 0.3) - path[1] * 0.3).length() < 1e-12, "two points make a straight line");
        assert_eq!(along(&path[2..3], 0.7), path[2]);
        // Smooth where two pieces meet.
        let slope = |t: f64| (along(&path, t + 1e-6) - along(&path, t)) / 1e-6;
        assert!((slope(1.0 / 3.0 - 2e-6) - slope(1.0 / 3.0 + 1e-6)).length() < 1e-3);
    }

    #[test]
    fn a_spin_about_a_point_carries_the_object_round() {
        let motion = ObjectMotion { spin: dvec3(0.0, 0.0, 180.0), around: Some(DVec3::X), ..ObjectMotion::default() };
        let (turn, at) = motion.place(dvec3(2.0, 0.0, 0.0), 0.5);
        assert!((at - dvec3(1.0, 1.0, 0.0)).length() < 1e-12);
        assert!((turn * DVec3::X - DVec3::Y).length() < 1e-12);
        let passing = ObjectMotion { appears: 0.25, leaves: 0.75, ..ObjectMotion::default() };
        assert_eq!([0.2, 0.25, 0.7, 0.75].map(|t| passing.present(t)), [false, true, true, false]);
    }
}
