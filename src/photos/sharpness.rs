//! How sharp a picture is, to choose the best of a moment.

use image::RgbImage;

/// Longer side at which pictures are looked at: motion blur shows there, and noise does not yet.
const SIDE: u32 = 1024;

/// The mean squared Laplacian of the luminance, of a picture averaged down to at most [`SIDE`] pixels. It orders pictures of
/// one view; of different views it says as much of their texture.
pub fn sharpness(image: &RgbImage) -> f64 {
    let factor = image.width().max(image.height()).div_ceil(SIDE).max(1);
    let (width, height) = ((image.width() / factor) as usize, (image.height() / factor) as usize);
    if width < 3 || height < 3 {
        return 0.0;
    }
    let (stride, step) = (image.width() as usize * 3, factor as usize);
    let bytes = image.as_raw();
    let mut grey = vec![0.0f32; width * height];
    for (y, row) in grey.chunks_mut(width).enumerate() {
        for (x, value) in row.iter_mut().enumerate() {
            let mut sum = 0u32;
            for line in 0..step {
                let start = (y * step + line) * stride + x * step * 3;
                let pixels = bytes[start..start + 3 * step].as_chunks::<3>().0;
                sum +=
                    pixels.iter().map(|[r, g, b]| 2 * u32::from(*r) + 5 * u32::from(*g) + u32::from(*b)).sum::<u32>();
            }
            *value = sum as f32 / (8 * factor * factor) as f32;
        }
    }
    let mut sum = 0.0f64;
    for y in 1..height - 1 {
        let row = &grey[y * width..(y + 1) * width];
        let (above, below) = (&grey[(y - 1) * width..y * width], &grey[(y + 1) * width..(y + 2) * width]);
        let line: f32 =
            (1..width - 1).map(|x| (4.0 * row[x] - row[x - 1] - row[x + 1] - above[x] - below[x]).powi(2)).sum();
        sum += f64::from(line);
    }
    sum / ((width - 2) * (height - 2)) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blurred_picture_is_less_sharp_at_every_size() {
        for side in [64, 1500] {
            let dots = |x: u32, y: u32| if (x / 7 + y / 5).is_multiple_of(3) { 220u32 } else { 40 };
            let sharp = RgbImage::from_fn(side, side, |x, y| image::Rgb([dots(x, y) as u8; 3]));
            let blurred = RgbImage::from_fn(side, side, |x, y| {
                image::Rgb([((0..9).map(|i| dots(x + i, y)).sum::<u32>() / 9) as u8; 3])
            });
            let (a, b) = (sharpness(&sharp), sharpness(&blurred));
            assert!(a > 2.0 * b && b > 0.0, "{side}: {a} {b}");
        }
        assert_eq!(sharpness(&RgbImage::new(2, 9)), 0.0);
    }
}
