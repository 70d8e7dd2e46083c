//! Undistortion: resampling an image from its lens to a pinhole.
//!
//! One pass from the source pixels to the target's: the map is evaluated at the target's pixel corners and is bilinear
//! within a pixel, which takes an n × n grid of bilinear samples, n = source pixels per target pixel rounded up. So an
//! image that shrinks is averaged over area, and one that keeps its size is sampled once per pixel.

use glam::{DVec2, dvec2};
use rayon::prelude::*;

use super::images::{Mask, Raster};
use super::lens::{Distortion, SourceLens};
use crate::camera::{Lens, LensModel};

/// A crop to valid pixels may change the focal length by this factor; past it the focal length stays and pixels without
/// a source are masked.
const LARGEST_ZOOM: f64 = 1.5;

/// Rows of a band that one task resamples.
const BAND: usize = 16;

/// The lens to train and render an image of `source` through: the lens itself where the renderer knows it and
/// `undistorts` is false, else a pinhole.
pub fn target_lens(source: &SourceLens, undistorts: bool) -> Lens {
    if matches!(source.distortion, Distortion::Panorama(_)) {
        // A quarter of the circle, with as many pixels as the panorama has for it.
        let side = (source.width / 4).max(1);
        let half = 0.5 * f64::from(side);
        return Lens::pinhole(DVec2::splat(half), DVec2::splat(half), (side, side));
    }
    let model = native_model(source).filter(|_| !undistorts);
    model.map_or_else(
        || pinhole(source),
        |model| {
            let lens = Lens::pinhole(source.focal, source.principal, (source.width, source.height));
            Lens { model, ..lens }
        },
    )
}

/// The lens model of the renderer that is the same as a distortion.
fn native_model(source: &SourceLens) -> Option<LensModel> {
    match source.distortion {
        Distortion::Fisheye { radial, tangential: [0.0, 0.0], prism: [0.0, 0.0] } => Some(LensModel::fisheye(radial)),
        _ => None,
    }
}

/// The pinhole lens, of the same size, for an image undistorted from `source`.
///
/// Perspective lenses: focal length and principal point so that the largest upright rectangle of valid pixels fills the
/// image, as OpenCV's `getOptimalNewCameraMatrix` with alpha = 0. Fisheyes, and lenses where that would zoom by more
/// than 1.5, keep theirs.
fn pinhole(source: &SourceLens) -> Lens {
    let (width, height) = (source.width, source.height);
    let kept = Lens::pinhole(source.focal, source.principal, (width, height));
    if source.distortion == Distortion::None || source.distortion.is_by_angle() {
        return kept;
    }
    let size = dvec2(f64::from(width), f64::from(height));
    let Some((low, high)) = inner_rectangle(source, size) else { return kept };
    let focal = size / (high - low);
    let zoom = focal / source.focal;
    if zoom.max_element() > LARGEST_ZOOM || zoom.min_element() < LARGEST_ZOOM.recip() {
        return kept;
    }
    Lens::pinhole(focal, -low * focal, (width, height))
}

/// The rectangle on the plane z = 1 inside the undistorted outline of the image: lower and upper corner.
fn inner_rectangle(source: &SourceLens, size: DVec2) -> Option<(DVec2, DVec2)> {
    const STEPS: u32 = 256;
    let (mut low, mut high) = (DVec2::NEG_INFINITY, DVec2::INFINITY);
    for step in 0..=STEPS {
        let along = size * (f64::from(step) / f64::from(STEPS));
        low.x = low.x.max(source.undistort(dvec2(0.0, along.y))?.x);
        high.x = high.x.min(source.undistort(dvec2(size.x, along.y))?.x);
        low.y = low.y.max(source.undistort(dvec2(along.x, 0.0))?.y);
        high.y = high.y.min(source.undistort(dvec2(along.x, size.y))?.y);
    }
    (low.x < high.x && low.y < high.y).then_some((low, high))
}

