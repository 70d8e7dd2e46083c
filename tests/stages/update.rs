//! The optimiser's step against the oracle's, its noise, and what it does with values that are not finite.

use dapple::gpu::Recorder;
use dapple::model::{Model, MotionKind};
use dapple::render::{Channel, Renderer, View};
use dapple::scene::Scene;
use dapple::train::Config;
use dapple::train::schedule::Schedule;
use dapple::train::update::{Optimiser, Step};
use glam::{Vec3, Vec4};

use crate::reference::adam::Moments;
use crate::reference::cases::{self, Rng};
use crate::reference::project::{Gaussian, PARAMETERS};
use crate::reference::random::normals;
use crate::reference::update::{self as oracle, Rates, Settings};
use crate::support::{self, device_view, gpu, read_moments, read_rows};

const STREAM_NOISE: u32 = 1;
const SEED: u64 = 0x0123_4567_89ab_cdef;

/// A model under a fixed gradient of the image.
struct Rig {
    renderer: Renderer,
    optimiser: Optimiser,
    model: Model,
    view: View,
}

impl Rig {
    fn new(scene: &Scene, view: View, image_gradient: &[Vec4]) -> Self {
        let gpu = gpu();
        let mut renderer = support::training_renderer();
        let model = Model::upload(&gpu, scene).unwrap();
        renderer.set_view(&view, &model).unwrap();
        gpu.write(renderer.frame().image_gradient(), 0, image_gradient);
        let optimiser = Optimiser::new(&gpu, scene.len(), scene.sh_degree, model.form()).unwrap();
        Self { renderer, optimiser, model, view }
    }

    /// Renders, goes back, and lets each optimiser have the slots; returns how many values were not finite.
    fn step(&mut self, step: &Step, probe: Option<&Optimiser>) -> u32 {
        let mut recorder = Recorder::new(&gpu(), false);
        if let Some(probe) = probe {
            self.render(&mut recorder);
            probe.set_step(&Step::default());
            probe.record(&mut recorder, &self.model, self.renderer.frame(), &self.view);
        }
        // Again: an optimiser takes the splats' place.
        self.render(&mut recorder);
        self.optimiser.set_step(step);
        self.optimiser.record(&mut recorder, &self.model, self.renderer.frame(), &self.view);
        recorder.finish().unwrap();
        let status = self.renderer.frame_mut().read_status().unwrap();
        assert_eq!((status.overflowed, status.steps), (0, 1 + u32::from(probe.is_some())));
        status.non_finite
    }

    /// Records a frame and its way back.
    fn render(&self, recorder: &mut Recorder) {
        self.renderer.record_forward(recorder, &self.model, &self.view, Channel::Color);
        self.renderer.record_backward(recorder, &self.view);
    }

    /// Which Gaussians the view shows at the present values.
    fn seen(&mut self) -> Vec<bool> {
        let mut recorder = Recorder::new(&gpu(), false);
        self.renderer.record_forward(&mut recorder, &self.model, &self.view, Channel::Color);
        recorder.finish().unwrap();
        self.renderer.frame_mut().read_status().unwrap();
        support::seen(self.renderer.frame(), self.model.len())
    }

    fn rows(&self) -> Vec<[f64; PARAMETERS]> {
        read_rows(&gpu(), &self.model.rows, self.model.len(), self.model.sh_degree())
    }
}

fn random_gradient(seed: u64, pixels: u32, size: f32) -> Vec<Vec4> {
    let mut rng = Rng::new(seed);
    (0..pixels).map(|_| Vec4::from_array(rng.normals().map(|v: f64| v as f32 * size))).collect()
}

