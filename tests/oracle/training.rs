//! Optimiser, random numbers, relocation, regularisers, noise and schedules.

use crate::reference::adam::{self, Moments};
use crate::reference::cases::{self, Rng};
use crate::reference::number::{Dual, Num};
use crate::reference::project::{self, Gaussian, PARAMETERS};
use crate::reference::random::{normals, pcg4d};
use crate::reference::relocate as split;
use crate::reference::update::{self, Rates, Settings};

/// The moments are exponentially weighted sums; the step follows from them in closed form.
#[test]
fn adam_matches_its_closed_form() {
    let mut rng = Rng::new(5);
    let (mut moments, mut history) = (Moments::default(), Vec::new());
    for step in 1..=40 {
        history.push(rng.normal());
        let moved = adam::step(&mut moments, history[step - 1], 0.01, step as u32);
        let weighted = |beta: f64, power: i32| -> f64 {
            let weights = (0..step).map(|age| beta.powi(age as i32)).sum::<f64>();
            (0..step).map(|k| beta.powi((step - 1 - k) as i32) * history[k].powi(power)).sum::<f64>() / weights
        };
        let expected = -0.01 * weighted(0.9, 1) / weighted(0.999, 2).sqrt();
        assert!((moved - expected).abs() < 1e-13, "step {step}: {moved} against {expected}");
    }
    // The first step is the learning rate against the gradient's sign, whatever its size; without a gradient, nothing.
    for gradient in [1e-12, -3.0] {
        let moved = adam::step(&mut Moments::default(), gradient, 0.02, 1);
        assert!((moved + 0.02 * gradient.signum()).abs() < 1e-4);
    }
    assert_eq!(adam::step(&mut Moments::default(), 0.0, 0.02, 7), 0.0);
}

#[test]
fn pcg4d_matches_a_python_evaluation() {
    assert_eq!(pcg4d([1, 2, 3, 4]), PCG_OF_1234);
    assert_eq!(pcg4d([0; 4]), PCG_OF_ZERO);
}

const PCG_OF_1234: [u32; 4] = [0x3622_cd16, 0xf114_71d8, 0xe110_9b3f, 0x02b9_4c2f];
const PCG_OF_ZERO: [u32; 4] = [0x0f02_f829, 0x2d56_8769, 0x32b0_c43b, 0xd325_48ea];

#[test]
fn normals_are_normal_and_uncorrelated() {
    let count = 40_000;
    let (mut mean, mut second, mut fourth) = ([0.0; 3], [[0.0; 3]; 3], [0.0; 3]);
    for i in 0..count {
        let n = normals([i, 17, 42, 1]);
        for a in 0..3 {
            mean[a] += n[a] / f64::from(count);
            fourth[a] += n[a].powi(4) / f64::from(count);
            for b in 0..3 {
                second[a][b] += n[a] * n[b] / f64::from(count);
            }
        }
    }
    // Five standard errors: 1/√n for means and products, √2 for squares, √96 for fourth powers.
    let error = 5.0 / f64::from(count).sqrt();
    for a in 0..3 {
        assert!(mean[a].abs() < error, "mean {mean:?}");
        assert!((fourth[a] - 3.0).abs() < 9.8 * error, "fourth moments {fourth:?}");
        for b in 0..3 {
            let expected = if a == b { 1.0 } else { 0.0 };
            assert!((second[a][b] - expected).abs() < 1.42 * error, "second moments {second:?}");
        }
    }
}

#[test]
fn relocation_preserves_the_slice() {
    for opacity in [0.0051, 0.02, 0.1, 0.5, 0.9, 0.99, 0.999, 1.0 - 1e-6] {
        for copies in 1..=split::COPIES_MAX {
            let new = split::split_opacity(opacity, copies);
            let joint = 1.0 - (1.0 - new).powi(copies as i32);
            assert!((joint - opacity).abs() < 1e-12, "o {opacity}, N {copies}: the copies' joint opacity is {joint}");
            let (sum, integral) = (split::slice_by_sum(new, copies), split::slice_by_integral(new, copies, 4096, 10.0));
            assert!((sum - integral).abs() < 1e-9, "o {opacity}, N {copies}: {sum} against {integral}");
            let quick = split::slice_by_integral(new, copies, 48, 6.5);
            assert!(
                (quick / integral - 1.0).abs() < 1e-5,
                "o {opacity}, N {copies}: 48 nodes give {quick}, not {integral}"
            );

            // The copies composited along a line through the centre, by their own scale, hold what the one held.
            let after = split::split(opacity, copies);
            let step = 0.002;
            let held: f64 = (-6000..=6000)
                .map(|k| {
                    let x = step * f64::from(k) / after.scale;
                    1.0 - (1.0 - after.opacity * (-0.5 * x * x).exp()).powi(copies as i32)
                })
                .sum::<f64>()
                * step;
            let before = opacity * std::f64::consts::TAU.sqrt();
            assert!((held / before - 1.0).abs() < 1e-6, "o {opacity}, N {copies}: {held} against {before}");
        }
    }
}

