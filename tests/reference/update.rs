//! Twin of the update: regularisers, Adam over a Gaussian's parameters, noise, schedules (docs/algorithms.md B.11, E.1,
//! E.5).

use super::adam::{self, Moments};
use super::number::{Num, matvec};
use super::project::{Gaussian, PARAMETERS, rotation};

/// Learning rates by parameter.
#[derive(Clone, Copy, Debug)]
pub struct Rates {
    pub mean: f64,
    pub quaternion: f64,
    pub log_scale: f64,
    pub logit: f64,
    pub sh_dc: f64,
    pub sh_rest: f64,
}

impl Rates {
    /// E.1 of a run of 30 000 steps, with the rate of the means as given.
    pub fn standard(mean: f64) -> Self {
        Self { mean, quaternion: 1e-3, log_scale: 7e-3, logit: 0.05, sh_dc: 2.5e-3, sh_rest: 5e-4 }
    }

    /// By lane of [`Gaussian::to_array`].
    pub fn lanes(&self) -> [f64; PARAMETERS] {
        std::array::from_fn(|lane| match lane {
            0..3 => self.mean,
            3..7 => self.quaternion,
            7..10 => self.log_scale,
            10 => self.logit,
            11..14 => self.sh_dc,
            _ => self.sh_rest,
        })
    }
}

/// What one step does besides following the image's gradient.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// 1-based.
    pub step: u32,
    pub rates: Rates,
    /// λ_o and λ_s.
    pub opacity_weight: f64,
    pub scale_weight: f64,
    /// Standard deviation of the noise in the Gaussian's own; 0 for none.
    pub noise: f64,
    /// N, over which the regularisers are means.
    pub count: usize,
}

/// λ_o mean(o) + λ_s mean(exp l) over all Gaussians.
pub fn regulariser<T: Num>(gaussians: &[Gaussian<T>], opacity_weight: f64, scale_weight: f64) -> T {
    let count = gaussians.len() as f64;
    gaussians.iter().fold(T::zero(), |sum, g| {
        let scales = g.log_scale.iter().fold(T::zero(), |sum, l| sum + l.exp());
        sum + g.logit.sigmoid().times(opacity_weight / count) + scales.times(scale_weight / (3.0 * count))
    })
}

/// Adds the regularisers' gradient to a Gaussian's row.
pub fn add_regulariser(row: &mut [f64; PARAMETERS], g: &Gaussian<f64>, settings: &Settings) {
    let (opacity, count) = (g.logit.sigmoid(), settings.count as f64);
    row[10] += settings.opacity_weight * opacity * (1.0 - opacity) / count;
    for axis in 0..3 {
        row[7 + axis] += settings.scale_weight * g.log_scale[axis].exp() / (3.0 * count);
    }
}

/// How much noise a Gaussian of this opacity gets where it is seen: (1 − o)^150.
pub fn noise_gate(opacity: f64) -> f64 {
    (1.0 - opacity).powi(150)
}

/// Displacement of the mean of a Gaussian that is seen, R diag(s) η · min(gate(o) · strength, 1).
pub fn noise(g: &Gaussian<f64>, normals: [f64; 3], strength: f64) -> [f64; 3] {
    let factor = (noise_gate(g.logit.sigmoid()) * strength).min(1.0);
    let along = std::array::from_fn(|axis| g.log_scale[axis].exp() * normals[axis] * factor);
    matvec(&rotation(&g.quaternion), &along)
}

/// One step of one Gaussian: regularisers, Adam on all parameters, then noise with the values after Adam. `gradient` is
/// the image's, zero where the Gaussian is not visible, as `seen` says.
pub fn update(
    g: &Gaussian<f64>,
    moments: &mut [Moments; PARAMETERS],
    gradient: &[f64; PARAMETERS],
    normals: [f64; 3],
    seen: bool,
    settings: &Settings,
) -> Gaussian<f64> {
    let (mut row, mut values) = (*gradient, g.to_array());
    add_regulariser(&mut row, g, settings);
    for (lane, rate) in settings.rates.lanes().into_iter().enumerate() {
        values[lane] += adam::step(&mut moments[lane], row[lane], rate, settings.step);
    }
    let mut stepped = Gaussian::from_array(&values);
    let moved = noise(&stepped, normals, if seen { settings.noise } else { 0.0 });
    for axis in 0..3 {
        stepped.mean[axis] += moved[axis];
    }
    stepped
}

/// Rate of the means at `step` of `total`: from `first` to `last`, log-linearly.
pub fn mean_rate(step: u32, total: u32, first: f64, last: f64) -> f64 {
    let progress = (f64::from(step) / f64::from(total)).clamp(0.0, 1.0);
    ((1.0 - progress) * first.ln() + progress * last.ln()).exp()
}

/// Bands of spherical harmonics at `step`: one more every `interval` steps.
pub fn sh_degree(step: u32, interval: u32, max: u32) -> u32 {
    (step / interval).min(max)
}

/// Whether relocation and growth follow `step`: every `every` steps strictly between `start` and `stop`.
pub fn refines(step: u32, start: u32, stop: u32, every: u32) -> bool {
    step > start && step < stop && step.is_multiple_of(every)
}

/// Gaussians after a growth: ⌊1.05 n⌋, at most `cap`.
pub fn grown(count: usize, cap: usize) -> usize {
    (count + count / 20).min(cap).max(count)
}
