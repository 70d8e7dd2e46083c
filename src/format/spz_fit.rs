//! What of a scene `.spz` can hold: the steps of positions and harmonics, Gaussians too far out, and sizes beyond its range.

use anyhow::{Result, bail, ensure};
use glam::Vec3;
use rayon::prelude::*;

use super::quantise::GRAIN;
use crate::scene::stats::percentile;
use crate::scene::{SH_C0, Scene, sigmoid};

/// The largest 24-bit number.
const MAX_FIXED: f32 = 8_388_607.0;
/// Usual fractional bits of positions.
const USUAL_BITS: u8 = 12;
/// The largest step of positions that does no harm, in median sizes of the Gaussians.
const STEP: f32 = 0.25;
/// One Gaussian in this many may be left out for the sake of the others' positions.
const STRAYS: usize = 200;
/// Logarithms of the smallest and the largest scale.
const LOG_SCALES: (f32, f32) = (-10.0, 5.937_5);
/// Shares of Gaussians of the wrong size, in percent, above which a scene is refused.
const MOST_WRONG: usize = 5;
/// Powers of ten by which units may be off.
const POWERS: [i32; 13] = [0, 1, -1, 2, -2, 3, -3, 4, -4, 5, -5, 6, -6];
/// Steps of the bytes of band 1 and of those above, from 5 and 4 bits to 6 and 6, the coarsest first.
const SH_STEPS: [[f32; 2]; 4] = [[8.0, 16.0], [8.0, 8.0], [4.0, 8.0], [4.0, 4.0]];
/// The error of colours by direction that is small enough, as a root mean square over Gaussians and directions: one step of
/// 8 bits.
const SH_ERROR: f64 = 1.0 / 255.0;

/// The largest coordinate of a mean, without its sign.
fn reach(mean: &Vec3) -> f32 {
    mean.abs().max_element()
}

/// What the form of a `.spz` depends on, gathered over a whole scene or block by block.
#[derive(Clone, Debug, Default)]
pub(super) struct Survey {
    count: usize,
    /// Sizes of all Gaussians, or of evenly spaced ones.
    sizes: Vec<f64>,
    /// The largest coordinate of all, and of those within the reach of as many fractional bits.
    far: f32,
    far_within: [f32; USUAL_BITS as usize + 1],
    /// Gaussians out of that reach.
    beyond: [usize; USUAL_BITS as usize + 1],
    /// Gaussians whose sizes are beyond the format's, with the scene scaled by powers of ten as [`POWERS`] has them.
    wrong: [usize; POWERS.len()],
    /// Squared errors of the harmonics with each of [`SH_STEPS`], and their weights.
    squares: [(f64, f64); SH_STEPS.len()],
}

impl Survey {
    /// Of a whole scene; without harmonics, whose steps [`sh_steps`] finds.
    pub fn of(scene: &Scene) -> Self {
        let mut survey = Self::default();
        survey.add_places(scene, 1);
        survey
    }

    /// Adds a block of a scene, and the size of one Gaussian in `step`.
    pub fn add(&mut self, block: &Scene, step: usize) {
        self.add_places(block, step);
        if block.sh_degree > 0 {
            let found = SH_STEPS.map(|steps| sh_squares(block, steps));
            self.squares.iter_mut().zip(found).for_each(|(sum, (squares, weight))| {
                sum.0 += squares;
                sum.1 += weight;
            });
        }
    }

    fn add_places(&mut self, block: &Scene, step: usize) {
        self.count += block.len();
        self.sizes.extend(block.log_scales.iter().step_by(step).map(|scale| f64::from(scale.max_element().exp())));
        for far in block.means.iter().map(reach) {
            self.far = self.far.max(far);
            for bits in 0..=USUAL_BITS {
                if fits(far, bits) {
                    let within = &mut self.far_within[usize::from(bits)];
                    *within = within.max(far);
                } else {
                    self.beyond[usize::from(bits)] += 1;
                }
            }
        }
        let wrong = POWERS.map(|power| wrong_sizes(block, power as f32 * std::f32::consts::LN_10));
        self.wrong.iter_mut().zip(wrong).for_each(|(sum, n)| *sum += n);
    }

