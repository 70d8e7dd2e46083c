//! Seeded random views and Gaussians, ordinary and special. All values are exactly representable in f32, so that the GPU
//! and its f64 twin start from the same numbers.

use dapple::camera::{Camera, Lens, LensModel, Pose};
use dapple::scene::{Scene, sh_coefficients};
use glam::{DMat3, DVec2, DVec3, Vec3, dvec3};

use super::number::{matvec, transpose};
use super::project::{ALPHA_MIN, Gaussian, View};
use super::sh;
pub use crate::support::random::Rng;

/// The special places in the pipeline a Gaussian can be made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Plain,
    /// Its slope is beyond the Jacobian's clamp, but it reaches into the image.
    Clamped,
    /// Opacity 0.9999 over several pixels: α is cut to 0.99.
    Saturated,
    /// In front of the camera but wholly off the image.
    OffScreen,
    /// In front of the camera but nearer than the near plane.
    InsideNear,
    Behind,
    /// Opacity a little above 1/255: a dot of a few pixels.
    Faint,
    /// Opacity a little below 1/255: culled.
    TooFaint,
    /// Covers the whole image.
    Huge,
    /// Far smaller than a pixel.
    Tiny,
    /// Two axes at a hundredth of the third.
    Needle,
    /// Quaternion of length far from one.
    Unnormalised,
}

impl Kind {
    pub const ALL: [Kind; 12] = [
        Kind::Plain,
        Kind::Clamped,
        Kind::Saturated,
        Kind::OffScreen,
        Kind::InsideNear,
        Kind::Behind,
        Kind::Faint,
        Kind::TooFaint,
        Kind::Huge,
        Kind::Tiny,
        Kind::Needle,
        Kind::Unnormalised,
    ];
}

pub fn narrow(value: f64) -> f64 {
    f64::from(value as f32)
}

/// A camera some four units from the origin, looking at it, with fx ≠ fy, a principal point off the centre and a random
/// background. SH degree 3, near 0.25, no opacity compensation: change the fields as the test needs.
pub fn view(rng: &mut Rng, width: u32, height: u32) -> View<f64> {
    let eye = DVec3::from_array(rng.normals()).normalize() * rng.range(3.5, 4.5);
    let target = DVec3::from_array(rng.normals()) * 0.1;
    let focal = f64::from(width.max(height)) * rng.range(0.8, 1.2);
    let principal = DVec2::new(f64::from(width) * rng.range(0.4, 0.6), f64::from(height) * rng.range(0.4, 0.6));
    let focal = DVec2::new(focal, focal * rng.range(0.85, 1.15));
    let pose = Pose::look_at(eye, target, dvec3(0.1, 0.9, 0.2));
    let background = std::array::from_fn(|_| narrow(rng.unit()));
    view_of(&Camera { pose, lens: Lens::pinhole(focal, principal, (width, height)) }, background)
}

/// A [`View`] of a camera, with pose and lens rounded to f32.
pub fn view_of(camera: &Camera, background: [f64; 3]) -> View<f64> {
    View {
        rotation: std::array::from_fn(|r| camera.pose.rotation.row(r).to_array().map(narrow)),
        translation: camera.pose.translation.to_array().map(narrow),
        background,
        focal: camera.lens.focal.to_array().map(narrow),
        principal: camera.lens.principal.to_array().map(narrow),
        width: camera.lens.width,
        height: camera.lens.height,
        near: 0.25,
        sh_degree: 3,
        antialiased: false,
        fisheye: None,
    }
}

/// The camera of a view, for the renderer under test.
pub fn camera_of(view: &View<f64>) -> Camera {
    Camera {
        pose: Pose {
            rotation: DMat3::from_cols_array_2d(&transpose(&view.rotation)),
            translation: DVec3::from_array(view.translation),
        },
        lens: Lens {
            model: view.fisheye.map_or(LensModel::Pinhole, LensModel::fisheye),
            ..Lens::pinhole(DVec2::from_array(view.focal), DVec2::from_array(view.principal), (view.width, view.height))
        },
    }
}

