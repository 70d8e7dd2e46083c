//! Whether two scenes are the same, however they are parameterised; and fewer Gaussians that look alike.

use dapple::edit::{self, Spread};
use dapple::scene::{Scene, sigmoid};
use glam::{DMat3, DQuat, DVec3, Vec3};

use crate::support::made;
use crate::support::random::Rng;

/// Gaussians that overlap.
fn crowd(n: usize) -> Scene {
    let mut scene = Scene { antialiased: false, ..made::scene(n, 3) };
    scene.means.iter_mut().for_each(|mean| *mean *= 0.1);
    scene
}

/// The same Gaussians with their axes turned into each other by `turn`, which takes the scales of a Gaussian to `order`.
fn with_axes(scene: &Scene, turn: DQuat, order: fn(Vec3) -> Vec3) -> Scene {
    let mut scene = scene.clone();
    for i in 0..scene.len() {
        let [w, x, y, z] = scene.quaternions[i].map(f64::from);
        let [x, y, z, w] = (DQuat::from_xyzw(x, y, z, w) * turn).to_array().map(|v| v as f32);
        scene.quaternions[i] = [w, x, y, z];
        scene.log_scales[i] = order(scene.log_scales[i]);
    }
    scene
}

fn shuffled(scene: &Scene) -> Scene {
    let (mut scene, mut rng) = (scene.clone(), Rng::new(3));
    let mut order: Vec<u32> = (0..scene.len() as u32).collect();
    (1..order.len()).rev().for_each(|i| order.swap(i, rng.below(i + 1)));
    edit::permute(&mut scene, &order);
    scene
}

fn covariance(scene: &Scene, i: usize) -> DMat3 {
    let [w, x, y, z] = scene.quaternions[i].map(f64::from);
    let rotation = DMat3::from_quat(DQuat::from_xyzw(x, y, z, w).normalize());
    let scale = DMat3::from_diagonal(scene.log_scales[i].as_dvec3().exp());
    rotation * scale * scale * rotation.transpose()
}

#[test]
fn the_parameterisation_does_not_count() {
    let scene = crowd(700);
    let mut negated = scene.clone();
    negated.quaternions.iter_mut().for_each(|q| *q = q.map(|v| -v));
    let quarter = DQuat::from_rotation_z(std::f64::consts::FRAC_PI_2);
    let cyclic = with_axes(&scene, DQuat::from_xyzw(0.5, 0.5, 0.5, 0.5), |s| Vec3::new(s.y, s.z, s.x));
    let swapped = with_axes(&scene, quarter, |s| Vec3::new(s.y, s.x, s.z));
    let all = shuffled(&with_axes(&negated, quarter, |s| Vec3::new(s.y, s.x, s.z)));
    let error = covariance(&scene, 5) - covariance(&cyclic, 5);
    assert!(error.to_cols_array().iter().all(|v| v.abs() < 1e-6), "the test's own permutation: {error}");
    for (what, other) in
        [("negated", negated), ("cyclic", cyclic), ("swapped", swapped), ("shuffled", shuffled(&scene)), ("all", all)]
    {
        assert_eq!(edit::field_distance(&scene, &other), 0.0, "{what}");
        let found = edit::matching(&scene, &other).expect("matches");
        assert_eq!(found.pairs, 700, "{what}");
        let parts = [found.position, found.scale, found.shape, found.opacity, found.colour, found.directional];
        assert_eq!(parts, [Spread::default(); 6], "{what}");
    }
    // The same numbers with the wrong order of the axes are another scene.
    let wrong = with_axes(&scene, DQuat::IDENTITY, |s| Vec3::new(s.y, s.z, s.x));
    assert!(edit::field_distance(&scene, &wrong) > 0.01);
}

