//! Paths of points from where they are seen in other frames: least squares over all cameras.

use glam::{DMat3, DVec2, DVec3};

use crate::camera::Camera;

/// A track agrees with a point if it misses it by this many pixels on average and this part of the track's length: what
/// forward and backward flow may miss each other by.
pub const TOLERANCE: f64 = 0.5;
pub const RELATIVE_TOLERANCE: f64 = 0.05;
/// Share of the mean curvature that is added to all directions: towards no motion where the flow says nothing.
const DAMPING: f64 = 1e-3;
/// Solutions of a parabola, each from where the last one led: projection is no linear map.
const ITERATIONS: usize = 3;

/// A point in an earlier or later frame.
#[derive(Clone, Copy)]
pub struct Observation {
    pub camera: Camera,
    /// Time since the point's own frame, in clips.
    pub elapsed: f64,
    pub pixel: DVec2,
}

/// The normal equations of the least-squares problem for one velocity.
#[derive(Clone, Copy)]
pub struct NormalEquations {
    matrix: DMat3,
    vector: DVec3,
}

impl NormalEquations {
    /// No terms yet. Not glam's default matrix, which is the identity: a strong pull towards no velocity.
    pub const EMPTY: Self = Self { matrix: DMat3::ZERO, vector: DVec3::ZERO };

    /// Adds what one frame says of a point that it would see at `still` if it stood still, and misses by `miss` pixels,
    /// `elapsed` after the frame in which it is there.
    pub fn add(&mut self, camera: &Camera, still: DVec2, depth: f64, elapsed: f64, miss: DVec2) {
        let direction = camera.lens.direction(still);
        let slope = direction.truncate() / direction.z;
        for axis in 0..2 {
            // A row of the projection's Jacobian, times the elapsed time.
            let row = camera.pose.rotation.row(axis) - slope[axis] * camera.pose.rotation.row(2);
            let row = row * (camera.lens.focal[axis] / depth * elapsed);
            self.matrix += DMat3::from_cols(row * row.x, row * row.y, row * row.z);
            self.vector += row * miss[axis];
        }
    }

    /// The least-squares solution, and the shortest where that leaves a choice.
    pub fn solution(&self) -> DVec3 {
        damped(self.matrix).map_or(DVec3::ZERO, |matrix| matrix.inverse() * self.vector)
    }
}

/// Mean distance, in pixels, between where cameras would see a point on its way, which depends on the time since its own
/// frame, and where they do.
pub fn mean_miss(observations: &[Observation], path: impl Fn(f64) -> DVec3) -> f64 {
    let miss = |observation: &Observation| {
        let seen = observation.camera.project(path(observation.elapsed));
        seen.map_or(1e6, |(pixel, _)| pixel.distance(observation.pixel))
    };
    observations.iter().map(miss).sum::<f64>() / observations.len() as f64
}

/// Velocity, in world units a clip, and acceleration, in world units a clip squared.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Bend {
    pub velocity: DVec3,
    pub acceleration: DVec3,
}

impl Bend {
    fn at(&self, elapsed: f64) -> DVec3 {
        (self.velocity + self.acceleration * (0.5 * elapsed)) * elapsed
    }
}

/// How a point moves that is seen in frames before and after its own: along a line where one comes within
/// [`TOLERANCE`], else along a parabola. `None` where neither does, and where all frames are on one side.
pub fn bend(point: DVec3, observations: &[Observation]) -> Option<Bend> {
    let sides = [-1.0, 1.0].map(|side| observations.iter().any(|observation| observation.elapsed * side > 0.0));
    if sides != [true; 2] {
        return None;
    }
    let length = mean_miss(observations, |_| point);
    let line = fitted(point, observations, false)?;
    if mean_miss(observations, |elapsed| point + line.at(elapsed)) <= TOLERANCE {
        return Some(line);
    }
    let parabola = fitted(point, observations, true)?;
    let left = mean_miss(observations, |elapsed| point + parabola.at(elapsed));
    (left <= TOLERANCE + RELATIVE_TOLERANCE * length).then_some(parabola)
}

