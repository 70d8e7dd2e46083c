//! A ring of cameras around a scene.

use std::f64::consts::TAU;

use glam::{DVec3, Vec3};

use crate::camera::{self, Camera, Lens, Pose, nearest_to_axes};
use crate::scene::Scene;

use super::scene_view::{median, middle};

/// Image size where no capture tells one.
const SIZE: (u32, u32) = (960, 720);
/// Horizontal field of view, radians, where no capture tells one.
const FOV_X: f64 = 0.9;

/// Where the ring is and what its cameras look like.
#[derive(Clone, Copy, Debug)]
pub struct Ring {
    pub centre: DVec3,
    /// Unit vector.
    pub up: DVec3,
    pub radius: f64,
    /// Of the cameras above the centre, along `up`.
    pub height: f64,
    pub lens: Lens,
}

/// `count` cameras evenly around the scene. They circle as the capture's cameras stand, where there are some: around
/// the point that those look at, at their median distance and height. Otherwise they circle the median Gaussian, with
/// the scene's own up or, where it has none, up along −y as structure from motion mostly has it.
pub fn around(scene: &Scene, capture: &[Camera], count: u32) -> Vec<Camera> {
    let ring = ring(scene, capture);
    (0..count).map(|index| ring.camera(TAU * f64::from(index) / f64::from(count))).collect()
}

/// `count` cameras from one end to the other of the arc over which the capture's cameras stand: what the ring has
/// between its widest gap without a camera. The whole ring where no gap is wider than an eighth of it, or no capture
/// tells of one.
pub fn sweep(scene: &Scene, capture: &[Camera], count: u32) -> Vec<Camera> {
    let Some(ring) = from_cameras(scene.up, capture) else { return around(scene, capture, count) };
    let mut angles: Vec<f64> = capture.iter().map(|camera| ring.angle(camera.pose.centre())).collect();
    angles.sort_by(f64::total_cmp);
    let next = |i: usize| angles.get(i + 1).copied().unwrap_or(angles[0] + TAU);
    let gap = |i: usize| next(i) - angles[i];
    let Some(widest) = (0..angles.len()).max_by(|&a, &b| gap(a).total_cmp(&gap(b))) else { return Vec::new() };
    if gap(widest) < TAU / 8.0 {
        return around(scene, capture, count);
    }
    let (start, arc) = (next(widest), TAU - gap(widest));
    (0..count).map(|i| ring.camera(start + arc * f64::from(i) / f64::from(count.max(2) - 1))).collect()
}

impl Ring {
    /// Two unit vectors across `up`, from the first of which angles are measured towards the second.
    fn axes(&self) -> (DVec3, DVec3) {
        let across = self.up.any_orthonormal_vector();
        (across, self.up.cross(across))
    }

    /// The camera at an angle, in radians, looking at the centre.
    fn camera(&self, angle: f64) -> Camera {
        let (across, beside) = self.axes();
        let eye = self.centre + self.radius * (angle.cos() * across + angle.sin() * beside) + self.height * self.up;
        Camera { pose: Pose::look_at(eye, self.centre, self.up), lens: self.lens }
    }

    /// The angle at which a point stands, −π to π.
    fn angle(&self, point: DVec3) -> f64 {
        let ((across, beside), offset) = (self.axes(), point - self.centre);
        offset.dot(beside).atan2(offset.dot(across))
    }
}

/// The ring that [`around`] puts cameras on.
pub fn ring(scene: &Scene, capture: &[Camera]) -> Ring {
    from_cameras(scene.up, capture).unwrap_or_else(|| from_scene(scene))
}

/// `None` for fewer than three cameras, or cameras that look at no common point. Up is what a scene says of itself, else what
/// the cameras say.
fn from_cameras(stated: Option<Vec3>, cameras: &[Camera]) -> Option<Ring> {
    let lens = cameras.get(2)?.lens;
    let n = cameras.len() as f64;
    let centre = nearest_to_axes(cameras, |determinant| determinant / n.powi(3) > 1e-6)?;
    let up = stated.map(|up| up.as_dvec3()).or_else(|| camera::up(cameras))?;
    let offsets = || cameras.iter().map(|camera| camera.pose.centre() - centre);
    let radius = median(offsets().map(|offset| offset.reject_from_normalized(up).length()).collect());
    let height = median(offsets().map(|offset| offset.dot(up)).collect());
    (radius > 0.0).then_some(Ring { centre, up, radius, height, lens })
}

fn from_scene(scene: &Scene) -> Ring {
    let centre = middle(scene);
    let size = median(scene.means.iter().map(|mean| mean.as_dvec3().distance(centre)).collect()).max(1e-9);
    let (radius, height) = (4.0 * size, 1.2 * size);
    let up = scene.up.map_or(-DVec3::Y, |up| up.as_dvec3());
    Ring { centre, up, radius, height, lens: Lens::from_fov_x(FOV_X, SIZE.0, SIZE.1) }
}

#[cfg(test)]
mod tests {
    use glam::{Vec3, dvec3};

    use super::*;

    #[test]
    fn the_ring_follows_the_capture() {
        let target = dvec3(1.0, 2.0, 3.0);
        let lens = Lens::from_fov_x(0.7, 64, 48);
        let camera = |i: u32| {
            let angle = f64::from(i);
            let eye = target + dvec3(3.0 * angle.cos(), 3.0 * angle.sin(), 1.5);
            Camera { pose: Pose::look_at(eye, target, DVec3::Z), lens }
        };
        let capture: Vec<Camera> = (0..20).map(camera).collect();
        let ring = around(&Scene::default(), &capture, 8);
        assert_eq!(ring.len(), 8);
        for camera in ring {
            let offset = camera.pose.centre() - target;
            assert!((offset.z - 1.5).abs() < 1e-6, "height {}", offset.z);
            assert!((offset.truncate().length() - 3.0).abs() < 1e-6);
            assert!((camera.project(target).expect("in front").0 - lens.principal).length() < 1e-6);
        }
    }

    #[test]
    fn a_sweep_stays_where_the_capture_stands() {
        let lens = Lens::from_fov_x(0.7, 64, 48);
        let camera = |degrees: f64| {
            let (sin, cos) = degrees.to_radians().sin_cos();
            Camera { pose: Pose::look_at(3.0 * dvec3(cos, sin, 0.0), DVec3::ZERO, DVec3::Z), lens }
        };
        // Over the cut of the angles, and not in order.
        let capture: Vec<Camera> = [200.0, 150.0, 170.0, 240.0, 185.0].into_iter().map(camera).collect();
        let sweep = sweep(&Scene::default(), &capture, 4);
        for (camera, degrees) in sweep.iter().zip([150.0_f64, 180.0, 210.0, 240.0]) {
            let (sin, cos) = degrees.to_radians().sin_cos();
            let centre = camera.pose.centre();
            assert!((centre - 3.0 * dvec3(cos, sin, 0.0)).length() < 1e-5, "{degrees}: {centre}");
        }
        let all: Vec<Camera> = (0..12).map(|i| camera(30.0 * f64::from(i))).collect();
        assert_eq!(super::sweep(&Scene::default(), &all, 5).len(), 5);
    }

    #[test]
    fn a_scene_alone_is_seen_from_outside() {
        let means: Vec<Vec3> = (0..100).map(|i| Vec3::new((i % 10) as f32, (i / 10) as f32, 0.0)).collect();
        let scene = Scene { means, ..Scene::default() };
        for camera in around(&scene, &[], 5) {
            for mean in &scene.means {
                assert!(camera.project(mean.as_dvec3()).is_some(), "all Gaussians are in front");
            }
        }
    }
}
