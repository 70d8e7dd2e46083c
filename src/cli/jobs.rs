//! The images that `render` makes: cameras and the times at which they look.

use crate::camera::Camera;
use crate::dataset::{Capture, Direction, Shot};
use crate::format::TimeSamples;

/// One image.
pub struct RenderJob {
    pub name: String,
    pub camera: Camera,
    /// Time within the clip, 0 to 1.
    pub time: f32,
    /// The image that flow leads to.
    pub next: Option<usize>,
}

/// The images of a list of cameras, each leading to the one behind it.
pub fn of_cameras(cameras: Vec<(String, Camera)>) -> Vec<RenderJob> {
    let count = cameras.len();
    let job =
        |(i, (name, camera))| RenderJob { name, camera, time: 0.0, next: Some(i + 1).filter(|&next| next < count) };
    cameras.into_iter().enumerate().map(job).collect()
}

/// The images of a capture, each leading to the next of its camera.
pub fn of_capture(capture: &Capture) -> Vec<RenderJob> {
    let shots = &capture.shots;
    let next = capture.neighbours().into_iter().map(|both| both[Direction::Forward as usize]);
    let job = |(shot, next): (&Shot, Option<usize>)| RenderJob {
        name: shot.name.clone(),
        camera: shot.camera,
        time: shot.time.unwrap_or(0.0),
        next,
    };
    shots.iter().zip(next).map(job).collect()
}

/// All images at one time, or one image for each time of a times while the cameras pass by once, evenly.
pub fn at_times(mut jobs: Vec<RenderJob>, time: Option<f32>, times: Option<TimeSamples>) -> Vec<RenderJob> {
    if let Some(time) = time {
        jobs.iter_mut().for_each(|job| job.time = time);
    }
    let Some(TimeSamples { first, last, count }) = times else { return jobs };
    let job = |i: usize| RenderJob {
        name: format!("{i:05}"),
        camera: jobs[i * jobs.len() / count].camera,
        time: first + (last - first) * i as f32 / count.saturating_sub(1).max(1) as f32,
        next: Some(i + 1).filter(|&next| next < count),
    };
    (0..count).map(job).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::camera::{Lens, Pose};
    use glam::DVec3;

    #[test]
    fn spans_are_read_and_spread_over_the_cameras() {
        let times: TimeSamples = "0.2:0.8:4".parse().expect("a times");
        assert_eq!(times, TimeSamples { first: 0.2, last: 0.8, count: 4 });
        for wrong in ["0:1", "0:1:0", "a:1:3", "0:nan:3", "0:1:3:4"] {
            assert!(wrong.parse::<TimeSamples>().is_err(), "{wrong}");
        }
        let camera = |x: f64| Camera {
            pose: Pose::look_at(DVec3::new(x, 0.0, 3.0), DVec3::ZERO, DVec3::Y),
            lens: Lens::from_fov_x(0.7, 8, 8),
        };
        let jobs = of_cameras(vec![("a".into(), camera(0.0)), ("b".into(), camera(1.0))]);
        assert_eq!((jobs[0].next, jobs[1].next), (Some(1), None));
        let jobs = at_times(jobs, None, Some(times));
        let seen: Vec<(f64, i32)> =
            jobs.iter().map(|f| (f.camera.pose.centre().x.round(), (f.time * 10.0).round() as i32)).collect();
        assert_eq!(seen, [(0.0, 2), (0.0, 4), (1.0, 6), (1.0, 8)]);
    }
}
