//! Image metrics of a render and its photo: PSNR and SSIM (docs/algorithms.md D), on the CPU in f64.

use anyhow::{Result, ensure};
use glam::{Vec3, Vec4};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::dataset::{Capture, Coverage, LEAST_SIDE, Photo};
use crate::gpu::wgsl::constant;

/// Renders equal to the photo count as this many decibels, rather than infinitely many.
pub const MAX_PSNR: f64 = 100.0;
/// Taps of the SSIM window to each side of its centre, and the standard deviation of its Gaussian, in pixels.
pub const SSIM_RADIUS: u32 = constant("math/loss", "RADIUS") as u32;
/// What is smaller is left out when a capture is read.
const _: () = assert!(LEAST_SIDE == 2 * SSIM_RADIUS + 1);
const RADIUS: usize = SSIM_RADIUS as usize;
const SIGMA: f64 = 1.5;
/// The constants that keep SSIM's two quotients finite, (0.01 L)² and (0.03 L)² for colours up to L = 1.
pub const SSIM_C1: f64 = constant("math/loss", "SSIM_C1");
pub const SSIM_C2: f64 = constant("math/loss", "SSIM_C2");

/// The photo that a render is compared with.
pub struct Target {
    pub width: u32,
    pub height: u32,
    /// `[height * width]` display-referred colours in 0..=1, composited on the background.
    pub colours: Vec<Vec3>,
    /// `[height * width]` pixels that count; all of them where there is no mask.
    pub mask: Option<Vec<bool>>,
}

impl Target {
    /// The image of `picture` over `background`.
    pub fn new(picture: &Photo, background: Vec3) -> Self {
        let colour = |&[r, g, b, coverage]: &[u8; 4]| {
            let rgb = Vec3::new(r.into(), g.into(), b.into()) / 255.0;
            match picture.coverage {
                // Colours with alpha are premultiplied.
                Coverage::Alpha => rgb + background * (1.0 - f32::from(coverage) / 255.0),
                Coverage::Opaque | Coverage::Mask => rgb,
            }
        };
        let mask = (picture.coverage == Coverage::Mask)
            .then(|| picture.pixels.iter().map(|&[_, _, _, coverage]| coverage >= 128).collect());
        let colours = picture.pixels.iter().map(colour).collect();
        Self { width: picture.width, height: picture.height, colours, mask }
    }

    /// Whether a pixel is compared.
    pub fn counts(&self, pixel: usize) -> bool {
        self.mask.as_ref().is_none_or(|mask| mask[pixel])
    }
}

/// The agreement of one render with its photo.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// Decibels.
    pub psnr: f64,
    /// Mean over all windows, which see the image mirrored beyond its border; NaN where it is smaller than the 11-pixel
    /// window.
    pub ssim: f64,
}

/// # Errors
/// Names an image that is too small for an SSIM window, and so for training and evaluation.
pub fn check_size(capture: &Capture, shot: usize) -> Result<()> {
    let (shot, least) = (&capture.shots[shot], 2 * SSIM_RADIUS + 1);
    let lens = &shot.camera.lens;
    ensure!(
        lens.width.min(lens.height) >= least,
        "{}: {} x {} pixels are too few, SSIM needs {least} x {least}; give a larger --max-resolution",
        shot.image.display(),
        lens.width,
        lens.height
    );
    Ok(())
}

/// Scores a render of the target's size, clamped to 0..=1; `w` of its pixels is not looked at.
pub fn score(target: &Target, render: &[Vec4]) -> Score {
    assert_eq!(target.colours.len(), render.len(), "a render and its target have one size");
    let render: Vec<Vec3> = render.iter().map(|pixel| pixel.truncate().clamp(Vec3::ZERO, Vec3::ONE)).collect();
    Score { psnr: psnr(target, &render), ssim: ssim(target, &render, Border::Mirror, 0) }
}

