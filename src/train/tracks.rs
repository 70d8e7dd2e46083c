//! Depths and velocities of points on the rays of images, from optical flow: a point's pixel is followed
//! through the frames before and after, and triangulated.
//!
//! A camera that moves makes everything move on its images, by an amount that depends on depth. Points at a depth drawn at
//! random would have to move in space to follow the flow of a scene that stands still. Depth comes first, therefore, and
//! only what no depth explains is motion.

use std::collections::BTreeSet;

use anyhow::Result;
use glam::{DVec2, DVec3, dvec2};
use rayon::prelude::*;

use crate::camera::Camera;
use crate::dataset::{Capture, Direction, FlowTarget};

use super::paths::{NormalEquations, Observation, RELATIVE_TOLERANCE, TOLERANCE, mean_miss};

/// Frames through which flow is followed, each way.
const REACH: usize = 4;
/// Depths that are tried, as factors on that of what the camera looks at, and their number.
const DEPTHS: (f64, f64) = (0.1, 20.0);
const TRIED: usize = 48;
/// Halvings of the interval around the best of them.
const REFINEMENTS: usize = 12;
/// A depth counts as known where one larger or smaller by this factor ...
const DOUBT: f64 = 1.25;
/// ... would be seen: a mean difference of this many pixels.
const SEEN: f64 = 1.0;

/// The ray that a point lies on.
#[derive(Clone, Copy, Debug)]
pub struct Ray {
    /// Index of the training shot, and the position on its image.
    pub shot: usize,
    pub pixel: DVec2,
    /// Distance from the camera at which the point was put, and that of what the camera looks at.
    pub distance: f64,
    pub typical: f64,
}

impl Ray {
    /// The point at a distance from the camera, in the capture's frame.
    pub fn at(&self, capture: &Capture, distance: f64) -> DVec3 {
        let camera = &capture.shots[self.shot].camera;
        camera.pose.centre() + camera.ray(self.pixel) * distance
    }
}

/// Position and motion of a point, as its track in optical flow shows them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TrackEstimate {
    /// Distance from the camera along its ray; the distance that the ray came with, where the camera does not move enough
    /// to measure it.
    pub distance: f64,
    /// World units a clip.
    pub velocity: DVec3,
    /// Whether the track fits a point that stands still.
    pub still: bool,
}

/// Estimates for the points on rays that are ordered by shot: `None` where the flow fits no point in steady motion.
///
/// # Errors
/// Those of [`Capture::load_flow`].
pub fn triangulate(rays: &[Ray], capture: &Capture) -> Result<Vec<Option<TrackEstimate>>> {
    let known: BTreeSet<_> = capture.training_flow().into_iter().collect();
    let mut found = Vec::with_capacity(rays.len());
    for group in rays.chunk_by(|a, b| a.shot == b.shot) {
        let shot = group[0].shot;
        let [forward, backward] =
            [Direction::Forward, Direction::Backward].map(|way| chain(capture, &known, shot, way, REACH));
        let chains = [forward?, backward?];
        let one = |ray: &Ray| {
            let observations: Vec<Observation> =
                chains.iter().flat_map(|flows| follow(capture, flows, shot, ray.pixel)).collect();
            explain(&capture.shots[shot].camera, ray, &observations)
        };
        found.par_extend(group.par_iter().map(one));
    }
    Ok(found)
}

/// The flow from a shot to the next, from there on, and so forth, at most `reach` of them.
pub fn chain(
    capture: &Capture,
    known: &BTreeSet<(usize, Direction)>,
    shot: usize,
    direction: Direction,
    reach: usize,
) -> Result<Vec<FlowTarget>> {
    let (mut flows, mut at) = (Vec::new(), shot);
    while let Some(way) = [direction, direction.over()].into_iter().find(|&way| known.contains(&(at, way)))
        && flows.len() < reach
    {
        let Some(flow) = capture.load_flow(at, way)? else { break };
        at = flow.to;
        flows.push(flow);
    }
    Ok(flows)
}

