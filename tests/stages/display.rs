//! What the viewer makes of a rendered frame and of a model, against its twin: counts, probes, pixels, styles.

use dapple::camera::Camera;
use dapple::gpu::Recorder;
use dapple::model::Model;
use dapple::render::{
    Channel, DELETED, FlowForm, Presenter, PreviewModel, PreviewSettings, Probe, RenderOptions, Renderer, SplatStyle,
};
use dapple::render::{DisplayMode, SELECTED};
use dapple::scene::{SH_C0, Scene};
use glam::{DQuat, DVec3, Vec3, Vec4};

use crate::reference::cases::{self, Rng};
use crate::reference::display::{pixel, shown};
use crate::reference::gradient::{project_all, render};
use crate::reference::motion::{host_motion, set_in_motion};
use crate::reference::project::{Gaussian, View};
use crate::reference::rasterize::{contributions, pixel_centre};
use crate::support::{self, device_view, gpu};

const SIZE: (u32, u32) = (77, 51);

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

/// A frame of 250 Gaussians, rendered.
fn rendered() -> (Renderer, Vec<Gaussian<f64>>, View<f64>, Camera) {
    let (gaussians, view) = cases::scene(401, 250, SIZE.0, SIZE.1);
    let camera = cases::camera_of(&view);
    let model = Model::upload(&gpu(), &cases::host_scene(&gaussians, 3, false)).unwrap();
    let mut renderer = support::renderer();
    renderer.render(&model, &camera, &options(&view)).unwrap();
    (renderer, gaussians, view, camera)
}

#[test]
fn the_count_of_a_pixel_is_that_of_its_contributors() {
    let (renderer, gaussians, view, _) = rendered();
    let presenter = Presenter::new(&gpu()).unwrap();
    let mut recorder = Recorder::new(&gpu(), false);
    presenter.record_count(&mut recorder, renderer.frame(), &device_view(&view, gaussians.len()));
    recorder.finish().unwrap();
    let pixels = (SIZE.0 * SIZE.1) as usize;
    let (got, want) = (gpu().read_range(renderer.frame().image(), 0, pixels).unwrap(), render(&gaussians, &view));
    let clear: Vec<usize> = (0..pixels).filter(|&i| !want.near_branch[i]).collect();
    for &i in &clear {
        let count = want.contributors[i] as f32;
        assert_eq!(got[i].truncate(), Vec3::splat(count), "pixel {i}");
        assert!((f64::from(got[i].w) - want.transmittance[i]).abs() < 1e-4, "pixel {i}: transmittance");
    }
    let most = clear.iter().map(|&i| want.contributors[i]).max();
    assert!(clear.len() > pixels / 2 && most > Some(20), "{} clear, at most {most:?} a pixel", clear.len());
}

#[test]
fn a_probe_lists_what_makes_a_pixel() {
    let (renderer, gaussians, view, _) = rendered();
    let probe = Probe::new(&gpu()).unwrap();
    let (splats, image) = (project_all(&gaussians, &view), render(&gaussians, &view));
    let mut listed = 0;
    for i in (0..(SIZE.0 * SIZE.1) as usize).step_by(7).filter(|&i| !image.near_branch[i]) {
        let got = probe.take(renderer.frame(), (i as u32 % SIZE.0, i as u32 / SIZE.0)).unwrap();
        let want = contributions(&splats, pixel_centre(i, SIZE.0));
        assert_eq!((got.count as usize, got.contributions.len()), (want.len(), want.len()), "pixel {i}");
        for (part, (index, weight, alpha)) in got.contributions.iter().zip(want) {
            let depth = splats[index].unwrap().depth;
            assert_eq!(part.index as usize, index, "pixel {i}");
            for (got, want) in [(part.weight, weight), (part.alpha, alpha), (part.depth, depth)] {
                assert!((f64::from(got) - want).abs() < 2e-4 * want.abs() + 1e-6, "pixel {i}: {part:?}, not {want}");
            }
            listed += 1;
        }
        assert!((f64::from(got.transmittance) - image.transmittance[i]).abs() < 1e-4, "pixel {i}: transmittance");
        assert!((f64::from(got.depth) - image.depth[i]).abs() < 2e-4 * (1.0 + image.depth[i]), "pixel {i}: depth");
    }
    assert!(listed > 2000, "only {listed} contributions");
}

