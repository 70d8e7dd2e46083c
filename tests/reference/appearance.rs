//! Twin of the appearance of photos (docs/algorithms.md D): x → M V (x + p) − p + b for each photo, clipped to 0..=1, with V
//! the vignetting of its lens. The mean of M and b over the photos is the identity. And of what is measured to know whether
//! photos differ.

use super::adam::{self, Moments};
use super::number::{Dual, Num};

/// What the curve of sRGB adds to a colour before its power.
pub const PIVOT: f64 = 0.055;
/// Decay of logarithmic gains, and of all else.
const DECAY: [f64; 2] = [1e-3, 1e-2];
pub const BANDS: usize = 16;
pub const RINGS: usize = 8;
/// Decay of the coefficients of vignetting.
const LENS_DECAY: f64 = 1e-3;

/// Rows of (M | b), the diagonal of M as logarithms.
pub type Values<T> = [[T; 4]; 3];

/// What a photo is: cut out of what is behind it, or not.
#[derive(Clone, Copy, Debug)]
pub struct Photo {
    pub background: [f64; 3],
    pub cut_out: bool,
}

/// Where a lens's axis meets an image of so many pixels a row, and the squared distance of its farthest corner from there.
#[derive(Clone, Copy, Debug)]
pub struct Axis {
    pub width: usize,
    pub at: [f64; 2],
    pub corner: f64,
}

impl Axis {
    /// q, q² and q³ of a pixel: q is its squared distance from the axis, 1 in the farthest corner.
    pub fn powers(&self, index: usize) -> [f64; 3] {
        let [x, y] = [index % self.width, index / self.width].map(|v| v as f64 + 0.5);
        let q = ((x - self.at[0]).powi(2) + (y - self.at[1]).powi(2)) / self.corner;
        [q, q * q, q * q * q]
    }
}

/// A rendered pixel, rgb and opacity, as the photo shows it before it is clipped, where its lens's vignetting multiplies it
/// by `gain`. The share of the background that a cut-out photo lets through stays as it is.
pub fn shown<T: Num>(values: &Values<T>, gain: T, [r, g, b, opacity]: [T; 4], photo: &Photo) -> [T; 3] {
    let cover = if photo.cut_out { opacity } else { T::one() };
    let behind = photo.background.map(|colour| (T::one() - cover).times(colour));
    let own = [r - behind[0], g - behind[1], b - behind[2]];
    std::array::from_fn(|row| {
        let mut sum = behind[row] + cover * values[row][3].plus(-PIVOT);
        for column in 0..3 {
            let entry = if row == column { values[row][row].exp() } else { values[row][column] };
            sum += entry * gain * (own[column] + cover.times(PIVOT));
        }
        sum
    })
}

/// The logarithm of a lens's gain.
pub fn falloff<T: Num>(k: &[T; 3], powers: [f64; 3]) -> T {
    k[0].times(powers[0]) + k[1].times(powers[1]) + k[2].times(powers[2])
}

/// The gradient by the rendered pixels (rgb and opacity), by the values, and by the lens's coefficients `k`, from that by
/// the clipped image and by its opacity. A clipped channel counts only where that would bring it back.
pub fn backward(
    values: &Values<f64>,
    (k, axis): (&[f64; 3], &Axis),
    pixels: &[[f64; 4]],
    upstream: &[[f64; 4]],
    photo: &Photo,
) -> (Vec<[f64; 4]>, Values<f64>, [f64; 3]) {
    let (mut by_values, mut by_lens) = ([[0.0; 4]; 3], [0.0; 3]);
    let variables = |first: usize, values: &[f64]| -> Vec<Dual<19>> {
        values.iter().enumerate().map(|(i, &value)| Dual::variable(value, first + i)).collect()
    };
    let duals: Values<Dual<19>> =
        std::array::from_fn(|row| variables(4 + 4 * row, &values[row]).try_into().expect("four values"));
    let lens: [Dual<19>; 3] = variables(16, k).try_into().expect("three coefficients");
    let one = |(index, (pixel, upstream)): (usize, (&[f64; 4], &[f64; 4]))| {
        let gain = falloff(&lens, axis.powers(index)).exp();
        let pixel: [Dual<19>; 4] = variables(0, pixel).try_into().expect("four channels");
        let mut gradient = [0.0, 0.0, 0.0, upstream[3]];
        for (value, &g) in shown(&duals, gain, pixel, photo).iter().zip(&upstream[..3]) {
            let outwards = value.value > 1.0 && g < 0.0 || value.value < 0.0 && g > 0.0;
            let g = if outwards { 0.0 } else { g };
            (0..4).for_each(|i| gradient[i] += g * value.slope[i]);
            (0..12).for_each(|i| by_values[i / 4][i % 4] += g * value.slope[4 + i]);
            (0..3).for_each(|i| by_lens[i] += g * value.slope[16 + i]);
        }
        gradient
    };
    let by_pixels = pixels.iter().zip(upstream).enumerate().map(one).collect();
    (by_pixels, by_values, by_lens)
}

