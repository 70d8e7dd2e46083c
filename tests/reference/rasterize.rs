//! Twin of the rasterizer, forward and backward (docs/algorithms.md B.2, B.3). Every visible Gaussian is offered to
//! every pixel: the tile sets are exact, so the α test alone decides.

use std::ops::Range;

use super::number::{Num, dot};
use super::project::{ALPHA_MIN, Splat, View};

/// Upper bound of α.
pub const ALPHA_MAX: f64 = 0.99;
/// A Gaussian contributes while the transmittance before it is at least this (inclusive stop).
pub const TRANSMITTANCE_MIN: f64 = 1e-4;

/// How close a decision may be before f32 may take it the other way.
#[derive(Clone, Copy, Debug)]
pub struct Bands {
    /// Relative distance of α from 1/255.
    pub alpha_min: f64,
    /// Absolute distance of α from 0.99.
    pub alpha_max: f64,
    /// Relative distance of T from 1e-4.
    pub transmittance: f64,
    /// σ relative to the terms it is the sum of, below which rounding may turn it negative.
    pub sigma: f64,
    /// Relative distance in depth of two successive contributors (exact ties are ordered by index and do not count).
    pub depth: f64,
}

impl Default for Bands {
    fn default() -> Self {
        Self { alpha_min: 1e-3, alpha_max: 1e-4, transmittance: 1e-3, sigma: 1e-6, depth: 2e-6 }
    }
}

/// A rendered image, row-major.
#[derive(Clone, Debug)]
pub struct Image<T> {
    /// Colour over the background.
    pub rgb: Vec<[T; 3]>,
    /// T_N; the image's opacity A is 1 − T_N.
    pub transmittance: Vec<T>,
    /// Accumulated depth Σ w z.
    pub depth: Vec<T>,
    /// Gaussians that contributed.
    pub contributors: Vec<u32>,
    /// Pixels where a decision fell within [`Bands`]: leave them out of comparisons of values, and give them zero
    /// upstream gradients in comparisons of gradients.
    pub near_branch: Vec<bool>,
}

/// Indices of the visible Gaussians, nearest first: by the bits of z as f32, ties by index.
pub fn depth_order<T: Num>(splats: &[Option<Splat<T>>]) -> Vec<usize> {
    let mut keyed: Vec<(u32, usize)> = splats
        .iter()
        .enumerate()
        .filter_map(|(i, s)| s.as_ref().map(|s| ((s.depth.value() as f32).to_bits(), i)))
        .collect();
    keyed.sort_unstable();
    keyed.into_iter().map(|(_, i)| i).collect()
}

/// Response of one Gaussian at one pixel: offset d = u − x and the unclamped α; `None` where it is skipped.
pub fn response<T: Num>(splat: &Splat<T>, pixel: [f64; 2]) -> Option<([T; 2], T)> {
    let d: [T; 2] = std::array::from_fn(|i| splat.centre[i].plus(-pixel[i]));
    let [a, b, c] = splat.conic;
    let sigma = (a * d[0] * d[0] + c * d[1] * d[1]).times(0.5) + b * d[0] * d[1];
    if sigma.value() < 0.0 {
        return None;
    }
    let raw = splat.opacity * (-sigma).exp();
    (raw.value() >= ALPHA_MIN).then_some((d, raw))
}

pub fn pixel_centre(index: usize, width: u32) -> [f64; 2] {
    let (row, column) = (index / width as usize, index % width as usize);
    [column as f64 + 0.5, row as f64 + 0.5]
}

/// Composites `splats` (as `project` returned them, one per Gaussian) front to back.
pub fn rasterize<T: Num>(splats: &[Option<Splat<T>>], view: &View<T>, bands: Bands) -> Image<T> {
    let ordered: Vec<Splat<T>> = depth_order(splats).into_iter().filter_map(|i| splats[i]).collect();
    let pixels = (view.width * view.height) as usize;
    let mut image = Image {
        rgb: Vec::with_capacity(pixels),
        transmittance: Vec::with_capacity(pixels),
        depth: Vec::with_capacity(pixels),
        contributors: Vec::with_capacity(pixels),
        near_branch: Vec::with_capacity(pixels),
    };
    for index in 0..pixels {
        composite(&ordered, pixel_centre(index, view.width), view.background, bands, &mut image);
    }
    image
}

