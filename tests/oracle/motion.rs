//! The twin of motion and flow against central differences and what it must keep.

use crate::reference::cases::{self, Kind, Rng};
use crate::reference::flow::{Case, Form, INPUTS, gradient, loss, root};
use crate::reference::motion::{MOTION, Motion, pose, pose_backward, set_moving};
use crate::reference::number::matmul;
use crate::reference::project::{Gaussian, PARAMETERS};

#[test]
fn the_pose_has_the_values_of_its_formula() {
    let mut rng = Rng::new(7);
    let view = cases::view(&mut rng, 32, 32);
    let g = cases::gaussian(&mut rng, &view, Kind::Plain);
    let opacity = |g: &Gaussian<f64>| 1.0 / (1.0 + (-g.logit).exp());
    let still = Motion {
        velocity: [1.0, -2.0, 0.5],
        centre: 0.4,
        log_duration: 0.2_f64.ln(),
        gate: -1.0,
        acceleration: [0.0; 3],
        turn: [0.0; 3],
    };
    let at_centre = pose(&g, &still, 0.4);
    assert!((opacity(&at_centre) - opacity(&g)).abs() < 1e-12 && at_centre.mean == g.mean);
    // One duration later: exp(-1/2) of the opacity.
    let later = pose(&g, &still, 0.6);
    assert!((opacity(&later) / opacity(&g) - (-0.5_f64).exp()).abs() < 1e-6);
    assert!((later.mean[1] - (g.mean[1] - 0.4)).abs() < 1e-12);
    // A gate that is open keeps everything, one at zero half of what fades.
    let with_gate = |gate| opacity(&pose(&g, &Motion { gate, ..still }, 0.6)) / opacity(&g);
    assert!((with_gate(1.0) - 1.0).abs() < 1e-6);
    assert!((with_gate(0.0) - (0.5 + 0.5 * (-0.5_f64).exp())).abs() < 1e-12);
}

#[test]
fn pose_adjoints_match_central_differences() {
    let mut rng = Rng::new(8);
    let view = cases::view(&mut rng, 32, 32);
    let mut gaussians: Vec<Gaussian<f64>> = (0..20).map(|_| cases::gaussian(&mut rng, &view, Kind::Plain)).collect();
    let motions = set_moving(&mut rng, &mut gaussians, 0.3, true);
    for (g, m) in gaussians.iter().zip(&motions) {
        let row: [f64; PARAMETERS] = std::array::from_fn(|_| rng.normal());
        let value = |g: &Gaussian<f64>, m: &Motion<f64>| -> f64 {
            pose(g, m, 0.3).to_array().iter().zip(&row).map(|(v, w)| v * w).sum()
        };
        let (by_geometry, by_motion) = pose_backward(g, m, 0.3, &row);
        let close = |got: f64, want: f64| (got - want).abs() < 1e-6 * (1.0 + want.abs());
        for lane in 0..MOTION {
            let at = |step: f64| {
                let mut flat = m.to_array();
                flat[lane] += step;
                value(g, &Motion::from_array(&flat))
            };
            let want = (at(1e-5) - at(-1e-5)) / 2e-5;
            assert!(close(by_motion[lane], want), "motion {lane}: {}, not {want}", by_motion[lane]);
        }
        for lane in [0, 1, 2, 3, 4, 5, 6, 10] {
            let at = |step: f64| {
                let mut flat = g.to_array();
                flat[lane] += step;
                value(&Gaussian::from_array(&flat), m)
            };
            let want = (at(1e-5) - at(-1e-5)) / 2e-5;
            assert!(close(by_geometry[lane], want), "geometry {lane}: {}, not {want}", by_geometry[lane]);
        }
    }
}

#[test]
fn symmetric_roots_square_to_their_matrix() {
    let mut rng = Rng::new(9);
    for _ in 0..50 {
        let [x, y] = rng.normals::<2>();
        let s = [[x * x + 0.1, x * y], [x * y, y * y + 0.1]];
        let (b, want) = (root(&s), s);
        let squared = matmul(&b, &b);
        for r in 0..2 {
            for c in 0..2 {
                assert!((squared[r][c] - want[r][c]).abs() < 1e-12);
            }
        }
    }
}

/// Where everything learns, the loss is a plain function of the parameters.
#[test]
fn flow_gradients_match_central_differences() {
    let mut rng = Rng::new(10);
    let view = cases::view(&mut rng, 14, 12);
    let mut gaussians: Vec<Gaussian<f64>> = (0..6).map(|_| cases::gaussian(&mut rng, &view, Kind::Plain)).collect();
    gaussians.iter_mut().for_each(|g| g.log_scale = g.log_scale.map(|s| s + 1.0));
    let mut other = view;
    other.translation[0] += 0.1;
    let motions = set_moving(&mut rng, &mut gaussians, 0.5, true);
    let pixels = 14 * 12;
    let case = Case {
        wanted: (0..pixels).map(|_| rng.normals()).collect(),
        valid: vec![true; pixels],
        views: [view, other],
        times: [0.5, 0.6],
        weight: 1.0,
        robust: 0.2,
        gaussians,
        motions,
    };
    for affine in [false, true] {
        let form = Form { affine, all: true };
        let rows = gradient(&case, form);
        let (mut off, mut size) = (0.0, 0.0);
        for (i, row) in rows.iter().enumerate() {
            for lane in 0..INPUTS {
                let at = |step: f64| {
                    let (mut gaussians, mut motions) = (case.gaussians.clone(), case.motions.clone());
                    if lane < 11 {
                        let mut flat = gaussians[i].to_array();
                        flat[lane] += step;
                        gaussians[i] = Gaussian::from_array(&flat);
                    } else {
                        let mut flat = motions[i].to_array();
                        flat[lane - 11] += step;
                        motions[i] = Motion::from_array(&flat);
                    }
                    loss::<f64>(&gaussians, &motions, &case, form)
                };
                let want = (at(1e-6) - at(-1e-6)) / 2e-6;
                off += (row[lane] - want) * (row[lane] - want);
                size += want * want;
            }
        }
        // A few pixels cross the threshold of contribution between the two.
        assert!((off / size).sqrt() < 0.02, "affine {affine}: relative error {}", (off / size).sqrt());
    }
}
