//! Colours as 8-bit images, and those as PNG files.

use std::io::{Cursor, Write};
use std::path::Path;

use anyhow::{Context, Result};
use glam::Vec3;
use image::{ImageFormat, RgbImage};

use crate::format::write_atomically;

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
