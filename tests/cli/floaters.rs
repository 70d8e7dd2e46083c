//! Floaters: what no photo shows, and small clusters in the air before the cameras.

use std::f64::consts::TAU;

use dapple::camera::Camera;
use dapple::dataset::{Capture, CaptureOptions};
use dapple::format;
use dapple::render::{Channel, SceneView};
use dapple::scene::Scene;
use glam::{DVec3, Vec3, Vec4};

use super::tiny;
use crate::support::files::Folder;
use crate::support::gpu;
use crate::support::random::Rng;

/// An opaque ball about a point that all cameras look at.
fn ball(n: usize, centre: DVec3) -> Scene {
    let (mut rng, mut scene) = (Rng::new(4), Scene { sh_degree: 0, ..Scene::default() });
    for i in 0..n {
        let direction = DVec3::from_array(rng.normals()).normalize();
        let colour = (TAU * 2.0 * i as f64 / n as f64).sin() as f32;
        put(&mut scene, (centre + 0.6 * direction).as_vec3(), 0.03, [colour, direction.x as f32, direction.z as f32]);
    }
    scene
}

fn put(scene: &mut Scene, mean: Vec3, size: f32, colour: [f32; 3]) {
    scene.means.push(mean);
    scene.quaternions.push([1.0, 0.0, 0.0, 0.0]);
    scene.log_scales.push(Vec3::splat(size.ln()));
    scene.logits.push(3.0);
    scene.sh.extend(colour);
}

fn psnr(a: &[Vec4], b: &[Vec4]) -> f64 {
    let squares = a.iter().zip(b).map(|(a, b)| f64::from((a.truncate() - b.truncate()).length_squared()));
    -10.0 * (squares.sum::<f64>() / (3 * a.len()) as f64).max(1e-12).log10()
}

#[test]
fn planted_floaters_go_and_the_scene_stays() {
    let (folder, target) = (Folder::new(), DVec3::new(0.0, 0.0, 0.15));
    let shots = Capture::open(tiny(), &CaptureOptions::cameras_only()).expect("opens").shots;
    let cameras: Vec<Camera> = shots.iter().map(|shot| shot.camera).collect();
    let clean = ball(8000, target);
    let mut planted = clean.clone();
    // Five before a camera, within a seventh of the way; seven where no camera looks.
    let eye = cameras[3].pose.centre();
    for k in 0..5 {
        let place = eye.lerp(target, 0.14) + 0.01 * f64::from(k) * DVec3::Z;
        put(&mut planted, place.as_vec3(), 0.05, [1.0; 3]);
    }
    for k in 0..7 {
        put(&mut planted, Vec3::new(0.1 * k as f32, 0.0, 60.0), 0.1, [1.0; 3]);
    }
    format::write_scene(&folder.path("clean.ply"), &clean).expect("writes");
    format::write_scene(&folder.path("planted.ply"), &planted).expect("writes");
    let export = |from: &str, to: &str| {
        let line = format!("export {from} {to} --floaters drop --capture {} --views 0", tiny().display());
        let output = folder.dapple(&line).assert().success().get_output().clone();
        (String::from_utf8(output.stdout).expect("text"), format::load(&folder.path(to)).expect("reads").scene)
    };
    let (said_of_clean, kept) = export("clean.ply", "kept.ply");
    assert!(said_of_clean.contains("left out 0 that float in small clusters"), "{said_of_clean}");
    assert!(kept.len() > clean.len() * 9 / 10, "{said_of_clean}");
    let (said, cleaned) = export("planted.ply", "cleaned.ply");
    assert!(said.contains("left out 5 that float in small clusters with nothing near: "), "{said}");
    assert!(said.contains(&format!("left out {} that no photo", 7 + clean.len() - kept.len())), "{said}");
    assert!(cleaned.means == kept.means, "the ball is as without them, also behind the floater");
    let mut view = SceneView::new(&gpu(), clean, &cameras, Vec3::ZERO, Channel::Color).expect("fits");
    let mut pictures = |scene: Option<Scene>| -> Vec<Vec<Vec4>> {
        scene.into_iter().for_each(|scene| view.replace(scene).expect("fits"));
        cameras.iter().map(|camera| view.render(camera, 0.0).expect("renders").pixels).collect()
    };
    let (before, with, after) = (pictures(None), pictures(Some(planted)), pictures(Some(cleaned)));
    assert!(psnr(&before[3], &with[3]) < 25.0, "the floater shows: {:.1} dB", psnr(&before[3], &with[3]));
    for (i, (before, after)) in before.iter().zip(&after).enumerate() {
        assert!(psnr(before, after) > 50.0, "camera {i}: {:.1} dB", psnr(before, after));
    }
}

#[test]
fn a_capture_is_needed_and_must_see_the_scene() {
    let folder = Folder::new();
    format::write_scene(&folder.path("far.ply"), &ball(50, DVec3::new(0.0, 0.0, 500.0))).expect("writes");
    assert!(folder.error("export far.ply out.ply --floaters drop", 2).contains("--capture"));
    let line = format!("export far.ply out.ply --floaters drop --capture {}", tiny().display());
    let said = folder.error_at_end(&line, 1);
    assert!(said.contains("its cameras see nothing of the scene; give the capture"), "{said}");
    assert!(!folder.path("out.ply").exists());
    let said = folder.error("export far.ply out.spz --by-disk --floaters drop --capture c", 1);
    assert!(said.contains("--floaters needs the whole scene"), "{said}");
}