/// Resamples an image of the lens `from` to the pinhole `to`. The pixels' fourth channel is resampled like the others.
/// Also returns which target pixels have a source; the others are black and transparent.
pub fn undistort(image: &Raster, from: &SourceLens, to: &Lens) -> (Raster, Vec<bool>) {
    if matches!(from.distortion, Distortion::Panorama(_)) {
        return (cut_face(image, from, to), vec![true; to.width as usize * to.height as usize]);
    }
    let (width, height) = (to.width as usize, to.height as usize);
    let per_pixel = (f64::from(image.width) / f64::from(to.width)).max(f64::from(image.height) / f64::from(to.height));
    let samples = (per_pixel - 1e-9).ceil().clamp(1.0, 16.0) as u32;
    let mut pixels = vec![[0; 4]; width * height];
    let mut valid = vec![false; width * height];
    let bands = pixels.par_chunks_mut(width * BAND).zip(valid.par_chunks_mut(width * BAND));
    bands.enumerate().for_each(|(band, (pixels, valid))| {
        let corners = |row: usize| -> Vec<Option<DVec2>> {
            (0..=width).map(|x| source_position(from, to, dvec2(x as f64, row as f64))).collect()
        };
        let mut upper = corners(band * BAND);
        for (row, (pixels, valid)) in pixels.chunks_mut(width).zip(valid.chunks_mut(width)).enumerate() {
            let lower = corners(band * BAND + row + 1);
            for x in 0..width {
                let (Some(a), Some(b), Some(c), Some(d)) = (upper[x], upper[x + 1], lower[x], lower[x + 1]) else {
                    continue;
                };
                let centre = 0.25 * (a + b + c + d);
                valid[x] = inside(centre, from);
                if valid[x] {
                    pixels[x] = average(image, [a, b, c, d], samples);
                }
            }
            upper = lower;
        }
    });
    (Raster { width: to.width, height: to.height, pixels }, valid)
}

/// The face of a panorama that `from` names, n × n samples a pixel: positions cannot be interpolated across the panorama's
/// seam and poles.
fn cut_face(image: &Raster, from: &SourceLens, to: &Lens) -> Raster {
    let samples = (f64::from(image.width) / (4.0 * f64::from(to.width)) - 1e-9).ceil().clamp(1.0, 16.0) as u32;
    let at = |i: u32| (f64::from(i) + 0.5) / f64::from(samples);
    let mut pixels = vec![[0; 4]; to.width as usize * to.height as usize];
    pixels.par_chunks_mut(to.width as usize).enumerate().for_each(|(y, row)| {
        for (x, pixel) in row.iter_mut().enumerate() {
            let mut sum = [0.0f32; 4];
            for (i, j) in (0..samples).flat_map(|i| (0..samples).map(move |j| (i, j))) {
                let position = dvec2(x as f64 + at(j), y as f64 + at(i));
                let Some(source) = source_position(from, to, position) else { continue };
                let sample = bilinear_around(image, source);
                (0..4).for_each(|k| sum[k] += sample[k]);
            }
            let scale = 1.0 / (samples * samples) as f32;
            *pixel = sum.map(|s| (s * scale + 0.5) as u8);
        }
    });
    Raster { width: to.width, height: to.height, pixels }
}

/// As [`bilinear`], in an image whose left and right edges meet.
fn bilinear_around(image: &Raster, position: DVec2) -> [f32; 4] {
    let width = f64::from(image.width);
    let edge = |x: f64| bilinear(image, dvec2(x, position.y));
    let over = if position.x < 0.5 { position.x + 0.5 } else { position.x + 0.5 - width };
    if !(0.0..=1.0).contains(&over) || (0.5..=width - 0.5).contains(&position.x) {
        return edge(position.x);
    }
    let (last, first, share) = (edge(width - 0.5), edge(0.5), over as f32);
    std::array::from_fn(|k| last[k] * (1.0 - share) + first[k] * share)
}

/// Maps a pixel position of the pinhole `to` to the image of `from`.
fn source_position(from: &SourceLens, to: &Lens, pixel: DVec2) -> Option<DVec2> {
    if to.model != LensModel::Pinhole {
        // The lens itself, perhaps in another size.
        let size = |width: u32, height: u32| dvec2(f64::from(width), f64::from(height));
        return Some(pixel * size(from.width, from.height) / size(to.width, to.height));
    }
    from.distort((pixel - to.principal) / to.focal)
}

fn inside(position: DVec2, lens: &SourceLens) -> bool {
    position.cmpge(DVec2::ZERO).all() && position.cmple(dvec2(f64::from(lens.width), f64::from(lens.height))).all()
}

/// The mean of an n × n grid of samples in the quadrilateral with the given corners (row by row).
fn average(image: &Raster, [a, b, c, d]: [DVec2; 4], samples: u32) -> [u8; 4] {
    let mut sum = [0.0f32; 4];
    for i in 0..samples {
        let v = (f64::from(i) + 0.5) / f64::from(samples);
        let (left, right) = (a.lerp(c, v), b.lerp(d, v));
        for j in 0..samples {
            let u = (f64::from(j) + 0.5) / f64::from(samples);
            let sample = bilinear(image, left.lerp(right, u));
            (0..4).for_each(|k| sum[k] += sample[k]);
        }
    }
    let scale = 1.0 / (samples * samples) as f32;
    sum.map(|s| (s * scale + 0.5) as u8)
}

