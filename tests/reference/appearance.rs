//! Twin of the appearance of photos (docs/algorithms.md D): x → M (x + p) − p + b for each photo, clipped to 0..=1, whose
//! mean over the photos is the identity; and of what is measured to know whether photos differ.

use super::adam::{self, Moments};
use super::number::{Dual, Num};

/// What the curve of sRGB adds to a colour before its power.
pub const PIVOT: f64 = 0.055;
/// Decay of logarithmic gains, and of all else.
const DECAY: [f64; 2] = [1e-3, 1e-2];
pub const BANDS: usize = 16;

/// Rows of (M | b), the diagonal of M as logarithms.
pub type Values<T> = [[T; 4]; 3];

/// What a photo is: cut out of what is behind it, or not.
#[derive(Clone, Copy, Debug)]
pub struct Photo {
    pub background: [f64; 3],
    pub cut_out: bool,
}

/// A rendered pixel, rgb and opacity, as the photo shows it before it is clipped. The share of the background that a
/// cut-out photo lets through stays as it is.
pub fn shown<T: Num>(values: &Values<T>, [r, g, b, opacity]: [T; 4], photo: &Photo) -> [T; 3] {
    let cover = if photo.cut_out { opacity } else { T::one() };
    let behind = photo.background.map(|colour| (T::one() - cover).times(colour));
    let own = [r - behind[0], g - behind[1], b - behind[2]];
    std::array::from_fn(|row| {
        let mut sum = behind[row] + cover * values[row][3].plus(-PIVOT);
        for column in 0..3 {
            let entry = if row == column { values[row][row].exp() } else { values[row][column] };
            sum += entry * (own[column] + cover.times(PIVOT));
        }
        sum
    })
}

/// The gradient by the rendered pixels (rgb and opacity) and by the values, from that by the clipped image and by its
/// opacity. A clipped channel counts only where that would bring it back.
pub fn backward(
    values: &Values<f64>,
    pixels: &[[f64; 4]],
    upstream: &[[f64; 4]],
    photo: &Photo,
) -> (Vec<[f64; 4]>, Values<f64>) {
    let mut by_values = [[0.0; 4]; 3];
    let variables = |first: usize, values: &[f64]| -> Vec<Dual<16>> {
        values.iter().enumerate().map(|(i, &value)| Dual::variable(value, first + i)).collect()
    };
    let duals: Values<Dual<16>> =
        std::array::from_fn(|row| variables(4 + 4 * row, &values[row]).try_into().expect("four values"));
    let one = |(pixel, upstream): (&[f64; 4], &[f64; 4])| {
        let pixel: [Dual<16>; 4] = variables(0, pixel).try_into().expect("four channels");
        let mut gradient = [0.0, 0.0, 0.0, upstream[3]];
        for (value, &g) in shown(&duals, pixel, photo).iter().zip(&upstream[..3]) {
            let outwards = value.value > 1.0 && g < 0.0 || value.value < 0.0 && g > 0.0;
            let g = if outwards { 0.0 } else { g };
            (0..4).for_each(|i| gradient[i] += g * value.slope[i]);
            (0..12).for_each(|i| by_values[i / 4][i % 4] += g * value.slope[4 + i]);
        }
        gradient
    };
    let by_pixels = pixels.iter().zip(upstream).map(one).collect();
    (by_pixels, by_values)
}

/// The transforms of all photos with Adam's moments.
#[derive(Clone, Debug)]
pub struct State {
    pub values: Vec<Values<f64>>,
    pub moments: Vec<[[Moments; 4]; 3]>,
}

impl State {
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

/// Sums over the bands of an image, each of rendered rgb and weight, and of the photo's rgb. `photo` is rgba in 0..=1.
pub fn measure(pixels: &[[f64; 4]], photo: &[[f64; 4]], kind: &Photo) -> Vec<[[f64; 4]; 2]> {
    let size = pixels.len().div_ceil(BANDS);
    let mut sums = vec![[[0.0; 4]; 2]; BANDS];
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
        for (sum, value) in sums[i / size].iter_mut().zip([rendered, photo]) {
            sum.iter_mut().zip(value).for_each(|(sum, value)| *sum += value);
        }
    }
    sums
}
