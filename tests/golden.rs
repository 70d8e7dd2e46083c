//! Whole images against the f64 oracle: procedural scenes, and a trained scene where the shared data is at hand.

use dapple::camera::{Camera, Lens, Pose};
use dapple::format::read_scene;
use dapple::gpu::Gpu;
use dapple::model::{Model, robust_bounds};
use dapple::render::{Channel, RenderOptions, Renderer};
use dapple::scene::Scene;
use glam::{DVec3, Vec3, dvec3};

use crate::reference::cases;
use crate::reference::gradient::render;
use crate::reference::project::View;
use crate::support::files::data;
use crate::support::gpu;

/// Outside the band of undecidable pixels.
const TOLERANCE: f64 = 1.0 / 512.0;

struct Bench {
    gpu: Gpu,
    renderer: Renderer,
}

impl Bench {
    fn new() -> Self {
        let gpu = gpu();
        Self { renderer: Renderer::new(&gpu).unwrap(), gpu }
    }

    /// Compares a scene's image, opacity and depth with the oracle's. Returns the share of pixels in the band.
    fn compare(&mut self, what: &str, scene: &Scene, view: &View<f64>) -> f64 {
        let want = render(&cases::from_host(scene), view);
        let model = Model::upload(&self.gpu, scene).unwrap();
        let mut draw = |channel| {
            let options = RenderOptions {
                background: Vec3::from_array(view.background.map(|v| v as f32)),
                channel,
                sh_degree: view.sh_degree,
                antialiased: view.antialiased,
                near: view.near as f32,
                time: 0.0,
            };
            self.renderer.render(&model, &cases::camera_of(view), &options).unwrap().pixels
        };
        let (colours, depths) = (draw(Channel::Color), draw(Channel::Depth));
        let (mut colour, mut depth, mut banded, mut in_band) = (0.0_f64, 0.0_f64, 0, 0.0_f64);
        for i in 0..colours.len() {
            let got = colours[i].as_dvec4();
            let off = (got.truncate() - DVec3::from_array(want.rgb[i])).abs().max_element();
            let off = off.max((got.w - want.transmittance[i]).abs());
            if want.near_branch[i] {
                banded += 1;
                in_band = in_band.max(off);
                continue;
            }
            colour = colour.max(off);
            let alpha = 1.0 - want.transmittance[i];
            if alpha > 0.01 {
                let expected = want.depth[i] / alpha;
                depth = depth.max((f64::from(depths[i].x) - expected).abs() / expected);
            }
        }
        let share = banded as f64 / colours.len() as f64;
        eprintln!(
            "{what}: colour and opacity off by at most {colour:.1e}, depth by {depth:.1e} of itself; {:.2} % of the \
             pixels are in the band, off by at most {in_band:.1e}",
            100.0 * share
        );
        assert!(colour < TOLERANCE, "{what}: off by {colour}");
        assert!(depth < 1e-3, "{what}: depth off by {depth}");
        assert!(
            view.background.iter().any(|&v| v > 0.0) && colours.iter().any(|p| p.w < 0.9),
            "{what}: an empty image"
        );
        share
    }
}

#[test]
fn procedural_scenes_match_the_oracle() {
    let mut bench = Bench::new();
    for (seed, degree, antialiased) in [(1, 0, false), (2, 1, true), (3, 2, false), (4, 3, true), (5, 3, false)] {
        let (gaussians, mut view) = cases::scene(seed, 400, 160, 120);
        (view.sh_degree, view.antialiased) = (degree, antialiased);
        let scene = cases::host_scene(&gaussians, degree, antialiased);
        let share = bench.compare(&format!("procedural scene {seed}"), &scene, &view);
        assert!(share < 0.3, "{share} of the pixels are in the band");
    }
}

#[test]
fn a_trained_scene_matches_the_oracle() {
    let Some(path) = data("splats/inria_ply/kacytran_iter7000.ply") else { return };
    let scene = read_scene(&path).unwrap();
    let (low, high) = robust_bounds(&scene).expect("the scene is not empty");
    let (centre, size) = (0.5 * (low + high).as_dvec3(), (high - low).as_dvec3().length());
    let mut bench = Bench::new();
    for (i, direction) in [dvec3(1.0, -0.3, 0.2), dvec3(-0.2, -0.5, 1.0), dvec3(-1.0, 0.1, -0.8), dvec3(0.1, -1.0, 0.1)]
        .into_iter()
        .enumerate()
    {
        let eye = centre + direction.normalize() * 0.4 * size;
        let camera =
            Camera { pose: Pose::look_at(eye, centre, dvec3(0.0, -1.0, 0.3)), lens: Lens::from_fov_x(1.0, 112, 80) };
        let view = View { near: f64::from(0.01 * size as f32), ..cases::view_of(&camera, [0.1, 0.2, 0.3]) };
        let what = format!("trained scene of {} Gaussians, camera {i}", scene.len());
        let share = bench.compare(&what, &scene, &view);
        assert!(share < 0.5, "{share} of the pixels are in the band");
    }
}