/// A random Gaussian of a kind, placed by where `view` sees it.
pub fn gaussian(rng: &mut Rng, view: &View<f64>, kind: Kind) -> Gaussian<f64> {
    let size = [f64::from(view.width), f64::from(view.height)];
    let mut z = rng.range(3.0, 5.5);
    let mut pixel = [size[0] * rng.range(0.02, 0.98), size[1] * rng.range(0.02, 0.98)];
    // Standard deviations in pixels at that depth.
    let mut scale: [f64; 3] = std::array::from_fn(|_| size[0] * 0.05 * (0.6 * rng.normal()).exp());
    let mut opacity = rng.range(0.08, 0.9);
    let mut quaternion: [f64; 4] = rng.normals();
    let length = quaternion.iter().map(|v| v * v).sum::<f64>().sqrt();
    quaternion = quaternion.map(|v| v / length * rng.range(0.95, 1.05));
    let side = if rng.unit() < 0.5 { -1.0 } else { 1.0 };
    match kind {
        Kind::Plain => {}
        Kind::Clamped => {
            let axis = rng.below(2);
            pixel[axis] = size[axis] * (0.5 + side * rng.range(0.7, 0.75));
            scale = scale.map(|s| 0.5 * s + 0.12 * size[axis]);
            opacity = 0.9;
        }
        Kind::Saturated => {
            opacity = 0.9999;
            scale = scale.map(|s| s + 0.12 * size[0]);
        }
        Kind::OffScreen => {
            pixel[0] = size[0] * (0.5 + side * rng.range(2.0, 3.0));
            scale = [0.02 * size[0]; 3];
        }
        Kind::InsideNear => z = view.near * rng.range(0.3, 0.9),
        Kind::Behind => z = -z,
        Kind::Faint => {
            opacity = ALPHA_MIN * rng.range(1.02, 1.3);
            scale = [0.03 * size[0]; 3];
        }
        Kind::TooFaint => opacity = ALPHA_MIN * rng.range(0.7, 0.98),
        Kind::Huge => scale = scale.map(|s| 20.0 * s),
        Kind::Tiny => scale = scale.map(|_| rng.range(0.01, 0.1)),
        Kind::Needle => scale = [0.1 * size[0], 0.001 * size[0], 0.001 * size[0]],
        Kind::Unnormalised => {
            let factor = if side < 0.0 { 0.03 } else { 20.0 };
            quaternion = quaternion.map(|v| v * factor);
        }
    }
    let p = [
        (pixel[0] - view.principal[0]) / view.focal[0] * z - view.translation[0],
        (pixel[1] - view.principal[1]) / view.focal[1] * z - view.translation[1],
        z - view.translation[2],
    ];
    let mut coefficients: [[f64; 3]; sh::COEFFICIENTS] = std::array::from_fn(|k| {
        let spread = if k == 0 { 0.7 } else { 0.15 };
        rng.normals().map(|v: f64| narrow(v * spread))
    });
    // Colours are mostly positive, now and then cut at zero.
    coefficients[0] = coefficients[0].map(|v| narrow(v + 0.7));
    Gaussian {
        mean: matvec(&transpose(&view.rotation), &p).map(narrow),
        quaternion: quaternion.map(narrow),
        log_scale: scale.map(|s| narrow((s * z.abs() / view.focal[0]).ln())),
        logit: narrow((opacity / (1.0 - opacity)).ln()),
        sh: coefficients,
    }
}

/// A view and `count` Gaussians: one of every kind first, as far as `count` allows, then every kind now and then among
/// ordinary ones. Equal seeds give equal cases.
pub fn scene(seed: u64, count: usize, width: u32, height: u32) -> (Vec<Gaussian<f64>>, View<f64>) {
    let mut rng = Rng::new(seed);
    let view = view(&mut rng, width, height);
    let gaussians = (0..count)
        .map(|i| {
            let kind = match i {
                _ if i < Kind::ALL.len() => Kind::ALL[i],
                _ if rng.unit() < 0.3 => Kind::ALL[rng.below(Kind::ALL.len())],
                _ => Kind::Plain,
            };
            gaussian(&mut rng, &view, kind)
        })
        .collect();
    (gaussians, view)
}

/// The Gaussians as the crate's host scene, with coefficients up to `degree`.
pub fn host_scene(gaussians: &[Gaussian<f64>], degree: u32, antialiased: bool) -> Scene {
    let vec3 = |v: [f64; 3]| Vec3::from_array(v.map(|x| x as f32));
    Scene {
        means: gaussians.iter().map(|g| vec3(g.mean)).collect(),
        quaternions: gaussians.iter().map(|g| g.quaternion.map(|v| v as f32)).collect(),
        log_scales: gaussians.iter().map(|g| vec3(g.log_scale)).collect(),
        logits: gaussians.iter().map(|g| g.logit as f32).collect(),
        sh: gaussians
            .iter()
            .flat_map(|g| g.sh[..sh_coefficients(degree)].as_flattened().iter().map(|&v| v as f32))
            .collect(),
        sh_degree: degree,
        antialiased,
        motion: None,
        up: None,
        clip: dapple::scene::Clip::default(),
    }
}

/// The Gaussians of a host scene; coefficients beyond its degree are zero.
pub fn from_host(scene: &Scene) -> Vec<Gaussian<f64>> {
    let stride = scene.sh_stride();
    (0..scene.len())
        .map(|i| {
            let mut coefficients = [[0.0; 3]; sh::COEFFICIENTS];
            for (to, &from) in coefficients.as_flattened_mut().iter_mut().zip(&scene.sh[i * stride..(i + 1) * stride]) {
                *to = f64::from(from);
            }
            Gaussian {
                mean: scene.means[i].as_dvec3().to_array(),
                quaternion: scene.quaternions[i].map(f64::from),
                log_scale: scene.log_scales[i].as_dvec3().to_array(),
                logit: f64::from(scene.logits[i]),
                sh: coefficients,
            }
        })
        .collect()
}

/// Random upstream gradients for an image of `pixels` pixels, of order one.
pub fn upstream(rng: &mut Rng, pixels: usize) -> super::rasterize::Upstream {
    super::rasterize::Upstream {
        rgb: (0..pixels).map(|_| rng.normals().map(narrow)).collect(),
        alpha: (0..pixels).map(|_| narrow(rng.normal())).collect(),
        depth: (0..pixels).map(|_| narrow(0.3 * rng.normal())).collect(),
    }
}