/// PSNR in decibels of a render in 0..=1: −10 log₁₀ of the mean squared error over the pixels that count.
pub fn psnr(target: &Target, render: &[Vec3]) -> f64 {
    let mut sum = 0.0;
    let mut count = 0;
    for (pixel, (a, b)) in target.colours.iter().zip(render).enumerate() {
        if target.counts(pixel) {
            sum += (a.as_dvec3() - b.as_dvec3()).length_squared();
            count += 3;
        }
    }
    let mse = sum / f64::from(count.max(1));
    (-10.0 * mse.log10()).min(MAX_PSNR)
}

/// What windows of SSIM see beyond the image.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Border {
    /// The image mirrored at its outer pixels: torchmetrics' rule, which gsplat and others print.
    Mirror,
    /// Black: the rule of Inria's code.
    Black,
}

/// Means of SSIM by the rules of others.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct OtherSsim {
    /// Over the windows that lie inside the image.
    pub valid: f64,
    /// Over all windows, black beyond the image.
    pub zero_padded: f64,
}

/// SSIM of a render of the target's size by the rules that [`score`] does not follow; NaN as there.
pub fn other_ssim(target: &Target, render: &[Vec4]) -> OtherSsim {
    let render: Vec<Vec3> = render.iter().map(|pixel| pixel.truncate().clamp(Vec3::ZERO, Vec3::ONE)).collect();
    OtherSsim {
        valid: ssim(target, &render, Border::Black, RADIUS),
        zero_padded: ssim(target, &render, Border::Black, 0),
    }
}

/// Mean SSIM over the channels and the windows whose centres are at least `margin` pixels inside the image. With a mask,
/// both images are black where it is, and the windows centred there do not count.
fn ssim(target: &Target, render: &[Vec3], border: Border, margin: usize) -> f64 {
    let (width, height) = (target.width as usize, target.height as usize);
    if width <= 2 * RADIUS || height <= 2 * RADIUS {
        return f64::NAN;
    }
    let counted = |x: usize, y: usize| {
        (margin..width - margin).contains(&x) && (margin..height - margin).contains(&y) && target.counts(y * width + x)
    };
    let mut sum = 0.0;
    for channel in 0..3 {
        let value = |image: &[Vec3], i: usize| if target.counts(i) { f64::from(image[i][channel]) } else { 0.0 };
        let plane = |image: &[Vec3]| padded(|i| value(image, i), (width, height), border);
        let rows = blur_rows(&plane(render), &plane(&target.colours), width + 2 * RADIUS);
        let row_sums: Vec<f64> = (0..height)
            .into_par_iter()
            .map(|y| (0..width).filter(|&x| counted(x, y)).map(|x| similarity(&blur_column(&rows, width, x, y))).sum())
            .collect();
        // A serial sum of the rows, so that the result does not depend on the number of threads.
        sum += row_sums.iter().sum::<f64>();
    }
    let windows = (0..height).map(|y| (0..width).filter(|&x| counted(x, y)).count()).sum::<usize>();
    sum / (3 * windows) as f64
}

/// A plane with [`RADIUS`] more pixels on every side.
fn padded(value: impl Fn(usize) -> f64, (width, height): (usize, usize), border: Border) -> Vec<f64> {
    let inside = |at: usize, size: usize| match at.checked_sub(RADIUS) {
        Some(at) if at < size => Some(at),
        _ if border == Border::Black => None,
        Some(at) => Some(2 * (size - 1) - at),
        None => Some(RADIUS - at),
    };
    let pixel = |i: usize| {
        let (x, y) = (i % (width + 2 * RADIUS), i / (width + 2 * RADIUS));
        inside(x, width).zip(inside(y, height)).map_or(0.0, |(x, y)| value(y * width + x))
    };
    (0..(width + 2 * RADIUS) * (height + 2 * RADIUS)).map(pixel).collect()
}

/// The normalised Gaussian window.
fn taps() -> [f64; 2 * RADIUS + 1] {
    let taps: [f64; 2 * RADIUS + 1] = std::array::from_fn(|i| {
        let distance = i as f64 - RADIUS as f64;
        (-distance * distance / (2.0 * SIGMA * SIGMA)).exp()
    });
    let sum: f64 = taps.iter().sum();
    taps.map(|tap| tap / sum)
}