/// The image between its pixel centres, which lie at +½; clamped at the border.
fn bilinear(image: &Raster, position: DVec2) -> [f32; 4] {
    let (x, y) = (position.x - 0.5, position.y - 0.5);
    let (right, bottom) = (i64::from(image.width) - 1, i64::from(image.height) - 1);
    let column = |x: f64| (x as i64).clamp(0, right) as usize;
    let row = |y: f64| (y as i64).clamp(0, bottom) as usize * image.width as usize;
    let (x0, y0) = (x.floor(), y.floor());
    let (fx, fy) = ((x - x0) as f32, (y - y0) as f32);
    let (x0, x1, y0, y1) = (column(x0), column(x0 + 1.0), row(y0), row(y0 + 1.0));
    let [a, b, c, d] = [y0 + x0, y0 + x1, y1 + x0, y1 + x1].map(|i| image.pixels[i]);
    std::array::from_fn(|k| {
        let [a, b, c, d] = [a[k], b[k], c[k], d[k]].map(f32::from);
        (a + (b - a) * fx) * (1.0 - fy) + (c + (d - c) * fx) * fy
    })
}

/// For every pixel of the pinhole `to`, whether the mask of the lens `from` uses it: the mask's nearest pixel at the
/// pixel's centre. Positions outside the mask are not used.
pub fn resample_mask(mask: &Mask, from: &SourceLens, to: &Lens) -> Vec<bool> {
    let scale =
        dvec2(f64::from(mask.width), f64::from(mask.height)) / dvec2(f64::from(from.width), f64::from(from.height));
    let rows = (0..to.height).into_par_iter().flat_map_iter(|y| {
        (0..to.width).map(move |x| {
            let Some(position) = source_position(from, to, dvec2(f64::from(x) + 0.5, f64::from(y) + 0.5)) else {
                return false;
            };
            let nearest = (position * scale).floor();
            let (width, height) = (f64::from(mask.width), f64::from(mask.height));
            let within = nearest.x >= 0.0 && nearest.y >= 0.0 && nearest.x < width && nearest.y < height;
            within && mask.used[nearest.y as usize * mask.width as usize + nearest.x as usize]
        })
    });
    rows.collect()
}

/// Shrinks an image to a size no larger than its own: the exact mean over each pixel's area.
pub fn shrink(image: &Raster, width: u32, height: u32) -> Raster {
    let columns = weights(image.width, width);
    let rows = weights(image.height, height);
    let mut pixels = vec![[0; 4]; width as usize * height as usize];
    pixels.par_chunks_mut(width as usize).zip(&rows).for_each(|(pixels, (top, weights))| {
        let mut sums = vec![[0.0f32; 4]; width as usize];
        for (row, weight) in (*top..).zip(weights) {
            let source = &image.pixels[row * image.width as usize..][..image.width as usize];
            for (sum, (left, column_weights)) in sums.iter_mut().zip(&columns) {
                for (pixel, across) in source[*left..].iter().zip(column_weights) {
                    (0..4).for_each(|k| sum[k] += f32::from(pixel[k]) * across * weight);
                }
            }
        }
        pixels.iter_mut().zip(&sums).for_each(|(pixel, sum)| *pixel = sum.map(|s| (s + 0.5) as u8));
    });
    Raster { width, height, pixels }
}

/// For each of `to` intervals that divide `from` pixels: the first pixel, and the share of each pixel it covers.
fn weights(from: u32, to: u32) -> Vec<(usize, Vec<f32>)> {
    let (from, to) = (u64::from(from), u64::from(to));
    let interval = |i: u64| {
        // In units of 1/to of a pixel everything is whole.
        let (start, end) = (i * from, (i + 1) * from);
        let (first, last) = (start / to, (end - 1) / to);
        let cover = |pixel: u64| (end.min((pixel + 1) * to) - start.max(pixel * to)) as f32 / from as f32;
        (first as usize, (first..=last).map(cover).collect())
    };
    (0..to).map(interval).collect()
}

#[cfg(test)]
mod tests {
    use super::super::lens::tests::lenses;
    use super::*;

    fn blank(width: u32, height: u32) -> Raster {
        Raster { width, height, pixels: vec![[0, 0, 0, 255]; (width * height) as usize] }
    }

    /// An image of `from` with a soft white dot at `position`.
    fn dot(from: &SourceLens, position: DVec2) -> Raster {
        let mut image = blank(from.width, from.height);
        for (i, pixel) in image.pixels.iter_mut().enumerate() {
            let (x, y) = (i as u32 % from.width, i as u32 / from.width);
            let distance = (dvec2(f64::from(x) + 0.5, f64::from(y) + 0.5) - position).length_squared();
            let value = (255.0 * (-distance / (2.0 * 1.5 * 1.5)).exp()).round() as u8;
            *pixel = [value, value, value, 255];
        }
        image
    }

    /// The centroid of brightness.
    fn centroid(image: &Raster) -> DVec2 {
        let (mut sum, mut weight) = (DVec2::ZERO, 0.0);
        for (i, pixel) in image.pixels.iter().enumerate() {
            let (x, y) = (i as u32 % image.width, i as u32 / image.width);
            sum += f64::from(pixel[0]) * dvec2(f64::from(x) + 0.5, f64::from(y) + 0.5);
            weight += f64::from(pixel[0]);
        }
        sum / weight
    }