/// The transforms of all photos with Adam's moments.
#[derive(Clone, Debug)]
pub struct State {
    pub values: Vec<Values<f64>>,
    pub moments: Vec<[[Moments; 4]; 3]>,
    /// Of the lens that all share.
    pub lens: [f64; 3],
    pub lens_moments: [Moments; 3],
}

impl State {
    /// A step on the lens, the `steps`th (from 1).
    pub fn lens_step(&mut self, gradient: [f64; 3], rate: f64, steps: u32) {
        for ((value, moments), gradient) in self.lens.iter_mut().zip(&mut self.lens_moments).zip(gradient) {
            let whole = gradient + LENS_DECAY * *value;
            *value += adam::step(moments, whole, rate, steps);
        }
    }

    /// A step on one photo, seen for the `seen`th time (from 1), and all transforms about their mean.
    pub fn step(&mut self, photo: usize, gradient: &Values<f64>, rate: f64, seen: u32) {
        for row in 0..3 {
            for column in 0..4 {
                let value = self.values[photo][row][column];
                let whole = gradient[row][column] + DECAY[usize::from(row != column)] * value;
                let moments = &mut self.moments[photo][row][column];
                self.values[photo][row][column] += adam::step(moments, whole, rate, seen);
            }
        }
        for entry in 0..12 {
            let (row, column) = (entry / 4, entry % 4);
            let mean = self.values.iter().map(|v| v[row][column]).sum::<f64>() / self.values.len() as f64;
            self.values.iter_mut().for_each(|values| values[row][column] -= mean);
        }
    }
}

/// Sums over the bands of an image, then over the rings about the lens's axis, each of rendered rgb and weight, and of the
/// photo's rgb. `photo` is rgba in 0..=1.
pub fn measure(pixels: &[[f64; 4]], photo: &[[f64; 4]], kind: &Photo, axis: &Axis) -> Vec<[[f64; 4]; 2]> {
    let size = pixels.len().div_ceil(BANDS);
    let mut sums = vec![[[0.0; 4]; 2]; BANDS + RINGS];
    for (i, (&[r, g, b, opacity], &[pr, pg, pb, cover])) in pixels.iter().zip(photo).enumerate() {
        // The photo's colours without its cover, which a cut-out photo's channels are multiplied by.
        let share = if kind.cut_out { 1.0 } else { cover };
        let photo = [pr, pg, pb].map(|v| v * share);
        if cover <= 0.0 || photo.iter().any(|v| *v >= 0.98 * cover) {
            continue;
        }
        let [x, y, z] = kind.background.map(|colour| (1.0 - opacity) * colour);
        let rendered = [r - x, g - y, b - z, opacity].map(|v| v * cover);
        let photo = [photo[0], photo[1], photo[2], 0.0].map(|v| v * opacity);
        // The device decides on the ring in single precision.
        let [q, ..] = axis.powers(i);
        let ring = (RINGS as f32 * q as f32) as usize;
        for part in [i / size, BANDS + ring.min(RINGS - 1)] {
            for (sum, value) in sums[part].iter_mut().zip([rendered, photo]) {
                sum.iter_mut().zip(value).for_each(|(sum, value)| *sum += value);
            }
        }
    }
    sums
}