/// Weighted moments x, y, x², y², xy.
type Moments = [f64; 5];

fn add_weighted(sum: &mut Moments, weight: f64, moments: &Moments) {
    for (sum, moment) in sum.iter_mut().zip(moments) {
        *sum += weight * moment;
    }
}

/// `[height][width - 10]` moments blurred along the rows.
fn blur_rows(x: &[f64], y: &[f64], width: usize) -> Vec<Moments> {
    let taps = taps();
    let blur = |(x, y): (&[f64], &[f64])| -> Vec<Moments> {
        let moments: Vec<Moments> = x.iter().zip(y).map(|(&x, &y)| [x, y, x * x, y * y, x * y]).collect();
        let window = |window: &[Moments]| {
            let mut sum = [0.0; 5];
            taps.iter().zip(window).for_each(|(&tap, moments)| add_weighted(&mut sum, tap, moments));
            sum
        };
        moments.windows(taps.len()).map(window).collect()
    };
    x.par_chunks(width).zip(y.par_chunks(width)).flat_map_iter(blur).collect()
}

fn blur_column(rows: &[Moments], inner: usize, x: usize, y: usize) -> Moments {
    let mut sum = [0.0; 5];
    for (row, &tap) in taps().iter().enumerate() {
        add_weighted(&mut sum, tap, &rows[(y + row) * inner + x]);
    }
    sum
}

