//! The packed step of colours against its formula, and the rounding to f16 by its statistics.

use dapple::gpu::Recorder;
use dapple::gpu::wgsl::constant;
use dapple::model::{Model, ModelForm, MotionKind};
use dapple::render::{Channel, LensVariant};
use dapple::train::Config;
use dapple::train::schedule::Schedule;
use dapple::train::update::{Optimiser, Step};
use glam::Vec4;
use half::f16;

use crate::reference::cases::{self, Rng};
use crate::reference::packed;
use crate::reference::sh;
use crate::support::{self, device_view, gpu, read_moments, read_rows};

const COUNT: usize = 150;

/// Least number that is kept beside zero: the least normal f16.
const LEAST: f64 = 6.103_515_625e-5;

/// Distance of the two numbers around a value that it may be rounded to.
fn spacing(value: f64) -> f64 {
    if value.abs() < LEAST {
        return LEAST;
    }
    let near = f16::from_f64(value.abs());
    f16::from_bits(near.to_bits() + 1).to_f64() - near.to_f64()
}

/// Colours of a model read back: 48 numbers a Gaussian.
fn colours(model: &Model) -> Vec<f64> {
    model.download(&gpu()).unwrap().sh.into_iter().map(f64::from).collect()
}

/// Largest error of what must be exact, and how far the rounded coefficients are off, in their spacing.
struct Found {
    constant: f64,
    off: Vec<f64>,
    /// The same, positive where the magnitude has become too large.
    away: Vec<f64>,
}

/// One step at a learning rate of the other bands, from coefficients of all sizes, or with `bare` from none.
fn check(degree: u32, seed: u64, (rate, bare): (f64, bool)) -> Found {
    let (mut gaussians, mut view) = cases::scene(seed, COUNT, 64, 48);
    view.sh_degree = degree;
    gaussians.iter_mut().for_each(|g| g.logit = 1.0);
    let mut scene = cases::host_scene(&gaussians, 3, false);
    // What f16 cannot hold would be rounded before the first step.
    let kept = |v: f32| if f64::from(v.abs()) < LEAST { 0.0 } else { f16::from_f32(v).to_f32() };
    scene.sh.iter_mut().for_each(|v| *v = if bare { 0.0 } else { kept(*v) });
    let form = ModelForm { motion: MotionKind::Static, packed: true };
    let mut model = Model::empty(&gpu(), COUNT, 3, form).unwrap();
    model.load(&gpu(), &scene).unwrap();
    let device = device_view(&view, COUNT);
    let mut renderer = support::training_renderer();
    renderer.prepare(&model, LensVariant::PINHOLE).unwrap();
    renderer.set_view(&device, &model).unwrap();
    let mut rng = Rng::new(seed + 1);
    let gradient: Vec<Vec4> =
        (0..64 * 48).map(|_| Vec4::from_array(rng.normals().map(|v: f64| v as f32 * 1e-3))).collect();
    gpu().write(renderer.frame().image_gradient(), 0, &gradient);

    // The gradient of the constant band, from the same model in full precision.
    let full = Model::upload(&gpu(), &scene).unwrap();
    let probe = Optimiser::storing_gradients(&gpu(), COUNT, 3, MotionKind::Static).unwrap();
    let optimiser = Optimiser::new(&gpu(), COUNT, 3, form).unwrap();
    let config = Config { lr_sh_rest: rate, ..Config::default() };
    let step = Schedule::new(&config, vec![0]).step(0, COUNT);
    let before = colours(&model);
    for (optimiser, model, step) in [(&probe, &full, &Step::default()), (&optimiser, &model, &step)] {
        let mut recorder = Recorder::new(&gpu(), false);
        renderer.record_forward(&mut recorder, model, &device, Channel::Color);
        renderer.record_backward(&mut recorder, &device);
        optimiser.set_step(step);
        optimiser.record(&mut recorder, model, renderer.frame(), &device);
        recorder.finish().unwrap();
    }
    assert_eq!(renderer.frame_mut().read_status().unwrap().non_finite, 0);
    let gradients = read_rows(&gpu(), &read_moments(&probe.moments, COUNT, 3, MotionKind::Static)[0], COUNT, 3);
    let rest = constant("splat/colour_step_packed", "REST_RATE") * f64::from(step.lr_sh_rest);
    let (after, rates) = (colours(&model), [f64::from(step.lr_sh_dc), rest]);

    let c0 = sh::basis([0.0, 0.0, 1.0])[0];
    let mut found = Found { constant: 0.0, off: vec![], away: vec![] };
    for (i, g) in gaussians.iter().enumerate() {
        let colour = std::array::from_fn(|channel| gradients[i][11 + channel] / c0);
        let unit = packed::step(&mut 0.0, colour, 1);
        let towards: [f64; 3] = std::array::from_fn(|axis| g.mean[axis] - f64::from(device.centre[axis]));
        let length = towards.iter().map(|v| v * v).sum::<f64>().sqrt();
        let basis = sh::basis(towards.map(|v| v / length));
        for k in 0..16 {
            let active = k < sh::coefficients(degree);
            for (channel, unit) in unit.iter().enumerate() {
                let at = 48 * i + 3 * k + channel;
                let moved = if active { rates[usize::from(k > 0)] * basis[k] * unit } else { 0.0 };
                let error = after[at] - (before[at] + moved);
                if k == 0 {
                    found.constant = found.constant.max(error.abs());
                } else if moved == 0.0 {
                    assert_eq!(error, 0.0, "Gaussian {i}, coefficient {k}: nothing moves it");
                } else {
                    let place = spacing(before[at] + moved);
                    // The step itself has the rounding of f32, which is more than a place where the result is small.
                    assert!(
                        error.abs() <= 1.001 * place + 1e-5 * moved.abs(),
                        "Gaussian {i}, coefficient {k}: {error:.2e} off, where a place is {place:.2e}"
                    );
                    found.off.push(error / place);
                    found.away.push(error / place * (before[at] + moved).signum());
                }
            }
        }
    }
    found
}

