//! The views of a capture: the cameras of the dome, and their frames in a clip.

use std::f64::consts::FRAC_PI_2;

use glam::{DMat3, DVec3};

use super::describe::{CameraPath, Dome, ImageSpec, LensName};
use super::motion::Clip;
use super::{light, motion};
use crate::camera::{Camera, Pose};
use crate::dataset::Split;

/// One image to render.
pub struct PlannedView {
    pub name: String,
    pub camera: Camera,
    pub split: Split,
    /// Camera and time in a dynamic capture.
    pub moment: Option<Moment>,
}

/// Index of a camera, and a time from 0 to 1.
#[derive(Clone, Copy)]
pub struct Moment {
    pub camera: usize,
    pub time: f64,
}

/// The views of a dynamic capture, by camera and then by frame: the dome's cameras, and the moving one last.
pub fn clip_views(fixed: Vec<PlannedView>, clip: &Clip, dome: &Dome, image: &ImageSpec) -> Vec<PlannedView> {
    if clip.jump {
        return jumping(fixed, clip);
    }
    let lens = dome.lens(image);
    let digits = (clip.frames - 1).to_string().len().max(4);
    let take = |camera: usize, split: Split, pose: &dyn Fn(f64) -> Pose| -> Vec<PlannedView> {
        let view = |frame: usize| PlannedView {
            name: format!("cam{camera:02}/{frame:0digits$}.png"),
            camera: Camera { pose: pose(clip.time(frame)), lens },
            split: if clip.holds_out(frame) { Split::Test } else { split },
            moment: Some(Moment { camera, time: clip.time(frame) }),
        };
        (0..clip.frames).map(view).collect()
    };
    let count = fixed.len();
    let mut views: Vec<PlannedView> = Vec::new();
    for (camera, view) in fixed.into_iter().enumerate() {
        views.extend(take(camera, view.split, &|_| view.camera.pose));
    }
    if let Some(path) = &clip.camera {
        let pose = |time| Pose::look_at(motion::along(&path.eyes, time), motion::along(&path.targets, time), DVec3::Z);
        views.extend(take(count, Split::Train, &pose));
    }
    views
}

/// One frame from each place of the dome, in an order in which neighbours in time are far apart.
fn jumping(fixed: Vec<PlannedView>, clip: &Clip) -> Vec<PlannedView> {
    let count = fixed.len();
    let divides = |stride: usize| (2..=stride).any(|n| stride.is_multiple_of(n) && count.is_multiple_of(n));
    // About the golden section, and without a common divisor, so that every place has its turn.
    let first = (count as f64 * 0.382).round().max(1.0) as usize;
    let stride = (first..first + count).find(|&stride| !divides(stride)).unwrap_or(1);
    let view = |frame: usize| {
        let place = &fixed[frame * stride % count];
        let moment = Some(Moment { camera: frame, time: clip.time(frame) });
        PlannedView { name: format!("{frame:04}.png"), camera: place.camera, split: place.split, moment }
    };
    (0..count).map(view).collect()
}

/// The cameras: a Fibonacci spiral, even over the band's area, with the held-out views spread evenly along it.
pub fn views(dome: &Dome, image: &ImageSpec) -> Vec<PlannedView> {
    let count = dome.train + dome.test;
    if count == 0 {
        return Vec::new();
    }
    let [low, high] = dome.elevation.map(|degrees| degrees.to_radians().sin());
    let lens = dome.lens(image);
    let digits = (count - 1).to_string().len().max(4);
    (0..count)
        .flat_map(|k| {
            let z = low + (high - low) * (k as f64 + 0.5) / count as f64;
            let eye = dome.target + dome.radius * light::band(z, k as f64 * light::GOLDEN_ANGLE);
            // Held out where (k + ½) · test / count passes an integer and a half: the middle of each of `test` stretches.
            let stretch = |k: usize| (2 * k * dome.test + count) / (2 * count);
            let split = if stretch(k + 1) > stretch(k) { Split::Test } else { Split::Train };
            let pose = Pose::look_at(eye, dome.target, DVec3::Z);
            let view = move |suffix: &str, turn: DMat3| {
                let pose = Pose { rotation: turn * pose.rotation, translation: turn * pose.translation };
                let name = format!("{k:0digits$}{suffix}.png");
                PlannedView { name, camera: Camera { pose, lens }, split, moment: None }
            };
            match dome.lens {
                LensName::Faces => faces().into_iter().map(|(suffix, turn)| view(suffix, turn)).collect(),
                _ => vec![view("", DMat3::IDENTITY)],
            }
        })
        .collect()
}

/// The views along a path, in order.
pub fn path_views(path: &CameraPath, dome: &Dome, image: &ImageSpec) -> Vec<PlannedView> {
    let lens = dome.lens(image);
    let view = |k: usize| {
        let time = k as f64 / (path.views - 1) as f64;
        let pose = Pose::look_at(motion::along(&path.eyes, time), motion::along(&path.targets, time), DVec3::Z);
        let split = if path.holds_out(k) { Split::Test } else { Split::Train };
        PlannedView { name: format!("{}/{k:04}.png", path.name), camera: Camera { pose, lens }, split, moment: None }
    };
    (0..path.views).map(view).collect()
}

/// Suffix of each face, and the rotation from the camera that looks ahead to the one that looks through the face.
fn faces() -> [(&'static str, DMat3); 5] {
    [
        ("_ahead", DMat3::IDENTITY),
        ("_left", DMat3::from_rotation_y(FRAC_PI_2)),
        ("_right", DMat3::from_rotation_y(-FRAC_PI_2)),
        ("_up", DMat3::from_rotation_x(-FRAC_PI_2)),
        ("_down", DMat3::from_rotation_x(FRAC_PI_2)),
    ]
}

#[cfg(test)]
mod tests {
    use glam::dvec3;

    use super::*;

    #[test]
    fn a_path_passes_its_waypoints_and_holds_out_every_nth_view() {
        let dome: Dome =
            toml::from_str("train = 0\ntest = 0\ntarget = [0, 0, 0]\nradius = 1\nelevation = [0, 0]\nfov = 60")
                .expect("a dome");
        let image: ImageSpec =
            toml::from_str("width = 8\nheight = 6\nsamples = 1\nbackground = \"sky\"").expect("an image");
        let path: CameraPath = toml::from_str(
            "name = \"drive\"\nviews = 9\nhold_out_every = 4\neyes = [[0, 0, 1], [4, 0, 1], [4, 4, 1]]\ntargets = [[9, 9, 1]]",
        )
        .expect("a path");
        let views = path_views(&path, &dome, &image);
        let near = |k: usize, place: DVec3| (views[k].camera.pose.centre() - place).length() < 1e-12;
        assert!(near(0, dvec3(0.0, 0.0, 1.0)) && near(4, dvec3(4.0, 0.0, 1.0)) && near(8, dvec3(4.0, 4.0, 1.0)));
        let held_out = views.iter().filter(|view| view.split == Split::Test).map(|view| view.name.as_str());
        assert_eq!(held_out.collect::<Vec<_>>(), ["drive/0002.png", "drive/0006.png"]);
        assert!(views.iter().all(|view| view.camera.project(dvec3(9.0, 9.0, 1.0)).is_some()));
    }
}
