//! What the step adds by itself: penalties of Gaussians that fade, and counts of steps that are not finite.

use dapple::gpu::Recorder;
use dapple::model::Model;
use dapple::render::{Channel, LensVariant, RenderOptions};
use dapple::train::Config;
use dapple::train::schedule::Schedule;
use dapple::train::update::{Optimiser, Step};
use glam::{Vec3, Vec4};

use crate::reference::cases::{self, Rng};
use crate::reference::motion::{host_motion, set_in_motion};
use crate::support::{self, device_view, gpu, read_moments, read_rows};

/// Lane of the opacity's logit.
const LOGIT: usize = 10;

/// Without any gradient of the image, the logit's is the penalty, weighted by how far the Gaussian shows.
#[test]
fn opacity_is_penalised_as_far_as_it_shows() {
    let (gpu, count, time) = (gpu(), 90, 0.4);
    let (mut gaussians, view) = cases::scene(95, count, 32, 32);
    let motions = set_in_motion(&mut Rng::new(96), &mut gaussians, 0.4);
    let mut scene = cases::host_scene(&gaussians, 0, false);
    scene.motion = Some(host_motion(&motions));
    let model = Model::upload(&gpu, &scene).unwrap();
    let mut renderer = support::training_renderer();
    renderer.prepare(&model, LensVariant::PINHOLE).unwrap();
    let view = device_view(&view, count).at(time);
    renderer.set_view(&view, &model).unwrap();
    gpu.write(renderer.frame().image_gradient(), 0, &vec![Vec4::ZERO; 32 * 32]);
    let probe = Optimiser::storing_gradients(&gpu, count, 0, model.form().motion).unwrap();
    let step = Step { opacity_regularisation: 0.3, faded_regularisation: 0.25, ..Step::default() };
    let mut recorder = Recorder::new(&gpu, false);
    renderer.record_forward(&mut recorder, &model, &view, Channel::Color);
    renderer.record_backward(&mut recorder, &view);
    probe.set_step(&step);
    probe.record(&mut recorder, &model, renderer.frame(), &view);
    recorder.finish().unwrap();
    let gradients = read_rows(&gpu, &read_moments(&probe.moments, count, 0, model.form().motion)[0], count, 0);
    let motion = scene.motion.as_ref().unwrap();
    let (mut faint, mut full) = (0, 0);
    for (i, gradient) in gradients.iter().enumerate() {
        let (shows, opacity) = (f64::from(motion.visibility(i, time)), 1.0 / (1.0 + (-gaussians[i].logit).exp()));
        // 1 - o has the rounding of f32.
        let want = 0.3 * (0.25 + 0.75 * shows) * opacity * (1.0 - opacity);
        assert!((gradient[LOGIT] - want).abs() < 1e-5 * want.abs() + 3e-8, "{i}: {} is not {want}", gradient[LOGIT]);
        (faint, full) = (faint + usize::from(shows < 0.3), full + usize::from(shows > 0.7));
    }
    assert!(faint > 5 && full > 5, "{faint} hardly show, {full} nearly do");
}

fn options(channel: Channel) -> RenderOptions {
    RenderOptions { background: Vec3::ZERO, channel, sh_degree: 0, antialiased: false, near: 0.01, time: 0.0 }
}

/// What stands still has no velocity to show.
#[test]
fn a_still_scene_has_no_velocity() {
    let (gaussians, view) = cases::scene(99, 90, 32, 32);
    let model = Model::upload(&gpu(), &cases::host_scene(&gaussians, 0, false)).unwrap();
    let camera = cases::camera_of(&view);
    let image = |channel| support::renderer().render(&model, &camera, &options(channel)).unwrap().pixels;
    let opaque = |pixel: &Vec4| pixel.x > 0.2;
    assert!(image(Channel::Alpha).iter().any(opaque), "something is in view");
    assert!(image(Channel::Velocity).iter().all(|pixel| pixel.truncate() == Vec3::ZERO));
}

/// A quaternion that is none is no turn.
#[test]
fn a_degenerate_quaternion_does_not_turn() {
    let (mut gaussians, view) = cases::scene(98, 12, 48, 48);
    let camera = cases::camera_of(&view);
    let mut image = |quaternion: [f64; 4]| {
        gaussians.iter_mut().for_each(|g| (g.quaternion, g.log_scale) = (quaternion, [-0.5, -1.5, -2.5]));
        let model = Model::upload(&gpu(), &cases::host_scene(&gaussians, 0, false)).unwrap();
        support::renderer().render(&model, &camera, &options(Channel::Color)).unwrap().pixels
    };
    let (none, level, turned) = (image([0.0; 4]), image([1.0, 0.0, 0.0, 0.0]), image([0.9, 0.0, 0.0, 0.4]));
    assert!(none == level, "it is drawn as it stands");
    assert!(level != turned, "a turn would show");
}

/// A step to what is not finite is left out, and counted once for each Gaussian.
#[test]
fn steps_that_are_not_finite_are_counted_once_and_left_out() {
    let (gpu, count) = (gpu(), 70);
    let (gaussians, view) = cases::scene(97, count, 32, 32);
    let scene = cases::host_scene(&gaussians, 1, false);
    let model = Model::upload(&gpu, &scene).unwrap();
    let mut renderer = support::training_renderer();
    let mut view = device_view(&view, count);
    view.sh_degree = 1;
    renderer.set_view(&view, &model).unwrap();
    gpu.write(renderer.frame().image_gradient(), 0, &vec![Vec4::splat(1e-3); 32 * 32]);
    let optimiser = Optimiser::new(&gpu, count, 1, model.form()).unwrap();
    let before = read_rows(&gpu, &model.rows, count, 0);
    let usual = Schedule::new(&Config::default(), vec![0]).step(0, count);
    optimiser.set_step(&Step { lr_mean: f32::INFINITY, ..usual });
    let mut recorder = Recorder::new(&gpu, false);
    renderer.record_forward(&mut recorder, &model, &view, Channel::Color);
    renderer.record_backward(&mut recorder, &view);
    optimiser.record(&mut recorder, &model, renderer.frame(), &view);
    recorder.finish().unwrap();
    assert_eq!(renderer.frame_mut().read_status().unwrap().non_finite as usize, count);
    assert_eq!(read_rows(&gpu, &model.rows, count, 0), before, "nothing has moved");
}