#[test]
fn packed_colours_step_by_the_formula_and_round_without_bias() {
    for (degree, seed) in [(3, 71), (2, 72), (1, 73), (0, 74)] {
        let Found { constant, off, away } = check(degree, seed, (0.02, false));
        assert!(constant < 1e-6, "degree {degree}: the constant band is off by {constant:.1e}");
        if degree == 0 {
            assert!(off.is_empty());
            continue;
        }
        let count = off.len() as f64;
        let mean = off.iter().sum::<f64>() / count;
        eprintln!("degree {degree}: {count} coefficients, {mean:+.4} places off on average");
        assert!(count > 500.0);
        // A number rounded up or down at random has a variance of at most a quarter of a place.
        assert!(mean.abs() < 4.0 * 0.5 / count.sqrt(), "degree {degree}: {mean:+.4} places off on average");
        let larger = away.iter().sum::<f64>() / count;
        assert!(larger.abs() < 4.0 * 0.5 / count.sqrt(), "degree {degree}: {larger:+.4} places too large on average");
        assert!(off.iter().filter(|v| v.abs() > 0.05).count() as f64 > 0.5 * count, "hardly anything is rounded");
    }
}

/// What is below the least number that is kept becomes it or zero, with the chances that make it right on average.
#[test]
fn tiny_colours_round_without_bias() {
    let Found { off, away, .. } = check(3, 75, (2e-5, true));
    let count = off.len() as f64;
    let mean = away.iter().sum::<f64>() / count;
    let up = off.iter().filter(|v| v.abs() > 0.5).count() as f64 / count;
    eprintln!(
        "{count} tiny coefficients, {mean:+.4} places too large on average, {up:.3} of them by more than half a place"
    );
    assert!(
        count > 500.0 && mean.abs() < 4.0 * 0.5 / count.sqrt(),
        "{mean:+.4} places too large on average, of {count}"
    );
    // Rounding to the nearest would never be off by more than half a place.
    assert!(up > 0.1, "{up} are rounded away from the nearest");
}