/// What makes one pixel: index, weight and α of every contributing Gaussian, nearest first.
pub fn contributions(splats: &[Option<Splat<f64>>], pixel: [f64; 2]) -> Vec<(usize, f64, f64)> {
    let (mut found, mut transmittance) = (Vec::new(), 1.0);
    for i in depth_order(splats) {
        let splat = splats[i].as_ref().expect("the order lists visible Gaussians");
        let Some((_, raw)) = response(splat, pixel).filter(|_| transmittance >= TRANSMITTANCE_MIN) else { continue };
        let alpha = raw.min(ALPHA_MAX);
        found.push((i, transmittance * alpha, alpha));
        transmittance *= 1.0 - alpha;
    }
    found
}

/// Appends one pixel to `image`.
fn composite<T: Num>(ordered: &[Splat<T>], pixel: [f64; 2], background: [T; 3], bands: Bands, image: &mut Image<T>) {
    let (mut rgb, mut depth, mut transmittance) = ([T::zero(); 3], T::zero(), T::one());
    let (mut contributors, mut near, mut previous) = (0, false, f64::NEG_INFINITY);
    for splat in ordered {
        if transmittance.value() < TRANSMITTANCE_MIN {
            break;
        }
        near |= at_threshold(splat, pixel, bands);
        let Some((_, raw)) = response(splat, pixel) else { continue };
        let alpha = raw.at_most(ALPHA_MAX);
        let weight = transmittance * alpha;
        for ch in 0..3 {
            rgb[ch] += weight * splat.colour[ch];
        }
        depth += weight * splat.depth;
        transmittance = transmittance * (T::one() - alpha);
        contributors += 1;

        let z = splat.depth.value();
        near |= (transmittance.value() / TRANSMITTANCE_MIN - 1.0).abs() < bands.transmittance;
        near |= z != previous && z - previous < bands.depth * z;
        previous = z;
    }
    image.rgb.push(std::array::from_fn(|ch| rgb[ch] + transmittance * background[ch]));
    image.transmittance.push(transmittance);
    image.depth.push(depth);
    image.contributors.push(contributors);
    image.near_branch.push(near);
}

/// Whether α at this pixel is within the bands of a threshold, on either side of it.
fn at_threshold<T: Num>(splat: &Splat<T>, pixel: [f64; 2], bands: Bands) -> bool {
    let [dx, dy] = [0, 1].map(|i| splat.centre[i].value() - pixel[i]);
    let [a, b, c] = splat.conic.map(Num::value);
    let squares = 0.5 * (a * dx * dx + c * dy * dy);
    let sigma = squares + b * dx * dy;
    let alpha = splat.opacity.value() * (-sigma).exp();
    // Where the terms of σ cancel, f32 may find it negative and skip the Gaussian.
    if alpha > 0.5 * ALPHA_MIN && squares > 0.0 && sigma < bands.sigma * squares {
        return true;
    }
    (alpha / ALPHA_MIN - 1.0).abs() < bands.alpha_min || (alpha - ALPHA_MAX).abs() < bands.alpha_max
}

/// FrameBuffers of a scalar loss with respect to the rasterizer's outputs, row-major, one entry a pixel.
#[derive(Clone, Debug)]
pub struct Upstream {
    pub rgb: Vec<[f64; 3]>,
    /// With respect to A = 1 − T_N.
    pub alpha: Vec<f64>,
    /// With respect to the accumulated depth.
    pub depth: Vec<f64>,
}

impl Upstream {
    /// FrameBuffers of colour and opacity as the device takes them.
    pub fn pixels(&self) -> Vec<glam::Vec4> {
        let pixel = |(rgb, &alpha): (&[f64; 3], &f64)| {
            glam::Vec4::from_array([rgb[0], rgb[1], rgb[2], alpha].map(|v| v as f32))
        };
        self.rgb.iter().zip(&self.alpha).map(pixel).collect()
    }

    /// Zeroes the entries of pixels where `excluded` is true.
    pub fn exclude(&mut self, excluded: &[bool]) {
        for (index, _) in excluded.iter().enumerate().filter(|(_, excluded)| **excluded) {
            self.rgb[index] = [0.0; 3];
            self.alpha[index] = 0.0;
            self.depth[index] = 0.0;
        }
    }

    /// The scalar Σ g_rgb·rgb + g_A·A + g_D·D whose gradient this is.
    pub fn loss<T: Num>(&self, image: &Image<T>) -> T {
        let mut sum = T::zero();
        for index in 0..self.alpha.len() {
            for ch in 0..3 {
                sum += image.rgb[index][ch].times(self.rgb[index][ch]);
            }
            sum += (T::one() - image.transmittance[index]).times(self.alpha[index]);
            sum += image.depth[index].times(self.depth[index]);
        }
        sum
    }
}