/// The line or parabola from a point that comes nearest to its observations, by Gauss and Newton.
fn fitted(point: DVec3, observations: &[Observation], bent: bool) -> Option<Bend> {
    // Time in units of the longest, so that both unknowns are displacements.
    let unit = observations.iter().map(|observation| observation.elapsed.abs()).fold(0.0, f64::max);
    let (mut first, mut second) = (DVec3::ZERO, DVec3::ZERO);
    for _ in 0..ITERATIONS {
        // Moments of the time: of orders 2, 3 and 4, and the right sides of orders 1 and 2.
        let mut moments = [NormalEquations::EMPTY; 3];
        let mut sides = [DVec3::ZERO; 2];
        for observation in observations {
            let time = observation.elapsed / unit;
            let (pixel, depth) = observation.camera.project(point + first * time + second * (time * time))?;
            let mut one = NormalEquations::EMPTY;
            one.add(&observation.camera, pixel, depth, 1.0, observation.pixel - pixel);
            for (order, moment) in (2..).zip(&mut moments) {
                moment.matrix += one.matrix * time.powi(order);
            }
            sides[0] += one.vector * time;
            sides[1] += one.vector * (time * time);
        }
        let [lines, mixed, bends] = moments.map(|moment| moment.matrix);
        let lines = damped(lines)?;
        if bent {
            // The second unknown after the first is eliminated.
            let left = damped(bends - mixed * lines.inverse() * mixed)?;
            let by = left.inverse() * (sides[1] - mixed * (lines.inverse() * sides[0]));
            second += by;
            first += lines.inverse() * (sides[0] - mixed * by);
        } else {
            first += lines.inverse() * sides[0];
        }
    }
    Some(Bend { velocity: first / unit, acceleration: second * (2.0 / (unit * unit)) })
}

/// A matrix of normal equations with a little of its mean curvature in all directions; `None` where it has none.
fn damped(matrix: DMat3) -> Option<DMat3> {
    let trace = matrix.x_axis.x + matrix.y_axis.y + matrix.z_axis.z;
    (trace > 0.0).then(|| matrix + DMat3::from_diagonal(DVec3::splat(DAMPING * trace / 3.0)))
}

#[cfg(test)]
mod tests {
    use glam::dvec3;

    use super::*;
    use crate::camera::{Lens, Pose};

    const POINT: DVec3 = DVec3::new(0.3, 0.2, 0.1);

    /// What cameras around the origin see of a point at these times, off by up to `noise` pixels.
    fn seen(path: impl Fn(f64) -> DVec3, times: &[f64], cameras: usize, noise: f64) -> Vec<Observation> {
        let mut random = crate::train::schedule::SplitMix::new(3);
        let mut observations = Vec::new();
        for &elapsed in times {
            for number in 0..cameras {
                let angle = number as f64;
                let eye = dvec3(4.0 * angle.sin(), -4.0 * angle.cos(), 1.0);
                let camera =
                    Camera { pose: Pose::look_at(eye, DVec3::ZERO, DVec3::Z), lens: Lens::from_fov_x(0.9, 200, 150) };
                let (pixel, _) = camera.project(path(elapsed)).expect("in front");
                let error = DVec2::new(random.unit() - 0.5, random.unit() - 0.5) * 2.0 * noise;
                observations.push(Observation { camera, elapsed, pixel: pixel + error });
            }
        }
        observations
    }

    #[test]
    fn a_parabola_is_found_exactly_though_perspective_bends_too() {
        let truth = Bend { velocity: dvec3(2.0, -1.0, 0.5), acceleration: dvec3(-6.0, 3.0, 8.0) };
        let observations = seen(|elapsed| POINT + truth.at(elapsed), &[-0.2, -0.1, 0.1, 0.2], 3, 0.0);
        let found = bend(POINT, &observations).expect("a clear case");
        assert!((found.velocity - truth.velocity).length() < 1e-3, "{found:?}");
        assert!((found.acceleration - truth.acceleration).length() < 1e-2, "{found:?}");
    }

    #[test]
    fn what_moves_along_a_line_is_not_bent_by_errors_of_its_track() {
        let velocity = dvec3(3.0, 1.0, 0.0);
        let observations = seen(|elapsed| POINT + velocity * elapsed, &[-0.2, -0.1, 0.1, 0.2], 3, 0.5);
        let found = bend(POINT, &observations).expect("a clear case");
        assert_eq!(found.acceleration, DVec3::ZERO);
        assert!((found.velocity - velocity).length() < 0.1, "{found:?}");
    }

    #[test]
    fn nothing_is_found_in_jumps_or_from_one_side_only() {
        let velocity = dvec3(3.0, 1.0, 0.0);
        assert_eq!(bend(POINT, &seen(|elapsed| POINT + velocity * elapsed, &[0.1, 0.2], 3, 0.0)), None);
        assert_eq!(bend(POINT, &seen(|_| POINT, &[-0.2, -0.1, 0.1, 0.2], 3, 40.0)), None);
        assert_eq!(bend(POINT, &[]), None);
    }
}
