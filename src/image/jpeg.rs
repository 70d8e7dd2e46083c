//! JPEG files in memory.

use anyhow::{Context, Result};
use image::RgbImage;
use image::codecs::jpeg::JpegEncoder;

/// The bytes of a JPEG file; `quality` is 1 to 100.
///
/// # Errors
/// An image without pixels, or with a side of more than 65 535.
pub fn jpeg(image: &RgbImage, quality: u8) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let encoder = JpegEncoder::new_with_quality(&mut bytes, quality);
    image.write_with_encoder(encoder).context("cannot encode a JPEG")?;
    Ok(bytes)
}
