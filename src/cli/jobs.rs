//! The images that `render` makes: cameras and the times at which they look.

use std::str::FromStr;

use anyhow::{Context, Result};

use crate::camera::Camera;
use crate::dataset::{Capture, Direction};

/// One image.
pub struct Frame {
    pub name: String,
    pub camera: Camera,
    /// Time within the clip, 0 to 1.
    pub time: f32,
    /// The image that flow leads to.
    pub next: Option<usize>,
}

/// Times evenly from the first to the last.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Span {
    pub first: f32,
    pub last: f32,
    pub count: usize,
}

/// Images of one call; a slip of the keyboard must not fill the disk.
const MOST: usize = 100_000;

impl FromStr for Span {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let parts: Vec<&str> = text.split(':').map(str::trim).collect();
        let parse = || {
            let &[first, last, count] = parts.as_slice() else { return None };
            let time = |text: &str| text.parse().ok().filter(|time: &f32| time.is_finite());
            let count = count.parse().ok().filter(|count| (1..=MOST).contains(count))?;
            Some(Self { first: time(first)?, last: time(last)?, count })
        };
        parse().with_context(|| format!("\"{text}\" is not T0:T1:N, as in 0:1:60 for 60 times over the clip"))
    }
}

/// The images of a list of cameras, each leading to the one behind it.
pub fn of_cameras(cameras: Vec<(String, Camera)>) -> Vec<Frame> {
    let count = cameras.len();
    let frame = |(i, (name, camera))| Frame { name, camera, time: 0.0, next: Some(i + 1).filter(|&next| next < count) };
    cameras.into_iter().enumerate().map(frame).collect()
}

/// The images of a capture, each leading to the next of its camera.
pub fn of_capture(capture: &Capture) -> Vec<Frame> {
    let shots = &capture.shots;
    let next = capture.neighbours().into_iter().map(|both| both[Direction::Forward as usize]);
    let frame = |(shot, next): (&crate::dataset::Shot, Option<usize>)| Frame {
        name: shot.name.clone(),
        camera: shot.camera,
        time: shot.time.unwrap_or(0.0),
        next,
    };
    shots.iter().zip(next).map(frame).collect()
}

/// All images at one time, or one image for each time of a span while the cameras pass by once, evenly.
pub fn at_times(mut frames: Vec<Frame>, time: Option<f32>, span: Option<Span>) -> Vec<Frame> {
    if let Some(time) = time {
        frames.iter_mut().for_each(|frame| frame.time = time);
    }
    let Some(Span { first, last, count }) = span else { return frames };
    let frame = |i: usize| Frame {
        name: format!("{i:05}"),
        camera: frames[i * frames.len() / count].camera,
        time: first + (last - first) * i as f32 / count.saturating_sub(1).max(1) as f32,
        next: Some(i + 1).filter(|&next| next < count),
    };
    (0..count).map(frame).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::camera::{Lens, Pose};
    use glam::DVec3;

    #[test]
    fn spans_are_read_and_spread_over_the_cameras() {
        let span: Span = "0.2:0.8:4".parse().expect("a span");
        assert_eq!(span, Span { first: 0.2, last: 0.8, count: 4 });
        for wrong in ["0:1", "0:1:0", "a:1:3", "0:nan:3", "0:1:3:4"] {
            assert!(wrong.parse::<Span>().is_err(), "{wrong}");
        }
        let camera = |x: f64| Camera {
            pose: Pose::look_at(DVec3::new(x, 0.0, 3.0), DVec3::ZERO, DVec3::Y),
            lens: Lens::from_fov_x(0.7, 8, 8),
        };
        let frames = of_cameras(vec![("a".into(), camera(0.0)), ("b".into(), camera(1.0))]);
        assert_eq!((frames[0].next, frames[1].next), (Some(1), None));
        let frames = at_times(frames, None, Some(span));
        let seen: Vec<(f64, i32)> =
            frames.iter().map(|f| (f.camera.pose.centre().x.round(), (f.time * 10.0).round() as i32)).collect();
        assert_eq!(seen, [(0.0, 2), (0.0, 4), (1.0, 6), (1.0, 8)]);
    }
}
