//! The flow of a rigid motion that is known exactly.

use dapple::camera::{Camera, Lens, Pose};
use dapple::model::Model;
use dapple::render::{Channel, RenderOptions};
use dapple::scene::{Motion, Scene};
use glam::{DVec2, DVec3, Vec3, Vec4, dvec2, dvec3};

use crate::support::{self, gpu};

/// Gaussians along a side of the plane, and half its side.
const SIDE: usize = 160;
const HALF: f32 = 2.0;
const SIZE: (u32, u32) = (96, 80);

/// How a point of the plane moves: it travels and turns about a pivot. Turning moves every point along its own line, for a
/// short time.
fn velocity(point: DVec3) -> DVec3 {
    let (travel, spin, pivot) = (dvec3(0.9, -0.6, 0.2), dvec3(0.05, -0.05, 0.12), dvec3(0.1, 0.2, 0.0));
    travel + spin.cross(point - pivot)
}

/// An opaque plane, z = 0, that turns and travels.
fn plane() -> Scene {
    let spacing = 2.0 * HALF / SIDE as f32;
    let mean = |k: usize| {
        Vec3::new((k % SIDE) as f32 + 0.5, (k / SIDE) as f32 + 0.5, 0.0) * spacing - Vec3::new(HALF, HALF, 0.0)
    };
    let means: Vec<Vec3> = (0..SIDE * SIDE).map(mean).collect();
    let count = means.len();
    Scene {
        quaternions: vec![[1.0, 0.0, 0.0, 0.0]; count],
        log_scales: vec![Vec3::new(0.6 * spacing, 0.6 * spacing, 1e-3).map(f32::ln); count],
        logits: vec![6.0; count],
        sh: vec![0.3; 3 * count],
        motion: Some(Motion {
            velocities: means.iter().map(|m| velocity(m.as_dvec3()).as_vec3()).collect(),
            centres: vec![0.5; count],
            log_durations: vec![0.0; count],
            gates: vec![1.0; count],
            curves: None,
        }),
        means,
        ..Scene::default()
    }
}

fn camera(eye: DVec3, target: DVec3) -> Camera {
    Camera { pose: Pose::look_at(eye, target, dvec3(0.0, -1.0, 0.1)), lens: Lens::from_fov_x(0.8, SIZE.0, SIZE.1) }
}

/// How far a rendered flow is off, in pixels.
#[derive(Debug, Default)]
struct Misfit {
    /// Off the plane's own flow, summed and at most; and at most off that of the Gaussians of the pixel.
    sum: f64,
    worst: f64,
    worst_of_gaussians: f64,
    /// Length of the plane's flow, summed.
    length: f64,
    compared: u32,
}

/// Holds the flow from `cameras[0]` at time 0.5 to `cameras[1]` after `elapsed` against the plane's. `centres` are where
/// the Gaussians' centres are that each pixel shows, on average.
fn misfit(flow: &[Vec4], centres: &[Vec4], cameras: [&Camera; 2], elapsed: f64, affine: bool) -> Misfit {
    let mut out = Misfit::default();
    for (i, pixel) in flow.iter().enumerate() {
        let at: DVec2 = dvec2((i as u32 % SIZE.0) as f64 + 0.5, (i as u32 / SIZE.0) as f64 + 0.5);
        let (eye, ray) = (cameras[0].pose.centre(), cameras[0].ray(at));
        let point = eye - ray * (eye.z / ray.z);
        // An opaque surface: away from the plane's edge, all contributors lie around the point, and nothing shines
        // through.
        if point.truncate().abs().max_element() > f64::from(HALF) - 0.35 || pixel.w > 1e-3 {
            continue;
        }
        let moves = |point: DVec3, velocity: DVec3| {
            cameras[1].project(point + velocity * elapsed).unwrap().0 - cameras[0].project(point).unwrap().0
        };
        let found = dvec2(pixel.x.into(), pixel.y.into());
        // The plane at the pixel; and what is there in the scene, whose Gaussians move without turning: at the pixel a
        // surface moves as its Gaussian does (affine), or is taken to be where the Gaussian's centre is.
        let centre = centres[i].truncate().as_dvec3();
        let modelled = moves(if affine { point } else { centre }, velocity(centre));
        let own = moves(point, velocity(point));
        out.worst = out.worst.max((found - own).length());
        out.worst_of_gaussians = out.worst_of_gaussians.max((found - modelled).length());
        out.sum += (found - own).length();
        out.length += own.length();
        out.compared += 1;
    }
    out
}

#[test]
fn rigid_motion_before_a_moving_camera_has_its_exact_flow() {
    let (gpu, scene) = (gpu(), plane());
    let (first, second) =
        (camera(dvec3(0.2, 0.1, 3.0), DVec3::ZERO), camera(dvec3(0.32, 0.04, 2.98), dvec3(0.06, 0.02, 0.0)));
    let options = RenderOptions {
        background: Vec3::ZERO,
        channel: Channel::Color,
        sh_degree: 0,
        antialiased: false,
        near: 0.1,
        time: 0.5,
    };
    let model = Model::upload(&gpu, &scene).unwrap();
    let mut renderer = support::renderer();
    // Centres are rendered as velocities. They lie up to a pixel from where they show, the nearest in front more than
    // those behind.
    let centres = Scene {
        motion: scene.motion.clone().map(|motion| Motion { velocities: scene.means.clone(), ..motion }),
        ..scene.clone()
    };
    let centres = Model::upload(&gpu, &centres).unwrap();
    let shown = renderer.render(&centres, &first, &RenderOptions { channel: Channel::Velocity, ..options }).unwrap();
    for (affine, later) in [(false, 0.5), (true, 0.5), (false, 0.6), (true, 0.6)] {
        let got = renderer.render_flow(&model, &first, &options, (&second, later), affine).unwrap();
        let elapsed = f64::from(later) - 0.5;
        let off = misfit(&got.pixels, &shown.pixels, [&first, &second], elapsed, affine);
        let (mean, length) = (off.sum / f64::from(off.compared), off.length / f64::from(off.compared));
        eprintln!("rigid flow of {length:.1} px, affine {affine}, to {later}: off by {mean:.4} px on average; {off:?}");
        assert!(off.compared > 3000 && length > 1.0, "{off:?}");
        assert!(mean < 0.02 && off.worst_of_gaussians < 0.02, "affine {affine}: {off:?}");
        // Where nothing turns, the centres' motion is the pixel's own.
        assert!(later > 0.5 || off.worst < 0.02, "affine {affine}: {off:?}");
    }
}
