//! What is done to scenes between reading and writing: rotation of colours, joining, choosing, ordering.

use dapple::edit::{self, Region, ShRotation, Similarity, sh_basis};
use dapple::scene::{Motion, Scene};
use glam::{DMat3, DMat4, DQuat, DVec3, Vec3};

use crate::support::random::Rng;
use crate::support::{made, moving};

fn scene(n: usize, sh_degree: u32, moving: bool) -> Scene {
    let scene = if moving { moving::scene(n, sh_degree) } else { made::scene(n, sh_degree) };
    Scene { antialiased: false, ..scene }
}

fn turns() -> Vec<DQuat> {
    let odd = DQuat::from_axis_angle(DVec3::new(0.3, -0.8, 0.5).normalize(), 1.234);
    let quarter = DQuat::from_rotation_x(std::f64::consts::FRAC_PI_2);
    vec![odd, odd.inverse(), quarter, DQuat::from_rotation_z(std::f64::consts::PI), DQuat::from_rotation_y(-2.5)]
}

fn colour(sh: &[f32], direction: DVec3) -> DVec3 {
    let basis = sh_basis(direction.normalize());
    sh.chunks_exact(3).zip(basis).map(|(c, y)| DVec3::new(c[0].into(), c[1].into(), c[2].into()) * y).sum()
}

#[test]
fn a_rotated_colour_is_seen_from_the_rotated_direction() {
    for (degree, rotation) in (0..=3).flat_map(|degree| turns().into_iter().map(move |turn| (degree, turn))) {
        let before = scene(1, degree, false).sh;
        let mut after = before.clone();
        ShRotation::new(DMat3::from_quat(rotation)).apply(&mut after);
        let mut rng = Rng::new(5);
        for _ in 0..50 {
            let direction = DVec3::from_array(rng.normals());
            let difference = colour(&after, rotation * direction) - colour(&before, direction);
            assert!(difference.abs().max_element() < 4e-6, "degree {degree}, {rotation}: {difference}");
        }
    }
}

#[test]
fn half_turns_only_change_signs() {
    // The signs between a PLY and the axes of SPZ, half a turn about x, and of glTF, half a turn about z.
    let tables: [(DQuat, [f32; 15]); 2] = [
        (
            DQuat::from_rotation_x(std::f64::consts::PI),
            [-1., -1., 1., -1., 1., 1., -1., 1., -1., 1., -1., -1., 1., -1., 1.],
        ),
        (DQuat::from_xyzw(0.0, 0.0, 1.0, 0.0), [-1., 1., -1., 1., -1., 1., -1., 1., -1., 1., -1., 1., -1., 1., -1.]),
    ];
    for (rotation, signs) in tables {
        let before = scene(1, 3, false).sh;
        let mut after = before.clone();
        ShRotation::new(DMat3::from_quat(rotation)).apply(&mut after);
        for k in 1..16 {
            for channel in 0..3 {
                assert_eq!(after[3 * k + channel], signs[k - 1] * before[3 * k + channel], "coefficient {k}");
            }
        }
    }
}

/// The covariance of a Gaussian.
fn covariance(scene: &Scene, i: usize) -> DMat3 {
    let [w, x, y, z] = scene.quaternions[i].map(f64::from);
    let rotation = DMat3::from_quat(DQuat::from_xyzw(x, y, z, w).normalize());
    let scale = DMat3::from_diagonal(scene.log_scales[i].as_dvec3().exp());
    rotation * scale * scale * rotation.transpose()
}

#[test]
fn a_similarity_moves_shapes_and_velocities() {
    let before = scene(20, 3, true);
    let similarity = Similarity { rotation: turns()[0], scale: 1.7, translation: DVec3::new(3.0, -2.0, 0.5) };
    let mut after = before.clone();
    similarity.apply_to(&mut after);
    after.validate().expect("whole");
    let linear = DMat3::from_quat(similarity.rotation) * similarity.scale;
    for i in 0..before.len() {
        let mean = linear * before.means[i].as_dvec3() + similarity.translation;
        assert!(mean.distance(after.means[i].as_dvec3()) < 1e-5);
        let expected = linear * covariance(&before, i) * linear.transpose();
        let error = expected - covariance(&after, i);
        let size = expected.to_cols_array().into_iter().fold(0.0, |m: f64, v| m.max(v.abs()));
        assert!(error.to_cols_array().iter().all(|v| v.abs() < 1e-5 * size), "{i}: {error}");
    }
    for time in [0.0, 0.3, 1.0] {
        let mut moved = before.at(time);
        similarity.apply_to(&mut moved);
        let snapshot = after.at(time);
        for i in 0..moved.len() {
            let scale = moved.means[i].length().max(1.0);
            assert!(moved.means[i].distance(snapshot.means[i]) < 1e-5 * scale);
            assert_eq!(moved.logits[i], snapshot.logits[i]);
        }
    }
    let back = Similarity::from_matrix(DMat4::from_scale_rotation_translation(
        DVec3::splat(similarity.scale),
        similarity.rotation,
        similarity.translation,
    ));
    let back = back.expect("a similarity");
    assert!(back.rotation.dot(similarity.rotation).abs() > 1.0 - 1e-12 && (back.scale - 1.7).abs() < 1e-12);
    for wrong in [DVec3::new(1.0, 1.0, -1.0), DVec3::new(1.0, 2.0, 1.0), DVec3::new(1.0, 0.0, 1.0)] {
        assert!(Similarity::from_matrix(DMat4::from_scale(wrong)).is_err(), "{wrong}");
    }
    let both = Similarity::rotation(turns()[0]).then(&Similarity::translation(DVec3::X));
    assert!(both.apply(DVec3::Y).distance(turns()[0] * DVec3::Y + DVec3::X) < 1e-12);
}

