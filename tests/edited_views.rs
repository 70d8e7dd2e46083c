//! Edited scenes as they are seen: a scene that is moved looks the same to a camera that moves along.

use dapple::camera::{Camera, Pose};
use dapple::edit::{self, Similarity};
use dapple::model::Model;
use dapple::render::{Channel, RenderOptions, Rendered, Renderer};
use dapple::scene::Scene;
use glam::{DMat3, DQuat, DVec3, Vec3};

use crate::reference::cases;
use crate::support::gpu;

fn options(near: f32) -> RenderOptions {
    RenderOptions {
        background: Vec3::splat(0.3),
        channel: Channel::Color,
        sh_degree: 3,
        antialiased: false,
        near,
        time: 0.0,
    }
}

/// 260 Gaussians of degree 3 before a camera, and the near plane.
fn case() -> (Scene, Camera, f32) {
    let (gaussians, view) = cases::scene(7, 260, 96, 64);
    (cases::host_scene(&gaussians, 3, false), cases::camera_of(&view), view.near as f32)
}

fn render(scene: &Scene, camera: &Camera, near: f32) -> Rendered {
    let gpu = gpu();
    let model = Model::upload(&gpu, scene).unwrap();
    Renderer::new(&gpu).unwrap().render(&model, camera, &options(near)).unwrap()
}

/// Mean squared difference of two images, as a PSNR in dB.
fn psnr(a: &Rendered, b: &Rendered) -> f64 {
    let squares = a.pixels.iter().zip(&b.pixels).map(|(a, b)| f64::from((*a - *b).truncate().length_squared()));
    let mean = squares.sum::<f64>() / (3 * a.pixels.len()) as f64;
    -10.0 * mean.log10()
}

#[test]
fn a_moved_scene_looks_the_same_to_a_moved_camera() {
    let (scene, camera, near) = case();
    let before = render(&scene, &camera, near);
    let similarity = Similarity {
        rotation: DQuat::from_axis_angle(DVec3::new(0.4, 0.7, -0.6).normalize(), 2.1),
        scale: 1.8,
        translation: DVec3::new(2.0, -1.0, 0.7),
    };
    let mut moved = scene.clone();
    similarity.apply_to(&mut moved);
    let rotation = camera.pose.rotation * DMat3::from_quat(similarity.rotation).transpose();
    let translation = -(rotation * similarity.apply(camera.pose.centre()));
    let camera = Camera { pose: Pose { rotation, translation }, ..camera };
    let after = render(&moved, &camera, near * similarity.scale as f32);
    // Gaussians on the edge of a threshold may fall to its other side.
    let same = psnr(&before, &after);
    assert!(same > 60.0, "{same} dB");
    // That would not be so without turning the colours.
    let mut unturned = moved;
    unturned.sh = scene.sh;
    let wrong = psnr(&before, &render(&unturned, &camera, near * similarity.scale as f32));
    assert!(wrong < 40.0, "{wrong} dB");
}

#[test]
fn the_order_of_gaussians_does_not_show() {
    let (scene, camera, near) = case();
    let mut ordered = scene.clone();
    edit::permute(&mut ordered, &edit::morton_order(&scene.means));
    let same = psnr(&render(&scene, &camera, near), &render(&ordered, &camera, near));
    assert!(same > 90.0, "{same} dB");
}

#[test]
fn blending_weights_add_up_to_what_is_covered() {
    let (scene, camera, near) = case();
    let gpu = gpu();
    let model = Model::upload(&gpu, &scene).unwrap();
    let mut renderer = Renderer::for_training(&gpu).unwrap();
    let mut sums = vec![0.0; scene.len()];
    renderer.add_weights(&model, &camera, &options(near), &mut sums).unwrap();
    let covered: f64 = render(&scene, &camera, near).pixels.iter().map(|pixel| f64::from(1.0 - pixel.w)).sum();
    let total: f64 = sums.iter().sum();
    assert!(covered > 100.0 && (total / covered - 1.0).abs() < 1e-4, "{total} of {covered}");
    // A second look adds the same again.
    let once = sums.clone();
    renderer.add_weights(&model, &camera, &options(near), &mut sums).unwrap();
    assert!(sums.iter().zip(&once).all(|(twice, once)| *twice == 2.0 * once));
    // The half that shows most keeps more of the picture than the half that is largest.
    let kept = |weights: &[f64]| {
        let mut half = scene.clone();
        edit::keep_most(&mut half, weights, scene.len() / 2).unwrap();
        psnr(&render(&scene, &camera, near), &render(&half, &camera, near))
    };
    let (by_weight, by_area) = (kept(&once), kept(&edit::importance(&scene)));
    assert!(by_weight > by_area, "{by_weight} dB by weight, {by_area} dB by area");
}