    #[test]
    fn points_painted_through_the_lens_are_found_where_the_pinhole_sees_them() {
        for (name, from) in lenses() {
            let full = pinhole(&from);
            for to in [full, full.resized(80, 60), full.resized(101, 76)] {
                for pixel in [dvec2(40.0, 30.0), dvec2(130.3, 20.9), dvec2(81.7, 61.2), dvec2(25.4, 95.8)] {
                    let plane = from.undistort(pixel).expect("within the image");
                    let expected = plane * to.focal + to.principal;
                    let (image, _) = undistort(&dot(&from, pixel), &from, &to);
                    let miss = (centroid(&image) - expected).length();
                    assert!(miss < 0.1, "{name}: {pixel} was found {miss} pixels from {expected}");
                }
            }
        }
    }

    #[test]
    fn mild_perspective_lenses_leave_no_empty_pixel() {
        for (name, from) in lenses() {
            let to = pinhole(&from);
            let (_, valid) = undistort(&blank(from.width, from.height), &from, &to);
            assert!(valid.iter().all(|v| *v), "{name} leaves {} pixels", valid.iter().filter(|v| !**v).count());
            if name == "pinhole" {
                assert_eq!((to.focal, to.principal), (from.focal, from.principal));
            }
        }
        // The crop is tight: with the pincushion lens a one per cent wider view has empty pixels.
        let (_, from) = lenses().into_iter().find(|(name, _)| *name == "pincushion").unwrap();
        let mut wider = pinhole(&from);
        wider.focal /= 1.01;
        let (image, valid) = undistort(&blank(from.width, from.height), &from, &wider);
        assert!(valid.contains(&false));
        assert!(image.pixels.iter().zip(&valid).all(|(pixel, valid)| pixel[3] == if *valid { 255 } else { 0 }));
    }

    #[test]
    fn strong_lenses_keep_their_focal_length() {
        let strong = Distortion::perspective([1.2, 0.0, 0.0, 0.0], [0.0; 3], [0.0; 2]);
        let from = SourceLens::new(DVec2::splat(100.0), dvec2(80.0, 60.0), (160, 120), strong).unwrap();
        let to = pinhole(&from);
        assert_eq!((to.focal, to.principal), (from.focal, from.principal));
        let (_, valid) = undistort(&blank(160, 120), &from, &to);
        assert!(!valid[0] && valid[60 * 160 + 80]);
        let used = resample_mask(&Mask { width: 40, height: 30, used: vec![true; 1200] }, &from, &to);
        assert_eq!(used, valid, "outside the source nothing is used");
    }

    #[test]
    fn masks_follow_the_lens_to_the_nearest_pixel() {
        let (_, from) = lenses().into_iter().find(|(name, _)| *name == "opencv").unwrap();
        let to = pinhole(&from).resized(80, 60);
        // Half resolution of the source, used right of its column 50.
        let mask = Mask { width: 80, height: 60, used: (0..80 * 60).map(|i| i % 80 >= 50).collect() };
        for (i, used) in resample_mask(&mask, &from, &to).into_iter().enumerate() {
            let centre = dvec2((i % 80) as f64 + 0.5, (i / 80) as f64 + 0.5);
            let source = from.distort((centre - to.principal) / to.focal).unwrap();
            assert_eq!(used, source.x >= 100.0);
        }
    }

    #[test]
    fn shrinking_while_undistorting_averages() {
        // Stripes one pixel wide must turn grey, not alias.
        let (_, from) = lenses().into_iter().find(|(name, _)| *name == "simple radial").unwrap();
        let mut image = blank(160, 120);
        image.pixels.iter_mut().enumerate().filter(|(i, _)| i % 2 == 0).for_each(|(_, p)| *p = [255; 4]);
        let (small, _) = undistort(&image, &from, &pinhole(&from).resized(20, 15));
        assert!(small.pixels.iter().all(|p| p[0].abs_diff(127) < 12), "{:?}", small.pixels);
    }

    #[test]
    fn area_weights_cover_every_pixel_once() {
        for (from, to) in [(16, 7), (5, 5), (4946, 618), (3, 1), (10, 9)] {
            let weights = weights(from, to);
            let mut covered = vec![0.0; from as usize];
            for (first, weights) in &weights {
                assert!((weights.iter().sum::<f32>() - 1.0).abs() < 1e-5);
                weights.iter().enumerate().for_each(|(k, w)| covered[first + k] += w * from as f32 / to as f32);
            }
            assert!(covered.iter().all(|c| (c - 1.0).abs() < 1e-4), "{from} to {to}");
        }
    }
}