/// The pixels in other frames that a chain of flow leads to, up to the first unknown flow.
pub fn follow(capture: &Capture, flows: &[FlowTarget], shot: usize, pixel: DVec2) -> Vec<Observation> {
    let time_of = |shot: usize| f64::from(capture.shots[shot].time.unwrap_or(0.0));
    let (mut observations, mut pixel, mut at) = (Vec::new(), pixel, shot);
    for flow in flows {
        let lens = capture.shots[at].camera.lens;
        let inside =
            pixel.cmpge(DVec2::ZERO).all() && pixel.x < f64::from(lens.width) && pixel.y < f64::from(lens.height);
        let index = pixel.y.max(0.0) as usize * lens.width as usize + pixel.x.max(0.0) as usize;
        if !inside || !flow.valid[index] {
            break;
        }
        pixel += dvec2(f64::from(flow.field[index][0]), f64::from(flow.field[index][1]));
        at = flow.to;
        observations.push(Observation {
            camera: capture.shots[at].camera,
            elapsed: time_of(at) - time_of(shot),
            pixel,
        });
    }
    observations
}

/// The depth at which a track needs the least motion, and the velocity that is left. `None` for a track that is no
/// point's in steady motion.
fn explain(camera: &Camera, ray: &Ray, observations: &[Observation]) -> Option<TrackEstimate> {
    if observations.is_empty() {
        return None;
    }
    let (eye, along) = (camera.pose.centre(), camera.ray(ray.pixel));
    let count = observations.len() as f64;
    let miss = |distance: f64| mean_miss(observations, |_| eye + along * distance);
    let length = observations.iter().map(|observation| observation.pixel.distance(ray.pixel)).sum::<f64>() / count;
    let tolerance = TOLERANCE + RELATIVE_TOLERANCE * length;
    let distance = known_distance(observations, eye, along, ray.typical, &miss);
    let at = distance.unwrap_or(ray.distance);
    if miss(at) <= tolerance {
        return Some(TrackEstimate { distance: at, velocity: DVec3::ZERO, still: true });
    }
    let mut equations = NormalEquations::EMPTY;
    for observation in observations {
        let (still, depth) = observation.camera.project(eye + along * at)?;
        equations.add(&observation.camera, still, depth, observation.elapsed, observation.pixel - still);
    }
    let velocity = equations.solution();
    let left = mean_miss(observations, |elapsed| eye + along * at + velocity * elapsed);
    (left <= 2.0 * tolerance).then_some(TrackEstimate { distance: at, velocity, still: false })
}