/// Gradient with respect to one [`Splat`]. `conic`'s middle entry counts b once.
#[derive(Clone, Copy, Debug, Default)]
pub struct SplatGradient {
    pub centre: [f64; 2],
    pub conic: [f64; 3],
    pub opacity: f64,
    pub colour: [f64; 3],
    pub depth: f64,
}

/// Gradient record of one Gaussian over some pixels, as a slot of C.5 holds it: Σ g_σ · (1, d_x, d_y, d_x², d_x d_y, d_y²),
/// Σ w g_rgb, Σ w g_D, with d = u − x.
pub type Slot = [f64; 10];

impl SplatGradient {
    /// From a slot or a sum of slots.
    pub fn from_slot(splat: &Splat<f64>, slot: &Slot) -> Self {
        let ([a, b, c], [s0, sx, sy, sxx, sxy, syy, red, green, blue, depth]) = (splat.conic, *slot);
        Self {
            centre: [a * sx + b * sy, b * sx + c * sy],
            conic: [0.5 * sxx, sxy, 0.5 * syy],
            opacity: -s0 / splat.opacity,
            colour: [red, green, blue],
            depth,
        }
    }
}

/// Backward pass over the whole image. Returns one entry per entry of `splats` (zero where culled) and the gradient of
/// the background.
pub fn rasterize_backward(
    splats: &[Option<Splat<f64>>],
    view: &View<f64>,
    image: &Image<f64>,
    upstream: &Upstream,
) -> (Vec<SplatGradient>, [f64; 3]) {
    let slots = slots(splats, view, image, upstream, [0..view.width, 0..view.height]);
    let gradients = splats
        .iter()
        .zip(&slots)
        .map(|(splat, slot)| splat.map_or_else(SplatGradient::default, |splat| SplatGradient::from_slot(&splat, slot)))
        .collect();
    let background =
        std::array::from_fn(|ch| image.transmittance.iter().zip(&upstream.rgb).map(|(last, g)| last * g[ch]).sum());
    (gradients, background)
}

/// One slot per entry of `splats`, summed over a window of columns and rows: a tile's slots, or the whole image's.
pub fn slots(
    splats: &[Option<Splat<f64>>],
    view: &View<f64>,
    image: &Image<f64>,
    upstream: &Upstream,
    [columns, rows]: [Range<u32>; 2],
) -> Vec<Slot> {
    let order = depth_order(splats);
    let mut slots = vec![[0.0; 10]; splats.len()];
    for row in rows.start..rows.end.min(view.height) {
        for column in columns.start..columns.end.min(view.width) {
            let index = (row * view.width + column) as usize;
            pixel_backward(splats, &order, view, image, upstream, index, &mut slots);
        }
    }
    slots
}

/// Adds one pixel's share to `slots`, front to back with the remaining sum (docs/algorithms.md B.3).
fn pixel_backward(
    splats: &[Option<Splat<f64>>],
    order: &[usize],
    view: &View<f64>,
    image: &Image<f64>,
    upstream: &Upstream,
    index: usize,
    slots: &mut [Slot],
) {
    let (pixel, last) = (pixel_centre(index, view.width), image.transmittance[index]);
    let (g_rgb, g_depth) = (upstream.rgb[index], upstream.depth[index]);
    let mut beyond = upstream.alpha[index];
    let mut remaining = image.depth[index] * g_depth;
    for ch in 0..3 {
        beyond -= view.background[ch] * g_rgb[ch];
        remaining += (image.rgb[index][ch] - last * view.background[ch]) * g_rgb[ch];
    }
    let mut transmittance = 1.0;
    for &i in order {
        if transmittance < TRANSMITTANCE_MIN {
            break;
        }
        let splat = splats[i].as_ref().expect("the order lists visible Gaussians");
        let Some(([dx, dy], raw)) = response(splat, pixel) else { continue };
        let alpha = raw.min(ALPHA_MAX);
        let weight = transmittance * alpha;
        // f·g: the upstream gradient makes colour and depth one scalar.
        let value = splat.depth * g_depth + dot(&splat.colour, &g_rgb);
        remaining -= weight * value;
        let g_alpha = transmittance * value + (last * beyond - remaining) / (1.0 - alpha);
        let g_sigma = if raw <= ALPHA_MAX { -alpha * g_alpha } else { 0.0 };
        let [red, green, blue] = g_rgb.map(|g| weight * g);
        let terms = [1.0, dx, dy, dx * dx, dx * dy, dy * dy].map(|v| g_sigma * v);
        let record = terms.into_iter().chain([red, green, blue, weight * g_depth]);
        slots[i].iter_mut().zip(record).for_each(|(sum, term)| *sum += term);
        transmittance *= 1.0 - alpha;
    }
}