#[test]
fn relocation_matches_published_values() {
    let table =
        [(0.5, 2, 0.952), (0.5, 5, 0.925), (0.5, 51, 0.909), (0.99, 2, 0.807), (0.99, 5, 0.700), (0.99, 51, 0.642)];
    for (opacity, copies, scale) in table {
        let got = split::split(opacity, copies).scale;
        assert!((got - scale).abs() < 6e-4, "o {opacity}, N {copies}: c = {got}, not {scale}");
    }
    assert!((split::split(0.3, 1).scale - 1.0).abs() < 1e-9);
    assert_eq!(split::binomial(51, 25), 247_959_266_474_052);
}

#[test]
fn draws_follow_opacity() {
    let mut rng = Rng::new(6);
    let opacities: Vec<f64> =
        (0..40).map(|i| if i % 4 == 0 { rng.range(0.0, 0.005) } else { rng.range(0.006, 1.0) }).collect();
    let plan = split::relocation(&opacities, |destination| pcg4d([destination as u32, 1, 2, 3])[0]).expect("some dead");
    assert_eq!(plan.copies.iter().map(|&(to, _)| to).collect::<Vec<_>>(), (0..40).step_by(4).collect::<Vec<_>>());
    assert!(plan.copies.iter().all(|&(_, from)| opacities[from] > split::DEAD));
    assert_eq!(plan.drawn.iter().sum::<u32>(), 10);

    let draws = 60_000;
    let plan =
        split::growth(&opacities, draws, |destination| pcg4d([destination as u32, 9, 2, 3])[0]).expect("some alive");
    let total: f64 = opacities.iter().sum();
    let mut deviation = 0.0;
    for (drawn, opacity) in plan.drawn.iter().zip(&opacities) {
        let expected = draws as f64 * opacity / total;
        deviation += (f64::from(*drawn) - expected).powi(2) / expected;
    }
    // χ² with 39 degrees of freedom: the 99.9 % point is 72.1.
    assert!(deviation < 72.1, "χ² = {deviation}");
    assert!(split::relocation(&[0.001, 0.004], |_| 0).is_none(), "nothing alive");
    assert!(split::relocation(&[0.5, 0.9], |_| 0).is_none(), "nothing dead");
}

#[test]
fn draws_hit_the_edges_of_the_prefix_sums() {
    let prefix = split::prefix_sums(&[0, 3, 0, 2, 0]);
    let found: Vec<usize> = (0..5).map(|r| split::find(&prefix, r)).collect();
    assert_eq!(found, [1, 1, 1, 3, 3]);
    assert_eq!((split::uniform_below(0, 5), split::uniform_below(u32::MAX, 5)), (0, 4));
    for count in [1, 65_535, 65_536, 5_000_000] {
        let all = u64::from(split::weight(1.0, split::weight_scale(count))) * u64::from(count);
        assert!(all <= u64::from(u32::MAX), "{count} opaque Gaussians overflow");
    }
    assert_eq!((split::weight_scale(65_535), split::weight_scale(65_536)), (65_536.0, 65_535.0));
    assert_eq!((split::weight(1e-9, 65_536.0), split::weight(0.5, 65_536.0)), (1, 32_768));
}