/// Ten steps of all of it. The oracle takes the gradients that the device stored, and goes its own way in f64.
#[test]
fn steps_agree_with_adam_regularisers_and_noise() {
    let count = 120;
    let (gaussians, view) = cases::scene(61, count, 64, 48);
    // Some nearly transparent ones, which the noise moves most.
    let mut gaussians = gaussians;
    gaussians.iter_mut().step_by(5).for_each(|g| g.logit = -5.0);
    let scene = cases::host_scene(&gaussians, 3, false);
    let mut rig = Rig::new(&scene, device_view(&view, count), &random_gradient(62, 64 * 48, 1e-3));
    let probe = Optimiser::storing_gradients(&gpu(), count, 3, MotionKind::Static).unwrap();
    let config = Config { seed: SEED, scale_regularisation: Some(0.01), ..Config::default() };
    let schedule = Schedule::new(&config, vec![0]);
    let mut twins: Vec<(Gaussian<f64>, [Moments; PARAMETERS])> =
        gaussians.iter().map(|g| (*g, [Moments::default(); PARAMETERS])).collect();
    let mut underflown = vec![[false; PARAMETERS]; count];
    // The way that each value went. Noise goes there and back: its roundings follow the way, not where it led.
    let mut ways = vec![[0.0_f64; PARAMETERS]; count];
    for step in 0..10 {
        let seen = rig.seen();
        assert_eq!(rig.step(&schedule.step(step, count), Some(&probe)), 0);
        let gradients = read_rows(&gpu(), &read_moments(&probe.moments, count, 3, MotionKind::Static)[0], count, 3);
        let rate = schedule.mean_rate(step);
        let settings = Settings {
            step: step + 1,
            rates: Rates::standard(rate),
            opacity_weight: config.opacity_regularisation,
            scale_weight: config.scale_regularisation.unwrap(),
            noise: config.noise * rate / schedule.mean_rate(0),
            count,
        };
        for (i, (twin, moments)) in twins.iter_mut().enumerate() {
            let seed = SEED as u32 ^ (SEED >> 32) as u32;
            let eta = normals([i as u32, step, seed, STREAM_NOISE]);
            let before = twin.to_array();
            *twin = oracle::update(twin, moments, &gradients[i], eta, seen[i], &settings);
            let after = twin.to_array();
            (0..PARAMETERS).for_each(|lane| ways[i][lane] += (after[lane] - before[lane]).abs());
            // The second moment of so small a gradient is zero in f32: then there is no step.
            (0..PARAMETERS)
                .for_each(|lane| underflown[i][lane] |= gradients[i][lane] != 0.0 && gradients[i][lane].abs() < 1e-16);
        }
    }
    let (mut worst, mut compared, mut moved) = (0.0_f64, 0, 0);
    for (i, (got, (twin, _))) in rig.rows().iter().zip(&twins).enumerate() {
        let want = twin.to_array();
        for lane in (0..PARAMETERS).filter(|&lane| !underflown[i][lane]) {
            let way = ways[i][lane];
            let error = (got[lane] - want[lane]).abs();
            // Ten roundings of the value itself, and a share of the way.
            let allowed = 1e-4 * way + 10.0 * 6e-8 * want[lane].abs();
            assert!(error <= allowed, "Gaussian {i}, lane {lane}: {}, not {}", got[lane], want[lane]);
            worst = worst.max(error / (way + 1e-3 * want[lane].abs() + 1e-9));
            compared += 1;
            moved += usize::from(way > 0.0);
        }
    }
    assert!(compared > 59 * count - 500 && moved > 40 * count, "{compared} compared, {moved} moved");
    eprintln!(
        "update: {compared} parameters, {moved} moved, after 10 steps; largest error a share {worst:.1e} of the way"
    );
}

