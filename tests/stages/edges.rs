//! The renderer at its edges: few Gaussians, odd images, more workgroups than one row holds, values that are not numbers.

use dapple::camera::Camera;
use dapple::model::Model;
use dapple::render::{Channel, RenderOptions, Rendered, Renderer};
use dapple::scene::Scene;
use glam::{DVec2, DVec3, Vec3, Vec4};

use crate::reference::cases::{self, Rng};
use crate::reference::gradient::render;
use crate::reference::project::{Gaussian, View};
use crate::support::{self, gpu};

fn options(view: &View<f64>) -> RenderOptions {
    RenderOptions {
        background: Vec3::from_array(view.background.map(|v| v as f32)),
        channel: Channel::Color,
        sh_degree: view.sh_degree,
        antialiased: view.antialiased,
        near: view.near as f32,
        time: 0.0,
    }
}

fn draw(renderer: &mut Renderer, gaussians: &[Gaussian<f64>], view: &View<f64>) -> Rendered {
    let scene = cases::host_scene(gaussians, view.sh_degree, view.antialiased);
    let model = Model::upload(&gpu(), &scene).unwrap();
    renderer.render(&model, &cases::camera_of(view), &options(view)).unwrap()
}

fn is_background(image: &Rendered, background: Vec3) -> bool {
    image.pixels.iter().all(|&p| p == background.extend(1.0))
}

#[test]
fn every_size_of_scene_and_image_is_right() {
    let mut renderer = support::renderer();
    let mut worst = 0.0_f64;
    for (width, height) in [(1, 1), (15, 17), (16, 16), (17, 33), (1, 40), (97, 3)] {
        for count in [0, 1, 63, 64, 65] {
            let (gaussians, view) = cases::scene(900 + count as u64, count, width, height);
            let (got, want) = (draw(&mut renderer, &gaussians, &view), render(&gaussians, &view));
            assert_eq!((got.width, got.height, got.pixels.len()), (width, height, want.rgb.len()));
            for (i, pixel) in got.pixels.iter().enumerate().filter(|(i, _)| !want.near_branch[*i]) {
                let [r, g, b] = want.rgb[i];
                let error = (pixel.as_dvec4() - glam::DVec4::new(r, g, b, want.transmittance[i])).abs().max_element();
                assert!(error < 1.0 / 512.0, "{width} x {height}, {count} Gaussians, pixel {i}: off by {error}");
                worst = worst.max(error);
            }
            if count == 0 {
                assert!(is_background(&got, options(&view).background));
            }
        }
    }
    eprintln!("edge sizes: largest difference from the oracle {worst:.1e}");
}

#[test]
fn what_is_behind_the_camera_leaves_the_background() {
    let mut renderer = support::renderer();
    let (gaussians, mut view) = cases::scene(17, 100, 40, 30);
    view.translation[2] -= 100.0;
    assert!(is_background(&draw(&mut renderer, &gaussians, &view), options(&view).background));
}

/// Anti-aliasing takes what is narrower than a pixel below the least opacity that counts: then no tile lists it.
#[test]
fn what_antialiasing_makes_too_faint_is_not_seen() {
    let mut renderer = support::renderer();
    let (mut gaussians, mut view) = cases::scene(5, 40, 40, 30);
    gaussians.iter_mut().for_each(|g| (g.log_scale, g.logit) = ([-9.0; 3], -5.0));
    let mut seen = |antialiased: bool| {
        view.antialiased = antialiased;
        draw(&mut renderer, &gaussians, &view);
        support::seen(renderer.frame(), gaussians.len()).into_iter().filter(|&seen| seen).count()
    };
    let without = seen(false);
    assert!(without > 10, "{without} of 40 are seen as they are");
    assert_eq!(seen(true), 0);
}

/// More Gaussians than one row of workgroups takes: all but the last lie at the origin, behind the camera.
#[test]
fn grids_of_gaussians_fold() {
    let gpu = gpu();
    let count = 16_384 * 64 + 6 * 64 + 1;
    let mut view = cases::view(&mut Rng::new(19), 16, 16);
    (view.sh_degree, view.rotation) = (0, [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]);
    view.translation = [0.0, 0.0, -10.0];
    let last = Gaussian { mean: [0.0, 0.0, 15.0], ..cases::gaussian(&mut Rng::new(20), &view, cases::Kind::Huge) };
    let mut model = Model::with_capacity(&gpu, &Scene::default(), count).unwrap();
    let row = |v: [f64; 3], w: f64| Vec4::new(v[0] as f32, v[1] as f32, v[2] as f32, w as f32);
    let [w, x, y, z] = last.quaternion;
    let geometry = [row(last.mean, last.logit), row([w, x, y], z), row(last.log_scale, 0.0), row(last.sh[0], 0.0)];
    gpu.write(&model.rows.geometry.cast(), 4 * (count - 1), &geometry);
    model.set_len(count);
    let mut renderer = support::renderer();
    let got = renderer.render(&model, &cases::camera_of(&view), &options(&view)).unwrap();
    assert_eq!(got.pixels, draw(&mut renderer, &[last], &view).pixels);
    assert!(!is_background(&got, options(&view).background), "the last Gaussian is not seen");
}