#[test]
fn regulariser_gradient_matches_duals() {
    let (gaussians, _) = cases::scene(7, 12, 32, 32);
    let settings = Settings {
        step: 1,
        rates: Rates::standard(1e-3),
        opacity_weight: 0.01,
        scale_weight: 0.02,
        noise: 0.0,
        count: 12,
    };
    for i in 0..gaussians.len() {
        let mut lifted: Vec<Gaussian<Dual<PARAMETERS>>> = gaussians.iter().map(|g| g.lift()).collect();
        let flat = gaussians[i].to_array();
        lifted[i] = Gaussian::from_array(&std::array::from_fn(|lane| Dual::variable(flat[lane], lane)));
        let exact = update::regulariser(&lifted, 0.01, 0.02).slope;
        let mut row = [0.0; PARAMETERS];
        update::add_regulariser(&mut row, &gaussians[i], &settings);
        for lane in 0..PARAMETERS {
            assert!((row[lane] - exact[lane]).abs() < 1e-12 * (1.0 + exact[lane].abs()), "Gaussian {i}, lane {lane}");
        }
    }
}

/// Noise has covariance (gate · strength)² Σ, one standard deviation at most, and fades with opacity.
#[test]
fn noise_is_shaped_by_the_covariance() {
    assert!((update::noise_gate(0.005) - 0.4714).abs() < 1e-4);
    assert!((update::noise_gate(0.05) - 4.56e-4).abs() < 1e-6 && update::noise_gate(0.1) < 2e-7);
    let (gaussians, _) = cases::scene(8, 1, 32, 32);
    let (g, sigma) = (gaussians[0], project::covariance(&gaussians[0].quaternion, &gaussians[0].log_scale));
    let faint = Gaussian { logit: -4.0, ..g };
    for (strength, share) in [(0.01, 0.01 * update::noise_gate(faint.logit.sigmoid())), (1e9, 1.0)] {
        let columns: [[f64; 3]; 3] = std::array::from_fn(|axis| {
            update::noise(&faint, std::array::from_fn(|i| f64::from(u8::from(i == axis))), strength)
        });
        for (row, column) in (0..9).map(|i| (i / 3, i % 3)) {
            let covariance: f64 = columns.iter().map(|moved| moved[row] * moved[column]).sum();
            let expected = sigma[row][column] * share * share;
            assert!((covariance - expected).abs() <= 1e-12 * share * share, "{row} {column}");
        }
    }
}

/// A Gaussian without any image gradient: what its opacity regulariser does to it, and what stays untouched.
#[test]
fn an_unseen_gaussian_fades_and_keeps_the_rest() {
    let (gaussians, _) = cases::scene(9, 1, 32, 32);
    let mut g = Gaussian { logit: 0.0, ..gaussians[0] };
    let mut moments = [Moments::default(); PARAMETERS];
    let mut steps = 0;
    while g.logit.sigmoid() > split::DEAD {
        steps += 1;
        let rates = Rates::standard(1e-3);
        let settings =
            Settings { step: steps, rates, opacity_weight: 0.01, scale_weight: 0.0, noise: 0.0, count: 1000 };
        g = update::update(&g, &mut moments, &[0.0; PARAMETERS], [0.0; 3], false, &settings);
        assert!(steps < 2000, "still at opacity {}", g.logit.sigmoid());
    }
    // At the full rate it would take 106 steps, but the gradient o(1 − o) shrinks faster than Adam's second moment forgets.
    assert_eq!(steps, 383, "from one half to dead");
    assert_eq!(g.mean, gaussians[0].mean);
    assert_eq!(g.sh, gaussians[0].sh);
}

#[test]
fn schedules_pass_their_marks() {
    assert!((update::mean_rate(0, 30_000, 1.6e-4, 1.6e-6) / 1.6e-4 - 1.0).abs() < 1e-12);
    assert!((update::mean_rate(15_000, 30_000, 1.6e-4, 1.6e-6) / 1.6e-5 - 1.0).abs() < 1e-12);
    assert!((update::mean_rate(40_000, 30_000, 1.6e-4, 1.6e-6) / 1.6e-6 - 1.0).abs() < 1e-12);
    assert_eq!([0, 999, 1000, 2999, 9000].map(|step| update::sh_degree(step, 1000, 3)), [0, 0, 1, 2, 3]);
    let refined: Vec<u32> = (0..30_000).filter(|&step| update::refines(step, 500, 25_000, 100)).collect();
    assert_eq!((refined.first(), refined.last(), refined.len()), (Some(&600), Some(&24_900), 244));
    assert_eq!([(100, 1000), (19, 1000), (990, 1000)].map(|(n, cap)| update::grown(n, cap)), [105, 19, 1000]);
}