/// Of more contributions than are listed, the first are, and all are counted.
#[test]
fn a_probe_counts_more_than_it_lists() {
    let mut rng = Rng::new(406);
    let view = cases::view(&mut rng, 16, 16);
    let layer = |_| Gaussian { logit: -4.9, ..cases::gaussian(&mut rng, &view, cases::Kind::Huge) };
    let gaussians: Vec<_> = (0..1100).map(layer).collect();
    let model = Model::upload(&gpu(), &cases::host_scene(&gaussians, 0, false)).unwrap();
    let mut renderer = support::renderer();
    renderer.render(&model, &cases::camera_of(&view), &RenderOptions { sh_degree: 0, ..options(&view) }).unwrap();
    let got = Probe::new(&gpu()).unwrap().take(renderer.frame(), (8, 8)).unwrap();
    let want = contributions(&project_all(&gaussians, &view), pixel_centre(8 * 16 + 8, 16));
    assert!(want.len() > 1030, "only {} contribute", want.len());
    assert_eq!((got.count as usize, got.contributions.len()), (want.len(), 1024));
    assert_eq!(got.contributions[1023].index as usize, want[1023].0);
}

/// Features and transmittances of all sorts: none there, all there, beyond the range.
fn features(rng: &mut Rng, pixels: usize) -> Vec<Vec4> {
    let mut feature = |i: usize| {
        let w = match i % 5 {
            0 => 1.0,
            1 => 0.0,
            _ => rng.unit(),
        };
        let [x, y, z] = rng.normals().map(|v: f64| 0.4 * v + 0.3);
        Vec4::from_array([x, y, z, w].map(|v| v as f32))
            * if i % 11 == 3 { Vec4::new(0.0, 0.0, 0.0, 1.0) } else { Vec4::ONE }
    };
    (0..pixels).map(&mut feature).collect()
}

#[test]
fn every_display_mode_has_its_pixels() {
    let (renderer, ..) = rendered();
    let mut presenter = Presenter::new(&gpu()).unwrap();
    presenter.resize(SIZE).unwrap();
    let image = features(&mut Rng::new(402), (SIZE.0 * SIZE.1) as usize);
    gpu().write(renderer.frame().image(), 0, &image);
    let modes = [
        DisplayMode::Color,
        DisplayMode::Depth,
        DisplayMode::Normal,
        DisplayMode::Alpha,
        DisplayMode::Count,
        DisplayMode::Velocity,
        DisplayMode::Flow,
    ];
    for mode in modes {
        let (range, unit) = ((0.1, 0.9), 1.7);
        let mut recorder = Recorder::new(&gpu(), false);
        presenter.record(&mut recorder, renderer.frame(), mode, range, unit);
        recorder.finish().unwrap();
        let mut distinct = std::collections::BTreeSet::new();
        for (i, (got, from)) in presenter.read().unwrap().iter().zip(&image).enumerate() {
            let from = from.to_array().map(f64::from);
            let want = pixel(from, mode as u32, (f64::from(range.0), f64::from(range.1)), f64::from(unit));
            let want = want.clamp(DVec3::ZERO, DVec3::ONE) * 255.0;
            let off = (DVec3::from_array(got.map(f64::from)) - want).abs().max_element();
            // Rounded to the nearest, but where f32 sits on the edge between two bytes.
            assert!(off < 0.5 + 0.02, "{mode:?}, pixel {i} of {from:?}: {got:?}, not {want}");
            distinct.insert(*got);
        }
        assert!(distinct.len() > 100, "{mode:?}: only {} colours", distinct.len());
    }
    let all = presenter.read().unwrap();
    for at in [(0, 0), (76, 50), (13, 29)] {
        assert_eq!(presenter.read_pixel(at).unwrap(), all[(at.1 * SIZE.0 + at.0) as usize]);
    }
}

#[test]
fn flow_takes_the_place_of_the_image() {
    // Taller than wide.
    let (mut gaussians, view) = cases::scene(403, 120, SIZE.1, SIZE.0);
    let motions = set_in_motion(&mut Rng::new(404), &mut gaussians, 0.0);
    let mut scene = cases::host_scene(&gaussians, 3, false);
    scene.motion = Some(host_motion(&motions));
    let model = Model::upload(&gpu(), &scene).unwrap();
    let mut renderer = support::renderer();
    renderer.prepare(&model, dapple::render::LensVariant::PINHOLE).unwrap();
    renderer
        .prepare_flow(
            FlowForm { affine: true, all: false, motion: dapple::model::MotionKind::Linear },
            dapple::render::LensVariant::PINHOLE,
        )
        .unwrap();
    let view = device_view(&view, gaussians.len());
    renderer.set_view(&view, &model).unwrap();
    renderer.set_flow_target(&view, &view.at(0.2));
    let presenter = Presenter::new(&gpu()).unwrap();
    let pixels = (SIZE.0 * SIZE.1) as usize;
    let mut recorder = Recorder::new(&gpu(), false);
    renderer.record_flow_forward(&mut recorder, &model, &view);
    recorder.finish().unwrap();
    let planes = gpu().read_range(renderer.frame().image(), 0, 2 * pixels).unwrap();
    let (image, flow) = planes.split_at(pixels);
    let mut recorder = Recorder::new(&gpu(), false);
    presenter.record_flow(&mut recorder, renderer.frame(), &view);
    recorder.finish().unwrap();
    let got = gpu().read_range(renderer.frame().image(), 0, pixels).unwrap();
    for i in 0..pixels {
        assert_eq!(got[i], Vec4::new(flow[i].x, flow[i].y, 0.0, image[i].w), "pixel {i}");
    }
    assert!(flow.iter().filter(|v| v.x != 0.0 && v.y != 0.0).count() > pixels / 2, "hardly anything moves");
}

