//! Renders as 8-bit images, and numbers as colours.

use std::io::{Cursor, Write};
use std::path::Path;

use anyhow::{Context, Result};
use glam::Vec3;
use image::{ImageFormat, RgbImage};

use crate::format::write_atomically;

/// Black to pale yellow over violet and orange, evenly in lightness: for errors.
pub const EMBER: [[u8; 3]; 5] = [[0, 0, 4], [87, 16, 110], [188, 55, 84], [249, 142, 9], [252, 255, 164]];
/// Violet to yellow over green, evenly in lightness: for depth.
pub const MEADOW: [[u8; 3]; 5] = [[68, 1, 84], [59, 82, 139], [33, 145, 140], [94, 201, 98], [253, 231, 37]];

/// The colour at `t` in 0..=1 of a ramp, between its anchors linearly.
pub fn ramp(anchors: &[[u8; 3]; 5], t: f32) -> Vec3 {
    let position = if t.is_nan() { 0.0 } else { t.clamp(0.0, 1.0) * 4.0 };
    let low = (position as usize).min(3);
    let colour = |anchor: [u8; 3]| Vec3::from_array(anchor.map(f32::from)) / 255.0;
    colour(anchors[low]).lerp(colour(anchors[low + 1]), position - low as f32)
}

/// Display-referred colours, clamped to 0..=1, as an 8-bit image.
///
/// # Panics
/// Unless there are `width * height` colours.
pub fn to_image(width: u32, height: u32, colours: impl Iterator<Item = Vec3>) -> RgbImage {
    let byte = |value: f32| (value.clamp(0.0, 1.0) * 255.0 + 0.5) as u8;
    let bytes: Vec<u8> = colours.flat_map(|colour| colour.to_array().map(byte)).collect();
    RgbImage::from_raw(width, height, bytes).expect("an image has width x height pixels")
}

/// Writes a PNG.
pub fn save_png(path: &Path, image: &RgbImage) -> Result<()> {
    let mut bytes = Cursor::new(Vec::new());
    image.write_to(&mut bytes, ImageFormat::Png).with_context(|| format!("cannot encode {}", path.display()))?;
    write_atomically(path, |file| file.write_all(bytes.get_ref()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ramps_pass_through_their_anchors() {
        let bytes = |t| to_image(1, 1, std::iter::once(ramp(&EMBER, t))).into_raw();
        assert_eq!(bytes(0.0), EMBER[0]);
        assert_eq!(bytes(0.5), EMBER[2]);
        assert_eq!(bytes(2.0), EMBER[4]);
        assert_eq!(bytes(f32::NAN), EMBER[0]);
    }
}