/// Layers over the whole image: more (Gaussian, tile) pairs than 65 535 workgroups of 64 take.
#[test]
fn grids_of_pairs_fold() {
    let mut rng = Rng::new(37);
    let view = cases::view(&mut rng, 400, 300);
    let layer = |_| Gaussian { logit: 3.0, ..cases::gaussian(&mut rng, &view, cases::Kind::Huge) };
    let gaussians: Vec<_> = (0..9500).map(layer).collect();
    let mut renderer = support::renderer();
    let (got, want) = (draw(&mut renderer, &gaussians, &view), render(&gaussians, &view));
    let pairs = *gpu().read(renderer.frame().pairs().starts).unwrap().last().unwrap();
    assert!(pairs > 65_535 * 64, "only {pairs} pairs");
    let (mut worst, mut clear) = (0.0_f64, 0);
    for (i, pixel) in got.pixels.iter().enumerate().filter(|(i, _)| !want.near_branch[*i]) {
        worst = worst.max((pixel.truncate().as_dvec3() - DVec3::from_array(want.rgb[i])).abs().max_element());
        clear += 1;
    }
    eprintln!("{pairs} pairs: largest difference {worst:.1e} over {clear} of {} pixels", got.pixels.len());
    assert!(worst < 1.0 / 512.0 && 2 * clear > got.pixels.len());
}

/// Where a poisonous value is put: vector and component of a Gaussian's geometry, or a colour coefficient.
#[derive(Clone, Copy, Debug)]
enum Place {
    Geometry(usize, usize),
    Colour(usize),
}

/// Draws 20 Gaussians after writing `value` somewhere into the first, past the checks of an upload.
fn poisoned(renderer: &mut Renderer, scene: &Scene, view: &View<f64>, place: Option<(Place, f32)>) -> Rendered {
    let gpu = gpu();
    let model = Model::upload(&gpu, scene).unwrap();
    match place {
        Some((Place::Geometry(vector, component), value)) => {
            gpu.write(&model.rows.geometry.cast(), 4 * vector + component, &[value]);
        }
        Some((Place::Colour(ch), value)) => gpu.write(&model.rows.geometry.cast(), 12 + ch, &[value]),
        None => {}
    }
    renderer.render(&model, &cases::camera_of(view), &options(view)).unwrap()
}

#[test]
fn a_gaussian_that_is_not_finite_harms_nobody_else() {
    let mut renderer = support::renderer();
    let (gaussians, mut view) = cases::scene(23, 20, 48, 40);
    (view.sh_degree, view.antialiased) = (0, true);
    let scene = cases::host_scene(&gaussians, 0, true);
    let mut without = scene.clone();
    without.logits[0] = -40.0;
    let without = poisoned(&mut renderer, &without, &view, None);
    let with = poisoned(&mut renderer, &scene, &view, None);
    assert_ne!(with.pixels, without.pixels, "the first Gaussian is seen");
    let geometry = (0..3).flat_map(|vector| (0..4).map(move |component| Place::Geometry(vector, component)));
    for place in geometry.take(11).chain((0..3).map(Place::Colour)) {
        for value in [f32::NAN, -f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX, f32::MIN, 1e-40, -1e-40] {
            let got = poisoned(&mut renderer, &scene, &view, Some((place, value)));
            let what = format!("{value:e} at {place:?}");
            assert!(got.pixels.iter().all(|p| p.is_finite()), "{what}: a pixel is not finite");
            let colour = matches!(place, Place::Colour(_));
            if value.is_nan()
                || (value.is_infinite() && matches!(place, Place::Geometry(0 | 1, 0..3))
                    || colour && value.is_infinite())
            {
                assert_eq!(got.pixels, without.pixels, "{what}: the Gaussian is drawn");
            }
        }
    }
}

type Damage<'a> = &'a dyn Fn(&mut Camera);

/// A camera that makes no sense shows the background or some finite picture, and comes back.
#[test]
fn a_view_that_is_not_finite_ends() {
    let mut renderer = support::renderer();
    let (gaussians, view) = cases::scene(29, 60, 48, 40);
    let model = Model::upload(&gpu(), &cases::host_scene(&gaussians, 3, false)).unwrap();
    let good = cases::camera_of(&view);
    for poison in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e300, 1e-300, 0.0] {
        let broken: [(&str, Damage); 5] = [
            ("translation", &|c| c.pose.translation = DVec3::splat(poison)),
            ("depth", &|c| c.pose.translation.z = poison),
            ("rotation", &|c| c.pose.rotation.x_axis.x = poison),
            ("focal length", &|c| c.lens.focal = DVec2::splat(poison)),
            ("principal point", &|c| c.lens.principal.y = poison),
        ];
        for (what, damage) in broken {
            let mut camera = good;
            damage(&mut camera);
            let got = renderer.render(&model, &camera, &options(&view)).unwrap();
            assert!(got.pixels.iter().all(|p| p.is_finite()), "{what} {poison}: a pixel is not finite");
            if poison.is_nan() {
                assert!(is_background(&got, options(&view).background), "{what} {poison}: not the background");
            }
        }
        let near = RenderOptions { near: poison as f32, ..options(&view) };
        let got = renderer.render(&model, &good, &near).unwrap();
        assert!(got.pixels.iter().all(|p| p.is_finite()), "near {poison}");
    }
    // And the next good frame is as good as ever.
    let again = renderer.render(&model, &good, &options(&view)).unwrap();
    assert_eq!(again.pixels, support::renderer().render(&model, &good, &options(&view)).unwrap().pixels);
}