/// What is compared of a Gaussian: logit, log-scale, base colour.
fn parts(scene: &Scene, i: usize) -> (f64, DVec3, Vec3) {
    let sh = &scene.sh[i * scene.sh_stride()..][..3];
    (f64::from(scene.logits[i]), scene.log_scales[i].as_dvec3(), Vec3::from_slice(sh))
}

#[test]
fn every_style_shows_its_gaussians() {
    let (gaussians, _) = cases::scene(405, 150, 64, 64);
    let scene = cases::host_scene(&gaussians, 0, false);
    let model = Model::upload(&gpu(), &scene).unwrap();
    let mut preview = PreviewModel::new(&gpu(), &model).unwrap();
    let states: Vec<u32> = (0..150).map(|i| [0, DELETED, SELECTED, DELETED | SELECTED, 0][i % 5]).collect();
    let orange = (Vec3::new(1.0, 0.62, 0.1) - 0.5) / SH_C0;
    let mut inside = 0;
    for form in [SplatStyle::Splat, SplatStyle::Centre, SplatStyle::Solid] {
        for (crop, dim_outside) in
            [(None, true), (Some((Vec3::splat(-0.7), Vec3::splat(0.9))), false), (Some((Vec3::ZERO, Vec3::ONE)), true)]
        {
            let change =
                PreviewSettings { form, size: 0.6, crop, dim_outside, eye: (Vec3::new(1.0, -2.0, 3.0), 0.002) };
            preview.set_state(&states);
            let mut recorder = Recorder::new(&gpu(), false);
            preview.record(&mut recorder, &model, &change);
            recorder.finish().unwrap();
            let got = preview.shown().download(&gpu()).unwrap();
            assert_eq!((&got.means, &got.quaternions), (&scene.means, &scene.quaternions));
            for (i, &state) in states.iter().enumerate() {
                let (logit, log_scale, colour) = parts(&got, i);
                let (want_logit, want_scale, selected) =
                    shown(scene.means[i], scene.logits[i], scene.log_scales[i], state, &change);
                assert!((logit - want_logit).abs() < 1e-6, "{change:?}, Gaussian {i}: {logit}, not {want_logit}");
                let off = (log_scale - want_scale).abs().max_element();
                assert!(off < 1e-5, "{change:?}, Gaussian {i}: {log_scale}, not {want_scale}");
                assert_eq!(colour, if selected { orange } else { parts(&scene, i).2 }, "Gaussian {i}");
                inside += usize::from(crop.is_some() && logit > -4.0);
            }
        }
    }
    assert!(inside > 20, "only {inside} are inside a crop box");
}

/// One Gaussian at a time, seen from all sides: the axis of its least scale, turned towards the camera.
#[test]
fn the_normal_is_that_of_the_flattest_side_and_faces_the_camera() {
    let (mut rng, mut renderer) = (Rng::new(409), support::renderer());
    let mut view = cases::view(&mut rng, 16, 16);
    (view.background, view.antialiased) = ([0.0; 3], false);
    let camera = cases::camera_of(&view);
    let (options, eye) =
        (RenderOptions { channel: Channel::Normal, sh_degree: 0, ..options(&view) }, camera.pose.centre());
    let (gaussians, _) = cases::scene(410, 1, 16, 16);
    let mut grazing = 0;
    for i in 0..150 {
        let turn: [f64; 4] = rng.normals();
        let flat = i % 3;
        let mut scales = [-1.4, -1.0, -1.2];
        scales[flat] = -2.5;
        let gaussian = Gaussian { mean: [0.0; 3], quaternion: turn, log_scale: scales, logit: 5.0, ..gaussians[0] };
        let model = Model::upload(&gpu(), &cases::host_scene(&[gaussian], 0, false)).unwrap();
        let got = renderer.render(&model, &camera, &options).unwrap();
        let strongest = got.pixels.iter().min_by(|a, b| a.w.total_cmp(&b.w)).unwrap();
        let rotation = DQuat::from_xyzw(turn[1], turn[2], turn[3], turn[0]).normalize();
        let axis = rotation * [DVec3::X, DVec3::Y, DVec3::Z][flat];
        let along = axis.dot(-eye.normalize());
        grazing += usize::from(along.abs() < 0.1);
        let want = if along > 0.0 { -axis } else { axis };
        let normal = strongest.truncate().as_dvec3().normalize();
        assert!((normal - want).length() < 1e-4, "Gaussian {i}: {normal}, not {want}");
    }
    assert!(grazing > 5, "only {grazing} are seen edge-on");
}