/// The distance of least misses, if the cameras move enough for a triangulation.
fn known_distance(
    observations: &[Observation],
    eye: DVec3,
    along: DVec3,
    typical: f64,
    miss: &impl Fn(f64) -> f64,
) -> Option<f64> {
    let (near, far) = ((typical * DEPTHS.0).ln(), (typical * DEPTHS.1).ln());
    let pace = (far - near) / (TRIED - 1) as f64;
    let tried = |i: usize| miss((near + pace * i as f64).exp());
    let best = (0..TRIED).map(|i| (i, tried(i))).min_by(|a, b| a.1.total_cmp(&b.1))?.0;
    // At the edges of what was tried, the best may be beyond.
    if best == 0 || best == TRIED - 1 {
        return None;
    }
    let (mut low, mut high) = (near + pace * (best - 1) as f64, near + pace * (best + 1) as f64);
    for _ in 0..REFINEMENTS {
        let third = (high - low) / 3.0;
        if miss((low + third).exp()) <= miss((high - third).exp()) {
            high -= third;
        } else {
            low += third;
        }
    }
    let distance = (0.5 * (low + high)).exp();
    let seen = |observation: &Observation| {
        let at = |distance: f64| observation.camera.project(eye + along * distance).map(|(pixel, _)| pixel);
        at(distance * DOUBT).zip(at(distance / DOUBT)).map_or(0.0, |(a, b)| a.distance(b))
    };
    let seen = observations.iter().map(seen).sum::<f64>() / observations.len() as f64;
    (seen >= SEEN).then_some(distance)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::camera::{Lens, Pose};
    use crate::train::schedule::SplitMix;
    use glam::dvec3;

    /// A camera on its way past the origin, four units away.
    fn camera(time: f64, pace: f64) -> Camera {
        let eye = dvec3(pace * time, -4.0, 0.2 * pace * time);
        Camera {
            pose: Pose::look_at(eye, dvec3(0.2 * eye.x, 0.0, 0.0), DVec3::Z),
            lens: Lens::from_fov_x(0.9, 200, 150),
        }
    }

    /// The ray of a point, put at a wrong distance, and its track through six frames with errors of up to `noise` pixels.
    fn tracked(point: DVec3, velocity: DVec3, pace: f64, noise: f64) -> (Camera, Ray, Vec<Observation>) {
        let mut random = SplitMix::new(5);
        let mut observations = Vec::new();
        for elapsed in [-0.06, -0.04, -0.02, 0.02, 0.04, 0.06] {
            let camera = camera(0.5 + elapsed, pace);
            let (pixel, _) = camera.project(point + velocity * elapsed).expect("in front");
            let error = dvec2(random.unit() - 0.5, random.unit() - 0.5) * 2.0 * noise;
            observations.push(Observation { camera, elapsed, pixel: pixel + error });
        }
        let first = camera(0.5, pace);
        let (pixel, _) = first.project(point).expect("in front");
        (first, Ray { shot: 0, pixel, distance: 9.0, typical: 4.0 }, observations)
    }

    fn found(point: DVec3, velocity: DVec3, pace: f64, noise: f64) -> (Camera, Ray, Option<TrackEstimate>) {
        let (camera, ray, observations) = tracked(point, velocity, pace, noise);
        (camera, ray, explain(&camera, &ray, &observations))
    }

    #[test]
    fn what_stands_still_has_a_depth_and_no_velocity_though_everything_moves_on_the_images() {
        for (point, noise) in [(dvec3(0.3, 0.4, -0.2), 0.0), (dvec3(-0.6, -0.9, 0.3), 0.4), (dvec3(0.1, 2.0, 0.5), 0.4)]
        {
            let (camera, _, found) = found(point, DVec3::ZERO, 12.0, noise);
            let found = found.expect("a clear case");
            let true_distance = camera.pose.centre().distance(point);
            assert!(
                (found.distance / true_distance - 1.0).abs() < 0.01 + 0.1 * noise,
                "{found:?}, truly {true_distance}"
            );
            assert_eq!((found.velocity, found.still), (DVec3::ZERO, true));
        }
    }

    #[test]
    fn what_no_depth_explains_is_motion() {
        let (point, velocity) = (dvec3(0.3, 0.2, 0.1), dvec3(-0.8, 0.0, 4.0));
        let (camera, ray, found) = found(point, velocity, 12.0, 0.1);
        let found = found.expect("steady motion");
        let (place, true_distance) = (camera.pose.centre(), camera.pose.centre().distance(point));
        assert!(!found.still && (found.distance / true_distance - 1.0).abs() < 0.1, "{found:?}, truly {true_distance}");
        assert!((found.velocity - velocity).length() < 0.1 * velocity.length(), "{found:?}");
        assert!((place + camera.ray(ray.pixel) * found.distance).distance(point) < 0.4);
    }

    #[test]
    fn a_camera_that_stands_still_tells_motion_but_no_depth() {
        let (_, ray, still) = found(dvec3(0.3, 0.2, 0.1), DVec3::ZERO, 0.0, 0.2);
        assert_eq!(still, Some(TrackEstimate { distance: ray.distance, velocity: DVec3::ZERO, still: true }));
        let velocity = dvec3(5.0, 0.0, 0.0);
        let (_, ray, moving) = found(dvec3(0.3, 0.2, 0.1), velocity, 0.0, 0.2);
        let moving = moving.expect("steady motion");
        // At twice the distance it has to be twice as fast.
        assert!(
            moving.distance == ray.distance && (moving.velocity.x / velocity.x - 9.0 / 4.2).abs() < 0.2,
            "{moving:?}"
        );
    }

    #[test]
    fn a_track_that_jumps_about_says_nothing() {
        let (camera, ray, mut observations) = tracked(dvec3(0.3, 0.2, 0.1), DVec3::ZERO, 12.0, 30.0);
        assert_eq!(explain(&camera, &ray, &observations), None);
        observations.clear();
        assert_eq!(explain(&camera, &ray, &observations), None);
    }
}