    /// Steps of the bytes of the harmonics, as [`sh_steps`] of the blocks together.
    pub fn sh_steps(&self) -> [f32; 2] {
        let [.., finest] = SH_STEPS;
        let found = SH_STEPS.into_iter().zip(self.squares).find(|(_, sums)| sh_error(*sums) <= SH_ERROR);
        found.map_or(finest, |(steps, _)| steps)
    }

    /// The bits at which the Gaussians out of reach are better left out, and what to say of that.
    pub fn strays(&self) -> Option<(u8, String)> {
        let far = self.far;
        let size = percentile(self.sizes.iter().copied(), 50)? as f32;
        let step = |bits: u8| (-f32::from(bits)).exp2();
        let fine = |bits: u8| step(bits) <= STEP * size;
        let all_fit = (0..=USUAL_BITS).rev().find(|&bits| fits(far, bits));
        if all_fit.is_some_and(|bits| bits == USUAL_BITS || fine(bits)) {
            return None;
        }
        let beyond = |bits: u8| self.beyond[usize::from(bits)];
        // Of a small scene one may go.
        let most = (self.count / STRAYS).max(usize::from(self.count >= 20));
        let possible = all_fit.map_or(0, |bits| bits + 1)..=USUAL_BITS;
        let possible: Vec<u8> = possible.take_while(|&bits| beyond(bits) <= most).collect();
        let bits = possible.iter().copied().find(|&bits| fine(bits)).or(possible.last().copied())?;
        let instead = all_fit.map_or("none at all".to_string(), |bits| step(bits).to_string());
        let gone = beyond(bits);
        let lie = if gone == 1 { "1 Gaussian lies".to_string() } else { format!("{gone} Gaussians lie") };
        let said = format!(
            "{lie} more than {:.0} units from the origin, up to {far}; left out of the .spz, whose positions then have steps of {} instead of {instead}",
            MAX_FIXED * step(bits),
            step(self.bits_without(Some(bits)).unwrap_or(bits)),
        );
        Some((bits, said))
    }

    /// Number of Gaussians without those out of the reach of `strays` bits.
    pub fn count_without(&self, strays: Option<u8>) -> usize {
        self.count - strays.map_or(0, |bits| self.beyond[usize::from(bits)])
    }

    /// Fractional bits of the positions without those strays.
    ///
    /// # Errors
    /// As [`fractional_bits`].
    pub fn bits_without(&self, strays: Option<u8>) -> Result<u8> {
        bits_for(strays.map_or(self.far, |bits| self.far_within[usize::from(bits)]))
    }

    /// # Errors
    /// A scene in units so small or large that many of its Gaussians would get another size.
    pub fn check_sizes(&self) -> Result<()> {
        let too_many = |n: usize| n * 100 > MOST_WRONG * self.count;
        let found = self.wrong[0];
        if !too_many(found) {
            return Ok(());
        }
        let percent = 100 * found / self.count;
        let remedy = POWERS.into_iter().zip(self.wrong).find(|(_, wrong)| !too_many(*wrong));
        // Without one the format is what it is, and the loss is measured.
        let Some((power, _)) = remedy else { return Ok(()) };
        let (low, high) = LOG_SCALES;
        bail!(
            "{percent} % of the Gaussians have sizes beyond those of .spz, {:.1e} to {:.0} units; add --transform scale={}",
            low.exp(),
            high.exp(),
            10_f64.powi(power)
        )
    }
}

/// Fractional bits of the positions: 12, as is usual, fewer where the farthest Gaussian would not fit, and more where
/// the scene is so small that 12 would leave it fewer than 14 significant ones.
///
/// # Errors
/// A scene beyond ±8 million units.
pub(super) fn fractional_bits(scene: &Scene) -> Result<u8> {
    bits_for(scene.means.iter().map(reach).fold(0.0_f32, f32::max))
}