/// SSIM of one window.
fn similarity(&[x, y, xx, yy, xy]: &Moments) -> f64 {
    let (variance_x, variance_y, covariance) = (xx - x * x, yy - y * y, xy - x * y);
    (2.0 * x * y + SSIM_C1) * (2.0 * covariance + SSIM_C2)
        / ((x * x + y * y + SSIM_C1) * (variance_x + variance_y + SSIM_C2))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(width: u32, height: u32, colour: impl Fn(u32, u32) -> Vec3) -> Target {
        let colours = (0..height).flat_map(|y| (0..width).map(move |x| (x, y))).map(|(x, y)| colour(x, y)).collect();
        Target { width, height, colours, mask: None }
    }

    fn texture(x: u32, y: u32) -> Vec3 {
        let (x, y) = (x as f32, y as f32);
        Vec3::new((x * 0.7).sin(), (y * 0.9 + x * 0.2).cos(), ((x + y) * 0.3).sin()) * 0.4 + 0.5
    }

    fn render(target: &Target, change: impl Fn(usize, Vec3) -> Vec3) -> Vec<Vec4> {
        target.colours.iter().enumerate().map(|(i, &colour)| change(i, colour).extend(0.0)).collect()
    }

    #[test]
    fn equal_images_score_the_maximum() {
        let target = target(20, 16, texture);
        let score = score(&target, &render(&target, |_, colour| colour));
        assert_eq!(score.psnr, MAX_PSNR);
        assert!((score.ssim - 1.0).abs() < 1e-12);
    }

    #[test]
    fn constant_images_have_values_by_hand() {
        let target = target(13, 12, |_, _| Vec3::splat(0.5));
        let flat = score(&target, &render(&target, |_, _| Vec3::splat(0.25)));
        // MSE 1/16; variances vanish, so SSIM is (2ab + C1)/(a² + b² + C1).
        assert!((flat.psnr - 10.0 * 16.0_f64.log10()).abs() < 1e-9);
        assert!((flat.ssim - (0.25 + 1e-4) / (0.3125 + 1e-4)).abs() < 1e-9);
        let beyond = score(&target, &render(&target, |_, _| Vec3::splat(7.0)));
        assert!((beyond.psnr - 10.0 * 4.0_f64.log10()).abs() < 1e-9, "renders are clamped");
        let one_channel = score(&target, &render(&target, |_, colour| colour + Vec3::new(0.1, 0.0, 0.0)));
        assert!((one_channel.psnr - (20.0 + 10.0 * 3.0_f64.log10())).abs() < 1e-4);
    }

    /// The definition, one two-dimensional window at a time: the mean over windows centred `margin` inside.
    fn by_definition(target: &Target, pixels: &[Vec4], at: impl Fn(i32, i32) -> Option<usize>, margin: i32) -> f64 {
        let weights = [0.00102838, 0.00759876, 0.03600077, 0.10936069, 0.21300553, 0.26601171];
        let (width, height) = (target.width as i32, target.height as i32);
        let centres = (margin..height - margin).flat_map(|y| (margin..width - margin).map(move |x| (x, y)));
        let windows: Vec<(usize, i32, i32)> =
            (0..3).flat_map(|c| centres.clone().map(move |(x, y)| (c, x, y))).collect();
        let one = |&(channel, x, y): &(usize, i32, i32)| {
            let mut moments = [0.0; 5];
            for (dy, dx) in (0..11_usize).flat_map(|dy| (0..11_usize).map(move |dx| (dy, dx))) {
                let weight: f64 = weights[dy.min(10 - dy)] * weights[dx.min(10 - dx)];
                let Some(place) = at(x + dx as i32 - 5, y + dy as i32 - 5) else { continue };
                let (a, b) = (f64::from(pixels[place][channel]), f64::from(target.colours[place][channel]));
                add_weighted(&mut moments, weight, &[a, b, a * a, b * b, a * b]);
            }
            similarity(&moments)
        };
        windows.iter().map(one).sum::<f64>() / windows.len() as f64
    }

    #[test]
    fn the_separable_form_equals_the_definition_by_every_rule() {
        let target = target(15, 13, texture);
        let pixels = render(&target, |i, colour| {
            (colour + 0.2 * ((i * 37 % 11) as f32 / 11.0 - 0.5)).clamp(Vec3::ZERO, Vec3::ONE)
        });
        let index = |x: i32, y: i32| ((0..15).contains(&x) && (0..13).contains(&y)).then(|| (y * 15 + x) as usize);
        let mirror = |v: i32, size: i32| {
            if v < 0 {
                -v
            } else if v >= size {
                2 * (size - 1) - v
            } else {
                v
            }
        };
        let mirrored = by_definition(&target, &pixels, |x, y| index(mirror(x, 15), mirror(y, 13)), 0);
        let (black, valid) = (by_definition(&target, &pixels, index, 0), by_definition(&target, &pixels, index, 5));
        let others = other_ssim(&target, &pixels);
        // The printed taps have eight digits.
        for (found, expected) in
            [(score(&target, &pixels).ssim, mirrored), (others.zero_padded, black), (others.valid, valid)]
        {
            assert!((found - expected).abs() < 1e-6, "{found} is not {expected}");
        }
        assert!((mirrored - valid).abs() > 1e-4 && (black - mirrored).abs() > 1e-4, "the rules differ here");
    }

    #[test]
    fn masked_pixels_do_not_count() {
        let mut target = target(24, 24, texture);
        target.mask = Some((0..24 * 24).map(|i| i % 24 < 12).collect());
        let masked = score(&target, &render(&target, |i, colour| if i % 24 < 12 { colour } else { Vec3::ONE }));
        assert_eq!(masked.psnr, MAX_PSNR);
        assert!((masked.ssim - 1.0).abs() < 1e-12);
    }

    #[test]
    fn transparent_pictures_are_composited() {
        let picture =
            Photo { width: 2, height: 1, pixels: vec![[51, 0, 0, 51], [0, 0, 0, 0]], coverage: Coverage::Alpha };
        let target = Target::new(&picture, Vec3::new(1.0, 0.5, 0.0));
        assert!((target.colours[0] - Vec3::new(1.0, 0.4, 0.0)).length() < 1e-6);
        assert_eq!(target.colours[1], Vec3::new(1.0, 0.5, 0.0));
        assert!(score(&target, &[Vec4::ZERO; 2]).ssim.is_nan(), "too small for a window");
    }
}