#[test]
fn scenes_of_different_degree_are_joined() {
    let (flat, full) = (scene(3, 0, false), scene(2, 3, true));
    for (first, second) in [(flat.clone(), full.clone()), (full, flat)] {
        let mut joined = first.clone();
        edit::append(&mut joined, second.clone()).expect("joins");
        joined.validate().expect("whole");
        assert_eq!((joined.len(), joined.sh_degree), (5, 3));
        for i in 0..5 {
            let (part, k) = if i < first.len() { (&first, i) } else { (&second, i - first.len()) };
            let (own, row) = (&part.sh[k * part.sh_stride()..][..part.sh_stride()], &joined.sh[i * 48..][..48]);
            assert_eq!(&row[..own.len()], own);
            assert!(row[own.len()..].iter().all(|&v| v == 0.0));
            assert_eq!(joined.means[i], part.means[k]);
            for time in [0.0, 0.7] {
                let (expected, found) = (part.at(time), joined.at(time));
                assert!(expected.means[k].distance(found.means[i]) < 1e-6);
                assert!((expected.logits[k] - found.logits[i]).abs() < 1e-4);
            }
        }
    }
    let mut mixed = scene(1, 0, false);
    assert!(edit::append(&mut mixed, Scene { antialiased: true, ..scene(1, 0, false) }).is_err());
    let mut capped = scene(4, 3, false);
    let full = capped.clone();
    edit::cap_degree(&mut capped, 1);
    assert_eq!((capped.sh_degree, capped.sh.len()), (1, 4 * 12));
    assert!((0..4).all(|i| capped.sh[i * 12..][..12] == full.sh[i * 48..][..12]));
}

#[test]
fn permuting_moves_whole_gaussians() {
    let before = scene(50, 2, true);
    let order = edit::morton_order(&before.means);
    let mut sorted = order.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, (0..50).collect::<Vec<u32>>());
    let mut after = before.clone();
    edit::permute(&mut after, &order);
    for (to, &from) in order.iter().enumerate() {
        let mut one = before.clone();
        one.retain(|_, i| i == from as usize);
        let mut other = after.clone();
        other.retain(|_, i| i == to);
        assert_eq!(one, other);
    }
    // Octants come one after the other.
    let middle = before.means.iter().fold((Vec3::INFINITY, Vec3::NEG_INFINITY), |(l, h), &m| (l.min(m), h.max(m)));
    let middle = (middle.0 + middle.1) / 2.0;
    let octant = |m: &Vec3| m.cmpgt(middle).bitmask();
    let octants: Vec<u32> = after.means.iter().map(octant).collect();
    assert!(octants.is_sorted(), "{octants:?}");
}

#[test]
fn the_most_important_are_kept_in_order() {
    let mut scene = scene(3, 0, false);
    scene.log_scales = vec![Vec3::splat(-1.0), Vec3::ZERO, Vec3::splat(-1.0)];
    scene.logits = vec![5.0, -5.0, -5.0];
    let weights = edit::importance(&scene);
    assert!(weights[0] > weights[1] && weights[1] > weights[2], "{weights:?}");
    let all = scene.clone();
    edit::keep_most(&mut scene, &weights, 2).expect("keeps");
    assert_eq!(scene.means, all.means[..2]);
    let mut ties = all.clone();
    edit::keep_most(&mut ties, &[1.0; 3], 2).expect("keeps");
    assert_eq!(ties.means, all.means[..2]);
    assert!(edit::keep_most(&mut ties, &[1.0], 1).is_err());
}

#[test]
fn what_lies_alone_is_isolated() {
    let mut grid = Scene::default();
    for i in 0..125 {
        grid.means.push(Vec3::new((i % 5) as f32, (i / 5 % 5) as f32, (i / 25) as f32));
    }
    // Forty at one place, which a tree cannot split, and one far away.
    grid.means.extend([Vec3::splat(9.0); 40]);
    grid.means.push(Vec3::splat(100.0));
    let isolation = edit::isolation(&grid, 6).expect("finds");
    // Of the sixth neighbours, those inside the grid are one cell away and those on its faces, the median, √2.
    assert_eq!((isolation[62], isolation[12]), (std::f32::consts::FRAC_1_SQRT_2, 1.0));
    assert_eq!(isolation[130], 0.0);
    assert!(isolation[165] > 100.0);
    let few = Scene { means: vec![Vec3::ZERO; 3], ..Scene::default() };
    assert_eq!(edit::isolation(&few, 6).expect("finds"), [f32::INFINITY; 3]);
}