fn bits_for(far: f32) -> Result<u8> {
    ensure!(
        far < MAX_FIXED,
        "a Gaussian lies {far} units from the origin, SPZ reaches {MAX_FIXED}; leave it out with --max-isolation or --crop, or scale the scene down with --transform scale=0.01"
    );
    let fine = |bits: u8| far * f32::from(bits).exp2() >= 16_384.0;
    let wanted = (USUAL_BITS..20).find(|&bits| fine(bits)).unwrap_or(if far > 0.0 { 20 } else { USUAL_BITS });
    Ok((0..=wanted).rev().find(|&bits| fits(far, bits)).unwrap_or(0))
}

fn fits(far: f32, bits: u8) -> bool {
    far * f32::from(bits).exp2() <= MAX_FIXED - 1.0
}

/// Leaves out the few Gaussians so far from the origin that the positions of all others would be coarse beside their
/// sizes. Says how many, and how far they are.
pub(super) fn leave_out_strays(scene: &mut Scene) -> Option<String> {
    let (bits, said) = Survey::of(scene).strays()?;
    leave_out_beyond(scene, bits);
    Some(said)
}

/// Leaves out what is out of the reach of so many fractional bits.
pub(super) fn leave_out_beyond(scene: &mut Scene, bits: u8) {
    scene.retain(|scene, i| fits(reach(&scene.means[i]), bits));
}

/// The Gaussians whose sizes are beyond the format's once `shift` is added to their logarithms.
fn wrong_sizes(scene: &Scene, shift: f32) -> usize {
    let (low, high) = LOG_SCALES;
    let wrong = |scale: &Vec3| {
        let scale = *scale + shift;
        // What is too thin does not show beside a width.
        let thick = scale.min_element() < low - 0.2 && scale.max_element() < low + 2.3;
        thick || scale.max_element() > high + 0.2
    };
    scene.log_scales.iter().filter(|scale| wrong(scale)).count()
}

/// # Errors
/// A scene in units so small or large that many of its Gaussians would get another size.
pub(super) fn check_sizes(scene: &Scene) -> Result<()> {
    Survey::of(scene).check_sizes()
}

/// Steps of the bytes of the harmonics, of band 1 and of those above: the coarsest whose error is small enough.
pub(super) fn sh_steps(scene: &Scene) -> [f32; 2] {
    let [.., finest] = SH_STEPS;
    SH_STEPS.into_iter().find(|steps| sh_error(sh_squares(scene, *steps)) <= SH_ERROR).unwrap_or(finest)
}

/// The root mean square over Gaussians, by their opacity, and directions of the error of a channel.
fn sh_error((squares, weights): (f64, f64)) -> f64 {
    // Y₀² is the mean square of a harmonic over all directions.
    (squares * f64::from(SH_C0 * SH_C0) / 3.0 / weights.max(f64::MIN_POSITIVE)).sqrt()
}

/// The sum of the squared errors of the harmonics with these steps, by opacity, and the sum of the opacities.
fn sh_squares(scene: &Scene, steps: [f32; 2]) -> (f64, f64) {
    let stride = scene.sh_stride();
    let of_one = |i: usize| {
        let squares = scene.sh[i * stride + 3..(i + 1) * stride].iter().enumerate().map(|(k, value)| {
            let step = steps[usize::from(k >= 9)] / 128.0;
            f64::from(value - ((value / step).round() * step).clamp(-1.0, 1.0)).powi(2)
        });
        let weight = f64::from(sigmoid(scene.logits[i]));
        (weight * squares.sum::<f64>(), weight)
    };
    // In blocks of one size, so that the sum is the same with any number of threads.
    let starts: Vec<usize> = (0..scene.len()).step_by(GRAIN).collect();
    let block = |&first: &usize| {
        let ones = (first..(first + GRAIN).min(scene.len())).map(of_one);
        ones.fold((0.0, 0.0), |sum, one| (sum.0 + one.0, sum.1 + one.1))
    };
    let blocks: Vec<(f64, f64)> = starts.par_iter().map(block).collect();
    blocks.into_iter().fold((0.0, 0.0), |sum, one| (sum.0 + one.0, sum.1 + one.1))
}
