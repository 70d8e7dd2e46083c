//! Photos' colours as display sRGB: embedded colour profiles (ICC) applied, linear values encoded.

use anyhow::{Context, Result};
use image::{DynamicImage, RgbaImage};
use moxcms::{ColorProfile, DataColorSpace, Layout, TransformOptions};

/// Colours that two profiles are compared by: corners, edges and middles of the cube.
const PROBES: [u8; 3] = [40, 128, 230];

/// An image as 8-bit display sRGB. Values of 16 bits are rounded after the profile is applied; floating-point values are
/// linear sRGB with colour multiplied by opacity, as OpenEXR has them, and what is brighter than white becomes white.
///
/// # Errors
/// A profile that cannot be applied to the image's kind of colours.
pub fn to_srgb(image: DynamicImage, profile: Option<&[u8]>) -> Result<RgbaImage> {
    if matches!(image, DynamicImage::ImageRgb32F(_) | DynamicImage::ImageRgba32F(_)) {
        return Ok(encode(&image.into_rgba32f()));
    }
    // A profile that cannot be read, or of greys or inks that are converted by now, says nothing of these colours.
    let profile = profile.and_then(|bytes| ColorProfile::new_from_slice(bytes).ok());
    let Some(profile) = profile.filter(|profile| profile.color_space == DataColorSpace::Rgb) else {
        return Ok(image.into_rgba8());
    };
    let (srgb, options) = (ColorProfile::new_srgb(), TransformOptions::default());
    let eight = profile.create_transform_8bit(Layout::Rgba, &srgb, Layout::Rgba, options);
    let eight = eight.context("its colour profile cannot be applied; save the photo as sRGB")?;
    let probes: Vec<u8> = PROBES
        .iter()
        .flat_map(|r| PROBES.iter().flat_map(move |g| PROBES.iter().flat_map(move |b| [*r, *g, *b, 255])))
        .collect();
    let mut seen = vec![0; probes.len()];
    eight.transform(&probes, &mut seen).context("its colour profile cannot be applied")?;
    // sRGB by whatever name: the pixels stay as they are.
    if seen.iter().zip(&probes).all(|(a, b)| a.abs_diff(*b) <= 1) {
        return Ok(image.into_rgba8());
    }
    if matches!(image, DynamicImage::ImageRgb16(_) | DynamicImage::ImageRgba16(_)) {
        let deep = profile.create_transform_16bit(Layout::Rgba, &srgb, Layout::Rgba, options);
        let (deep, mut pixels) = (deep.context("its colour profile cannot be applied")?, image.into_rgba16());
        let source = pixels.clone();
        deep.transform(&source, &mut pixels).context("its colour profile cannot be applied")?;
        return Ok(DynamicImage::from(pixels).into_rgba8());
    }
    let source = image.into_rgba8();
    let mut pixels = source.clone();
    eight.transform(&source, &mut pixels).context("its colour profile cannot be applied")?;
    Ok(pixels)
}

/// Linear colours, multiplied by opacity, as display sRGB that is not.
fn encode(image: &image::Rgba32FImage) -> RgbaImage {
    let byte = |value: f32| (value.clamp(0.0, 1.0) * 255.0 + 0.5) as u8;
    let curve = |c: f32| if c <= 0.003_130_8 { 12.92 * c } else { 1.055 * c.powf(1.0 / 2.4) - 0.055 };
    RgbaImage::from_fn(image.width(), image.height(), |x, y| {
        let [r, g, b, a] = image.get_pixel(x, y).0;
        let over = if a > 0.0 && a < 1.0 { a.recip() } else { 1.0 };
        let [r, g, b] = [r, g, b].map(|c| byte(curve(c * over)));
        image::Rgba([r, g, b, byte(a)])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wide_profile_is_applied_at_both_depths_and_srgb_changes_nothing() {
        let wide = ColorProfile::new_display_p3().encode().unwrap();
        let green = image::RgbImage::from_pixel(2, 1, image::Rgb([100, 150, 50]));
        let seen = to_srgb(DynamicImage::from(green.clone()), Some(&wide)).unwrap().get_pixel(1, 0).0;
        // By the matrix between the two spaces' primaries, and the curve that both have.
        let expected = [83, 152, 23, 255];
        assert!(seen.iter().zip(expected).all(|(a, b)| a.abs_diff(b) <= 1), "{seen:?}");
        let deep = image::ImageBuffer::from_pixel(1, 1, image::Rgb([100u16 * 257, 150 * 257, 50 * 257]));
        let deep = to_srgb(DynamicImage::from(deep), Some(&wide)).unwrap().get_pixel(0, 0).0;
        assert!(deep.iter().zip(expected).all(|(a, b)| a.abs_diff(b) <= 1), "{deep:?}");
        let srgb = ColorProfile::new_srgb().encode().unwrap();
        for profile in [Some(srgb.as_slice()), Some(b"no profile".as_slice()), None] {
            assert_eq!(
                to_srgb(DynamicImage::from(green.clone()), profile).unwrap().get_pixel(0, 0).0[..3],
                [100, 150, 50]
            );
        }
    }

    #[test]
    fn linear_values_are_encoded_and_freed_of_their_opacity() {
        let pixels = vec![0.2159, 1.0, 7.0, 1.0, 0.107_95, 0.0, -1.0, 0.5];
        let image = image::Rgba32FImage::from_raw(2, 1, pixels).unwrap();
        let seen = to_srgb(DynamicImage::from(image), None).unwrap();
        assert_eq!((seen.get_pixel(0, 0).0, seen.get_pixel(1, 0).0), ([128, 255, 255, 255], [128, 0, 0, 128]));
    }
}