#[test]
fn regions_say_what_is_inside() {
    let cube: Region = "box=1,1,1,-1,-1,-1".parse().expect("parses");
    assert!(cube.contains(Vec3::ONE) && !cube.contains(Vec3::new(0.0, 0.0, 1.01)));
    let ball: Region = "sphere=1,0,0,2".parse().expect("parses");
    assert!(ball.contains(Vec3::new(3.0, 0.0, 0.0)) && !ball.contains(Vec3::new(-1.1, 0.0, 0.0)));
    for wrong in ["box=1,2,3", "sphere=0,0,0,-1", "sphere=0,0,0,NaN", "cone=1,2,3,4", "1,2,3,4", "sphere=a,0,0,1"] {
        assert!(wrong.parse::<Region>().is_err(), "{wrong}");
    }
}

#[test]
fn a_gaussian_that_fades_away_is_never_seen() {
    let mut scene = scene(2, 0, true);
    scene.logits = vec![3.0, 3.0];
    let motion = scene.motion.as_mut().expect("moving");
    motion.gates = vec![Motion::NO_GATE; 2];
    motion.centres = vec![0.5, 4.0];
    motion.log_durations = vec![-2.0, -2.0];
    assert!(edit::peak_opacity(&scene, 0) > 0.95);
    assert!(edit::peak_opacity(&scene, 1) < 1e-6, "its time is after the clip");
}

#[test]
fn near_gaussians_come_before_far_ones() {
    let mut rng = Rng::new(5);
    let mut number = |size: f64| rng.range(-size, size) as f32;
    let mut means: Vec<Vec3> = (0..300).map(|_| Vec3::new(number(1.0), number(1.0), number(1.0))).collect();
    (0..30).for_each(|i| means.insert(10 * i, Vec3::new(number(1.0), number(1.0), 50.0 * (i + 1) as f32)));
    let order = edit::octave_order(&means);
    let mut sorted = order.clone();
    sorted.sort_unstable();
    assert!(sorted.into_iter().eq(0..330), "each once");
    let distances: Vec<f32> = order.iter().map(|&i| means[i as usize].length()).collect();
    assert!(distances[..300].iter().all(|&d| d < 2.0));
    // Within an octave a later one may be nearer, by half at most, and by what the median is off the origin.
    assert!(distances[300..].is_sorted_by(|a, b| *b > 0.49 * a), "{:?}", &distances[300..]);
    assert!(edit::octave_order(&[]).is_empty() && edit::octave_order(&[Vec3::ONE; 3]) == [0, 1, 2]);
}

/// `count` Gaussians of a size around a place.
fn cluster(scene: &mut Scene, place: Vec3, count: usize, size: f32) {
    for k in 0..count {
        scene.means.push(place + size * Vec3::new(0.0, 0.0, k as f32));
        scene.quaternions.push([1.0, 0.0, 0.0, 0.0]);
        scene.log_scales.push(Vec3::splat(size.ln()));
        scene.logits.push(2.0);
        scene.sh.extend([0.0; 3]);
    }
}

#[test]
fn small_clusters_float_where_an_eye_is_nearer_than_half_of_the_way_to_anything_else() {
    let (mut rng, mut scene) = (Rng::new(8), Scene { sh_degree: 0, ..Scene::default() });
    for _ in 0..8000 {
        let direction = DVec3::from_array(rng.normals()).normalize();
        cluster(&mut scene, direction.as_vec3(), 1, 0.04);
    }
    let eyes: Vec<Vec3> = (0..8).map(|k| 3.0 * Vec3::new((k as f32).cos(), (k as f32).sin(), 0.0)).collect();
    // Before an eye; in the air between; near the ball; and before an eye, but too many.
    for (x, count) in [(2.7, 5), (2.0, 5), (1.3, 5)] {
        cluster(&mut scene, Vec3::new(x, 0.0, 0.0), count, 0.01);
    }
    cluster(&mut scene, -0.95 * eyes[0], 100, 0.001);
    let floating = edit::floating(&scene, &eyes).expect("finds");
    let found: Vec<usize> = (0..scene.len()).filter(|&i| floating[i]).collect();
    assert_eq!(found, (8000..8010).collect::<Vec<_>>());
    // Whatever the order is; and nothing floats where nobody looks, or alone.
    let order = edit::morton_order(&scene.means);
    let mut ordered = scene.clone();
    edit::permute(&mut ordered, &order);
    let again = edit::floating(&ordered, &eyes).expect("finds");
    assert!(order.iter().zip(again).all(|(&i, floats)| floats == floating[i as usize]));
    assert!(edit::floating(&scene, &[]).expect("finds").iter().all(|floats| !floats));
    let alone = edit::gather(&scene, &[8000]);
    assert_eq!(edit::floating(&alone, &eyes).expect("finds"), [false]);
}
