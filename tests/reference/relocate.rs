//! Twin of relocation and growth (3DGS-MCMC; docs/algorithms.md E.6, E.7): opacities and scales that preserve a slice
//! of the image when one Gaussian becomes N, and draws in proportion to opacity.

use dapple::scene::Scene;
use dapple::train::refine::Refine;

use super::number::Num;

/// Opacity at or below which a Gaussian is dead.
pub const DEAD: f64 = 0.005;
/// The least force on a Gaussian in the draw.
const LEAST_FORCE: f64 = 1e-6;
/// Most copies one Gaussian is split into at once, itself included.
pub const COPIES_MAX: u32 = 51;
/// Bounds of a relocated opacity.
pub const OPACITY_BOUNDS: [f64; 2] = [DEAD, 1.0 - 1.19e-7];

/// C(n, k), exact for n ≤ 51.
pub fn binomial(n: u32, k: u32) -> u64 {
    (1..=u64::from(k)).fold(1, |c, j| c * (u64::from(n) + 1 - j) / j)
}

/// 1 − (1 − o)^(1/N), before the bounds.
pub fn split_opacity(opacity: f64, copies: u32) -> f64 {
    -((-opacity).ln_1p() / f64::from(copies)).exp_m1()
}

/// Integral over a line through the centre of 1 − (1 − o e^(−x²/2))^N, in units of √2π: Σ_j C(N,j) (−1)^(j−1) o^j/√j.
pub fn slice_by_sum(opacity: f64, copies: u32) -> f64 {
    (1..=copies)
        .map(|j| {
            let term = binomial(copies, j) as f64 * opacity.powi(j as i32) / f64::from(j).sqrt();
            if j % 2 == 1 { term } else { -term }
        })
        .sum()
}

/// The same by the trapezoid rule on [0, end] with `nodes` intervals: no cancellation. 48 intervals to 6.5 serve f32.
pub fn slice_by_integral(opacity: f64, copies: u32, nodes: u32, end: f64) -> f64 {
    let step = end / f64::from(nodes);
    let integrand = |k: u32| {
        let x = step * f64::from(k);
        // 1 − (1 − y)^N without losing a small y.
        -(f64::from(copies) * (-opacity * (-0.5 * x * x).exp()).ln_1p()).exp_m1()
    };
    let inside: f64 = (1..nodes).map(integrand).sum();
    2.0 / std::f64::consts::TAU.sqrt() * step * (inside + 0.5 * (integrand(0) + integrand(nodes)))
}

/// What each of N coincident copies of a Gaussian gets.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Split {
    pub opacity: f64,
    /// Factor c on all three scales.
    pub scale: f64,
}

/// Splits a Gaussian of opacity `opacity` into `copies` (itself included, 1 to 51). The opacity is bounded *before* the
/// factor is computed, so that the slice is preserved even where a bound bites.
pub fn split(opacity: f64, copies: u32) -> Split {
    let new = split_opacity(opacity, copies).clamp(OPACITY_BOUNDS[0], OPACITY_BOUNDS[1]);
    Split { opacity: new, scale: opacity / slice_by_integral(new, copies, 4096, 10.0) }
}

/// N of a Gaussian that was drawn `drawn` times.
pub fn copies(drawn: u32) -> u32 {
    (drawn + 1).min(COPIES_MAX)
}

/// Weight of opacity 1 such that the weights of `count` Gaussians sum to less than 2³²: 2¹⁶ up to 65 535 of them.
pub fn weight_scale(count: u32) -> f64 {
    f64::from((u32::MAX / count.max(1)).min(1 << 16))
}

/// How much the loss changes by a move of a Gaussian's mean by its own standard deviation, times the number of Gaussians; at
/// most 1. `squares` are the second moments of its mean.
pub fn force(covariance: [[f64; 3]; 3], squares: [f64; 3], count: usize) -> f64 {
    let sum: f64 = (0..3).map(|a| covariance[a][a] * squares[a]).sum();
    (count as f64 * sum.sqrt()).min(1.0)
}

/// The weight in the draw, from an opacity and the force, by a share of the latter.
pub fn weight_by(opacity: f64, force: f64, share: f64) -> f64 {
    opacity.powf(1.0 - share) * force.max(LEAST_FORCE).powf(0.5 * share)
}