/// Displacements of many equal Gaussians: mean zero, covariance min(gate · strength, 1)² Σ; and none of those out of view.
#[test]
fn noise_has_the_covariance_it_should() {
    let count = 20_000;
    let turn = [0.8_f32, 0.1, -0.4, 0.43];
    let scales = Vec3::new(0.3, 0.1, 0.05);
    let scene = Scene {
        means: vec![Vec3::ZERO; count],
        quaternions: vec![turn; count],
        log_scales: vec![scales.map(f32::ln); count],
        logits: vec![-5.0; count],
        sh: vec![0.0; 3 * count],
        ..Scene::default()
    };
    let view = cases::view(&mut Rng::new(3), 16, 16);
    let mut rig = Rig::new(&scene, device_view(&view, count), &vec![Vec4::ZERO; 256]);
    let config =
        Config { seed: SEED, opacity_regularisation: 0.0, scale_regularisation: Some(0.0), ..Config::default() };
    let schedule = Schedule::new(&config, vec![0]);
    assert!(rig.seen().iter().all(|seen| *seen));
    rig.step(&schedule.step(4321, count), None);
    let after = rig.rows();

    let g = cases::from_host(&scene)[0];
    let strength = config.noise * schedule.mean_rate(4321) / schedule.mean_rate(0);
    let unit = |axis: usize| std::array::from_fn(|i| f64::from(u8::from(i == axis)));
    // Columns of gate · strength · R diag(s).
    let spread: [[f64; 3]; 3] = std::array::from_fn(|axis| oracle::noise(&g, unit(axis), strength));
    let n = count as f64;
    let mean: [f64; 3] = std::array::from_fn(|a| after.iter().map(|row| row[a]).sum::<f64>() / n);
    for a in 0..3 {
        let deviation = |a: usize| spread.iter().map(|column| column[a] * column[a]).sum::<f64>().sqrt();
        assert!(mean[a].abs() < 5.0 * deviation(a) / n.sqrt(), "mean {mean:?}");
        for b in 0..3 {
            let want: f64 = spread.iter().map(|column| column[a] * column[b]).sum();
            let got = after.iter().map(|row| row[a] * row[b]).sum::<f64>() / n;
            // Five standard errors of a product of two normals.
            let error = 5.0 * (want * want + (deviation(a) * deviation(b)).powi(2)).sqrt() / n.sqrt();
            assert!((got - want).abs() < error, "covariance {a}{b}: {got}, not {want} ± {error}");
        }
    }
    assert!(after.iter().all(|row| row[3..10] == after[0][3..10]), "noise moves means alone");
    let mut away = view;
    away.translation[2] -= 100.0;
    let mut unseen = Rig::new(&scene, device_view(&away, count), &[]);
    unseen.step(&schedule.step(4321, count), None);
    assert!(unseen.rows().iter().all(|row| row[..3] == [0.0; 3]), "what the view does not show stays where it is");
    eprintln!("noise: mean {mean:?} over {count} Gaussians, covariance within five standard errors");
}

/// A NaN in one pixel's gradient is counted, and reaches nobody outside that pixel's tile.
#[test]
fn gradients_that_are_not_finite_are_counted_and_skipped() {
    let (gaussians, view) = cases::scene(71, 150, 64, 48);
    let scene = cases::host_scene(&gaussians, 2, false);
    let mut view = view;
    view.sh_degree = 2;
    let clean = random_gradient(72, 64 * 48, 1.0);
    let step = Schedule::new(&Config::default(), vec![0]).step(0, scene.len());
    let run = |gradient: &[Vec4]| {
        let mut rig = Rig::new(&scene, device_view(&view, scene.len()), gradient);
        let skipped = rig.step(&step, None);
        (skipped, rig.rows())
    };
    let (none, want) = run(&clean);
    assert_eq!(none, 0);
    for poison in [f32::NAN, f32::INFINITY] {
        let mut gradient = clean.clone();
        gradient[10 * 64 + 20] = Vec4::new(0.0, poison, 0.0, 0.0);
        let (skipped, got) = run(&gradient);
        let changed = got.iter().zip(&want).filter(|(got, want)| got != want).count();
        assert!(skipped > 0 && (skipped as usize) < scene.len() / 2, "{skipped} skipped");
        assert!(changed <= skipped as usize, "{changed} Gaussians differ, {skipped} were skipped");
        assert!(got.iter().flatten().all(|v| v.is_finite()), "a value is not finite");
        eprintln!("{poison} in one pixel: {skipped} of {} Gaussians skipped, {changed} differ", scene.len());
    }
}

/// A channel clamped at black learns what raises it, and nothing else.
#[test]
fn black_channels_can_only_rise() {
    let scene = Scene {
        means: vec![Vec3::ZERO],
        quaternions: vec![[1.0, 0.0, 0.0, 0.0]],
        log_scales: vec![Vec3::splat(-1.0)],
        logits: vec![0.0],
        sh: vec![-2.0; 3],
        ..Scene::default()
    };
    let view = cases::view(&mut Rng::new(3), 16, 16);
    // More red would help, more green would not, and blue does not matter.
    let mut rig = Rig::new(&scene, device_view(&view, 1), &[Vec4::new(-1e-3, 1e-3, 0.0, 0.0); 256]);
    let config = Config { seed: SEED, ..Config::default() };
    rig.step(&Schedule::new(&config, vec![0]).step(0, 1), None);
    let after = rig.rows()[0];
    assert!((after[11] - (-2.0 + config.lr_sh_dc)).abs() < 1e-6, "red rises by a whole step, to {}", after[11]);
    assert_eq!(after[12..14], [-2.0, -2.0], "green and blue stay");
}
