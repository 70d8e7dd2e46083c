//! A ring of cameras around a scene.

use std::f64::consts::TAU;

use glam::{DMat3, DVec3};

use crate::camera::{Camera, Lens, Pose};
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
/// up along −y as structure from motion mostly has it.
pub fn around(scene: &Scene, capture: &[Camera], count: u32) -> Vec<Camera> {
    let ring = ring(scene, capture);
    let across = ring.up.any_orthonormal_vector();
    let beside = ring.up.cross(across);
    let camera = |index: u32| {
        let angle = TAU * f64::from(index) / f64::from(count);
        let eye = ring.centre + ring.radius * (angle.cos() * across + angle.sin() * beside) + ring.height * ring.up;
        Camera { pose: Pose::look_at(eye, ring.centre, ring.up), lens: ring.lens }
    };
    (0..count).map(camera).collect()
}

/// The ring that [`around`] puts cameras on.
pub fn ring(scene: &Scene, capture: &[Camera]) -> Ring {
    from_cameras(capture).unwrap_or_else(|| from_scene(scene))
}

/// `None` for fewer than three cameras, or cameras that look at no common point.
fn from_cameras(cameras: &[Camera]) -> Option<Ring> {
    let lens = cameras.get(2)?.lens;
    // Least squares of the distances to the optical axes: Σ (I − d dᵀ)(x − c) = 0.
    let mut normal = DMat3::ZERO;
    let mut right = DVec3::ZERO;
    for camera in cameras {
        let d = camera.pose.forward();
        let across = DMat3::IDENTITY - DMat3::from_cols(d * d.x, d * d.y, d * d.z);
        normal += across;
        right += across * camera.pose.centre();
    }
    let n = cameras.len() as f64;
    let centre = ((normal.determinant() / n.powi(3)) > 1e-6).then(|| normal.inverse() * right)?;
    let up = up(cameras)?;
    let offsets = || cameras.iter().map(|camera| camera.pose.centre() - centre);
    let radius = median(offsets().map(|offset| offset.reject_from_normalized(up).length()).collect());
    let height = median(offsets().map(|offset| offset.dot(up)).collect());
    (radius > 0.0).then_some(Ring { centre, up, radius, height, lens })
}

/// The direction that the images' horizontals are most nearly at right angles to: the least eigenvector of Σ r rᵀ over
/// the cameras' right axes, on the images' up side.
fn up(cameras: &[Camera]) -> Option<DVec3> {
    let mut spread = DMat3::from_diagonal(DVec3::splat(1e-6));
    for camera in cameras {
        let r = camera.pose.rotation.row(0);
        spread += DMat3::from_cols(r * r.x, r * r.y, r * r.z);
    }
    // Inverse iteration from the mean up side, which also settles the sign, and the choice where all horizontals agree.
    let mean = cameras.iter().map(|camera| -camera.pose.rotation.row(1)).sum::<DVec3>();
    let inverse = spread.inverse();
    (0..60).try_fold(mean, |up, _| (inverse * up).try_normalize())
}

fn from_scene(scene: &Scene) -> Ring {
    let centre = middle(scene);
    let size = median(scene.means.iter().map(|mean| mean.as_dvec3().distance(centre)).collect()).max(1e-9);
    let (radius, height) = (4.0 * size, 1.2 * size);
    Ring { centre, up: -DVec3::Y, radius, height, lens: Lens::from_fov_x(FOV_X, SIZE.0, SIZE.1) }
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
