//! Weights of the draw by the force of the loss, against the oracle's formula.

use dapple::gpu::Recorder;
use dapple::model::{Model, ModelForm, MotionKind};
use dapple::train::moments::{Moments, moment_vectors};
use dapple::train::refine::{Refine, Refiner, weight_scale};
use glam::Vec4;

use crate::reference::cases::{self, Rng};
use crate::reference::number::Num;
use crate::reference::project::covariance;
use crate::reference::relocate::{self as oracle, DEAD};
use crate::support::{self, gpu};

const COUNT: usize = 300;

/// Weights of a population in a form, whose means have random second moments, and what the oracle makes of the same.
fn weights(form: ModelForm, share: f64, added: usize) -> (Vec<u32>, Vec<f64>) {
    let (gpu, mut rng) = (gpu(), Rng::new(41));
    let (mut gaussians, view) = cases::scene(40, COUNT, 32, 32);
    gaussians.iter_mut().step_by(5).for_each(|g| g.logit = -8.0);
    let mut model = Model::empty(&gpu, COUNT + added, 0, form).unwrap();
    model.load(&gpu, &cases::host_scene(&gaussians, 0, false)).unwrap();
    let moments = Moments::zeros(&gpu, COUNT + added, 0, form).unwrap();
    let vectors = moment_vectors(form);
    let mut rows = vec![Vec4::ONE; COUNT * vectors];
    let mut squares = Vec::new();
    for row in rows.chunks_mut(vectors) {
        // From far too weak to far too strong, and some just copied.
        let strength = if rng.unit() < 0.1 { 0.0 } else { 10f64.powf(rng.range(-12.0, 0.0)) };
        let found = [0; 3].map(|_| (strength * rng.unit()) as f32);
        row[vectors / 2] = Vec4::new(found[0], found[1], found[2], 7.0);
        squares.push(found.map(f64::from));
    }
    gpu.write(&moments.rows, 0, &rows);
    let mut renderer = support::training_renderer();
    renderer.set_view(&support::device_view(&view, COUNT), &model).unwrap();
    let refine = Refine {
        gaussians: COUNT as u32,
        added: added as u32,
        weight_scale: weight_scale(COUNT),
        dead_opacity: DEAD as f32,
        force: share as f32,
        ..Refine::default()
    };
    let refiner = Refiner::new(&gpu, form).unwrap();
    let mut recorder = Recorder::new(&gpu, false);
    if added > 0 {
        refiner.record_growth(&mut recorder, &model, &moments, renderer.frame(), &refine);
    } else {
        refiner.record_relocation(&mut recorder, &model, &moments, renderer.frame(), &refine);
    }
    recorder.finish().unwrap();
    let want = gaussians.iter().zip(&squares).map(|(g, squares)| {
        let opacity = g.logit.sigmoid();
        let force = oracle::force(covariance(&g.quaternion, &g.log_scale), *squares, COUNT);
        let weight = oracle::weight_by(opacity, force, share) * f64::from(weight_scale(COUNT));
        if added > 0 || opacity > DEAD { weight.max(1.0) } else { 0.0 }
    });
    (gpu.read_range(renderer.frame().scratch().weights, 0, COUNT).unwrap(), want.collect())
}

#[test]
fn weights_by_force_agree_with_the_formula() {
    for (packed, added) in [(false, 0), (false, 20), (true, 0)] {
        let form = ModelForm { motion: MotionKind::Static, packed };
        for share in [1.0, 0.6, 0.01] {
            let (got, want) = weights(form, share, added);
            let off = |(&got, want): (&u32, &f64)| (f64::from(got) - want).abs() - 1.0 - 1e-4 * want;
            let worst = got.iter().zip(&want).map(off).fold(f64::MIN, f64::max);
            assert!(worst <= 0.0, "{form:?}, share {share}: off by {worst} beyond what rounding explains");
            let most = f64::from(weight_scale(COUNT));
            let between = want.iter().filter(|w| (2.0..0.99 * most).contains(*w)).count();
            assert!(between > COUNT / 3, "{between} weights tell the formula from a constant");
        }
    }
}