#[test]
fn the_distance_grows_with_noise() {
    let scene = crowd(400);
    let noisy = |amount: f64, change: fn(&mut Scene, usize, [f64; 3])| {
        let (mut other, mut rng) = (scene.clone(), Rng::new(9));
        (0..other.len()).for_each(|i| change(&mut other, i, rng.normals::<3>().map(|v| v * amount)));
        other
    };
    type Change = fn(&mut Scene, usize, [f64; 3]);
    let changes: [(&str, Change); 5] = [
        ("position", |scene, i, noise| {
            let size = f64::from(scene.log_scales[i].max_element().exp());
            scene.means[i] += (DVec3::from_array(noise) * size).as_vec3();
        }),
        ("scale", |scene, i, noise| scene.log_scales[i] += DVec3::from_array(noise).as_vec3()),
        ("rotation", |scene, i, noise| (0..3).for_each(|k| scene.quaternions[i][k] += noise[k] as f32)),
        ("opacity", |scene, i, noise| scene.logits[i] += noise[0] as f32),
        ("colour", |scene, i, noise| (0..3).for_each(|k| scene.sh[48 * i + k] += noise[k] as f32)),
    ];
    for (what, change) in changes {
        let mut before = 0.0;
        for amount in [0.003, 0.01, 0.03, 0.1, 0.3, 1.0] {
            let other = noisy(amount, change);
            let distance = edit::field_distance(&scene, &other);
            assert!(distance > before, "{what} of {amount}: {distance} after {before}");
            assert_eq!(distance, edit::field_distance(&other, &scene), "symmetric");
            before = distance;
        }
        assert!(before < 1.0, "{what}: {before}");
    }
}

#[test]
fn split_gaussians_count_little() {
    // Translucent: of opaque ones the parts look bolder than the whole.
    let scene = Scene { logits: vec![-1.5; 400], ..crowd(400) };
    // At the same place, each of which lets through the root; and side by side, with the moments of the whole.
    let half = |i: usize| 1.0 - (1.0 - sigmoid(scene.logits[i])).sqrt();
    let mut twice = scene.clone();
    (0..400).for_each(|i| twice.logits[i] = dapple::scene::logit(half(i)));
    let copy = twice.clone();
    edit::append(&mut twice, copy).expect("joins");
    let (mut left, mut right) = (scene.clone(), scene.clone());
    for i in 0..400 {
        let [w, x, y, z] = scene.quaternions[i];
        let axis = glam::Quat::from_xyzw(x, y, z, w).normalize() * Vec3::X * scene.log_scales[i].x.exp();
        (left.means[i], right.means[i]) = (scene.means[i] - 0.5 * axis, scene.means[i] + 0.5 * axis);
        for part in [&mut left, &mut right] {
            part.log_scales[i].x += 0.75_f32.sqrt().ln();
            part.logits[i] = dapple::scene::logit(sigmoid(scene.logits[i]) * 0.577);
        }
    }
    edit::append(&mut left, right).expect("joins");
    let mut dropped = scene.clone();
    dropped.retain(|_, i| i % 2 == 0);
    let [twice, aside, dropped] = [&twice, &left, &dropped].map(|other| edit::field_distance(&scene, other));
    assert!(twice < 0.1 * dropped && aside < 0.2 * dropped, "{twice} and {aside} against {dropped}");
}

#[test]
fn gaussians_that_correspond_are_found() {
    let scene = Scene { antialiased: false, ..made::scene(300, 2) };
    let mut other = scene.clone();
    for i in 0..300 {
        other.means[i].x += 0.2 * scene.log_scales[i].max_element().exp();
        other.logits[i] = dapple::scene::logit(0.9 * sigmoid(scene.logits[i]));
        other.log_scales[i] += if i % 2 == 0 { 0.1 } else { -0.1 };
        other.sh[27 * i] += 0.01;
    }
    other.retain(|_, i| i >= 20);
    let found = edit::matching(&scene, &shuffled(&other)).expect("matches");
    assert!((275..=280).contains(&found.pairs), "{}", found.pairs);
    let near = |value: f64, wanted: f64| assert!((value - wanted).abs() < 0.02 * wanted, "{value}, not {wanted}");
    near(found.scale.median, 0.1);
    near(found.colour.median, f64::from(0.01 * dapple::scene::SH_C0) / 3.0_f64.sqrt());
    assert!(found.position.median > 0.17 && found.position.p95 < 0.21, "{:?}", found.position);
    assert!(found.directional.median < 1e-6 && found.opacity.p95 < 0.1 && found.opacity.median > 0.01);
    assert_eq!(edit::matching(&scene, &Scene::default()).expect("matches").pairs, 0);
}