/// An opacity in fixed point, at least 1 so that nobody alive is out of the draw: max(1, ⌊o · scale⌋).
pub fn weight(opacity: f64, scale: f64) -> u32 {
    ((opacity * scale).floor() as u32).max(1)
}

/// Inclusive prefix sums; the last is the total.
pub fn prefix_sums(weights: &[u32]) -> Vec<u32> {
    weights
        .iter()
        .scan(0u32, |sum, &w| {
            *sum = sum.checked_add(w).expect("weight_scale keeps the total below 2^32");
            Some(*sum)
        })
        .collect()
}

/// A whole number in 0..total from a random word: the high word of their product.
pub fn uniform_below(word: u32, total: u32) -> u32 {
    ((u64::from(word) * u64::from(total)) >> 32) as u32
}

/// First index whose inclusive prefix sum exceeds `r`.
pub fn find(prefix: &[u32], r: u32) -> usize {
    prefix.partition_point(|&sum| sum <= r)
}

/// The rows to write and the Gaussian each is a copy of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// (destination, source).
    pub copies: Vec<(usize, usize)>,
    /// How often each Gaussian was drawn.
    pub drawn: Vec<u32>,
}

/// Sources for every dead Gaussian, drawn among the live ones in proportion to opacity. `word(destination)` is the random
/// word of a draw. `None` where nothing is dead or nothing alive.
pub fn relocation(opacities: &[f64], word: impl Fn(usize) -> u32) -> Option<Plan> {
    let scale = weight_scale(opacities.len() as u32);
    let weights: Vec<u32> = opacities.iter().map(|&o| if o <= DEAD { 0 } else { weight(o, scale) }).collect();
    let dead: Vec<usize> = (0..opacities.len()).filter(|&i| opacities[i] <= DEAD).collect();
    plan(&weights, dead, word)
}

/// Sources for `added` new Gaussians behind the last, drawn among all.
pub fn growth(opacities: &[f64], added: usize, word: impl Fn(usize) -> u32) -> Option<Plan> {
    let scale = weight_scale(opacities.len() as u32);
    let weights: Vec<u32> = opacities.iter().map(|&o| weight(o, scale)).collect();
    plan(&weights, (opacities.len()..opacities.len() + added).collect(), word)
}

/// The same from weights, as a kernel computed them.
pub fn plan(weights: &[u32], destinations: Vec<usize>, word: impl Fn(usize) -> u32) -> Option<Plan> {
    let prefix = prefix_sums(weights);
    let total = *prefix.last()?;
    if destinations.is_empty() || total == 0 {
        return None;
    }
    let mut drawn = vec![0; weights.len()];
    let copies = destinations
        .into_iter()
        .map(|destination| {
            let source = find(&prefix, uniform_below(word(destination), total));
            drawn[source] += 1;
            (destination, source)
        })
        .collect();
    Some(Plan { copies, drawn })
}

/// Share of opacity 1 that a moving Gaussian weighs in the draw: longer durations than the usual one count less.
pub fn weight_in_time(opacity: f64, log_duration: f64, usual_log_duration: f64, power: f64) -> f64 {
    opacity * (power * (usual_log_duration - log_duration)).exp().min(1.0)
}

/// Weights are the oracle's to a unit and rounding.
pub fn check_weights(weights: &[u32], scene: &Scene, refine: &Refine) {
    let (usual, power) = (f64::from(refine.usual_log_duration), f64::from(refine.duration_power));
    let mut long = 0;
    for (i, &weight) in weights.iter().enumerate() {
        let opacity = f64::from(scene.logits[i]).sigmoid();
        let duration = f64::from(scene.motion.as_ref().unwrap().log_durations[i]);
        let alive = refine.added > 0 || opacity > DEAD;
        let want = weight_in_time(opacity, duration, usual, power) * f64::from(refine.weight_scale);
        let want = if alive { want.max(1.0) } else { 0.0 };
        assert!((f64::from(weight) - want).abs() <= 1.0 + 1e-5 * want, "Gaussian {i}: {weight}, not {want}");
        long += usize::from(duration > usual);
    }
    assert!(long > weights.len() / 5 && long < weights.len(), "{long} live longer than usual");
}