#[test]
fn merging_keeps_moments_mass_and_colour() {
    let quaternion = [0.9, 0.1, -0.3, 0.2];
    let turn = DQuat::from_xyzw(0.1, -0.3, 0.2, 0.9).normalize();
    let offset = turn * DVec3::X * 0.6;
    let mut scene = Scene {
        means: vec![offset.as_vec3(), -offset.as_vec3(), Vec3::splat(50.0)],
        quaternions: vec![quaternion; 3],
        log_scales: vec![Vec3::new(0.8_f32.ln(), 0.5_f32.ln(), 0.3_f32.ln()); 3],
        logits: vec![-1.0; 3],
        sh: (0..3).flat_map(|i| (0..12).map(move |k| i as f32 + 0.1 * k as f32)).collect(),
        sh_degree: 1,
        ..Scene::default()
    };
    let before = scene.clone();
    edit::merge_to(&mut scene, None, 2).expect("merges");
    scene.validate().expect("whole");
    assert_eq!(scene.len(), 2);
    assert!(scene.means[0].length() < 1e-6);
    // Along the axis 0.8² + 0.6² = 1, across it as before.
    let scale = DMat3::from_diagonal(DVec3::new(1.0, 0.25, 0.09));
    let expected = DMat3::from_quat(turn) * scale * DMat3::from_quat(turn).transpose();
    let error = covariance(&scene, 0) - expected;
    assert!(error.to_cols_array().iter().all(|v| v.abs() < 1e-5), "{error}");
    // Opacity times the root mean square of the projected areas.
    let area = |x: f64, y: f64, z: f64| (x * y + y * z + z * x).sqrt();
    let wanted = 2.0 * f64::from(sigmoid(-1.0)) * area(0.64, 0.25, 0.09) / area(1.0, 0.25, 0.09);
    assert!((f64::from(sigmoid(scene.logits[0])) - wanted).abs() < 1e-6);
    assert!((0..12).all(|k| (scene.sh[k] - (0.5 + 0.1 * k as f32)).abs() < 1e-6), "{:?}", &scene.sh[..12]);
    // The one far away is as it was, to the bit.
    let mut alone = before.clone();
    alone.retain(|_, i| i == 2);
    scene.retain(|_, i| i == 1);
    assert_eq!(scene, alone);
    // What cameras do not see goes first.
    let mut four = before.clone();
    edit::append(&mut four, alone).expect("joins");
    four.means[3] = Vec3::splat(53.0);
    edit::merge_to(&mut four, Some(&[5.0, 5.0, 0.0, 0.0]), 3).expect("merges");
    assert_eq!(four.means[..2], before.means[..2]);
    assert!(edit::merge_to(&mut four, Some(&[1.0]), 2).is_err());
}

#[test]
fn merged_scenes_look_more_alike_than_thinned_ones() {
    let mut scene = crowd(3000);
    // A patterned sheet, of which neighbours have one colour.
    for i in 0..3000 {
        let (u, v) = ((i as f32 * 0.618_034).fract() * 2.0 - 1.0, i as f32 / 1500.0 - 1.0);
        scene.means[i] = Vec3::new(u, v, 0.1 * u * v);
        scene.log_scales[i] = Vec3::new(-3.2, -3.2, -5.0);
        scene.quaternions[i] = [1.0, 0.0, 0.0, 0.0];
        scene.logits[i] = 0.5 + u;
        scene.sh[48 * i..48 * (i + 1)].fill(0.0);
        scene.sh[48 * i + (i / 500) % 3] = u;
    }
    for n in [1500, 600, 150] {
        let (mut merged, mut again, mut dropped) = (scene.clone(), scene.clone(), scene.clone());
        edit::merge_to(&mut merged, None, n).expect("merges");
        edit::merge_to(&mut again, None, n).expect("merges");
        assert!(merged == again && merged.len() == n, "the same each time");
        merged.validate().expect("whole");
        edit::keep_most(&mut dropped, &edit::importance(&scene), n).expect("keeps");
        let [merged, dropped] = [&merged, &dropped].map(|other| edit::field_distance(&scene, other));
        assert!(merged < 0.5 * dropped, "{n}: {merged} against {dropped}");
    }
    // At one place, and without any extent.
    let mut points = crowd(100);
    points.means.fill(Vec3::ONE);
    points.log_scales.fill(Vec3::splat(-60.0));
    edit::merge_to(&mut points, None, 7).expect("merges");
    points.validate().expect("whole");
    assert_eq!(points.len(), 7);
}
