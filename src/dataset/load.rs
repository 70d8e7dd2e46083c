//! Loading the photo of a shot: decoding, EXIF orientation, undistortion, resizing and masking.

use anyhow::{Context, Result, ensure};

use super::capture::{Capture, Coverage, Photo};
use super::{assemble, images, undistort};

impl Capture {
    /// Decodes the photo of a shot, applies its EXIF orientation, and undistorts and resizes it (area average) to the lens
    /// of its [`Shot::camera`](super::Shot::camera).
    ///
    /// An image with transparency has [`Coverage::Alpha`]. With a mask, or if undistortion leaves pixels without a source,
    /// it has [`Coverage::Mask`], and transparency is composited on black.
    ///
    /// # Errors
    /// Names the image or mask that cannot be decoded, or whose size has changed since the capture was opened.
    ///
    /// # Panics
    /// If `shot` is no index into [`Capture::shots`].
    pub fn load(&self, shot: usize) -> Result<Photo> {
        let shot = &self.shots[shot];
        if shot.is_blank() {
            return Ok(shot.blank_photo());
        }
        let mut image = images::decode(&shot.image, shot.orientation)
            .with_context(|| format!("{}: cannot decode the image", shot.image.display()))?;
        let (from, to) = (&shot.source, &shot.camera.lens);
        ensure!(
            (image.width, image.height) == (from.width, from.height),
            "{}: the image is now {} x {}, it was {} x {} when the capture was opened",
            shot.image.display(),
            image.width,
            image.height,
            from.width,
            from.height
        );
        let transparent = images::premultiply(&mut image);
        let (image, mut used) = if shot.is_resampled() {
            let (image, valid) = undistort::undistort(&image, from, to);
            (image, valid.contains(&false).then_some(valid))
        } else if (image.width, image.height) != (to.width, to.height) {
            (undistort::shrink(&image, to.width, to.height), None)
        } else {
            (image, None)
        };
        if let Some(path) = &shot.mask {
            let mut mask = assemble::load_mask(path, shot)?;
            mask.used.iter_mut().for_each(|used| *used ^= self.invert_masks);
            let masked = undistort::resample_mask(&mask, from, to);
            used = Some(match used {
                Some(valid) => valid.iter().zip(&masked).map(|(a, b)| a & b).collect(),
                None => masked,
            });
        }
        Ok(photo(image, transparent, used))
    }
}

/// Stores the coverage in the fourth channel.
fn photo(image: images::Raster, transparent: bool, used: Option<Vec<bool>>) -> Photo {
    let images::Raster { width, height, mut pixels } = image;
    let coverage = match used {
        Some(used) => {
            pixels.iter_mut().zip(used).for_each(|(pixel, used)| pixel[3] = if used { 255 } else { 0 });
            Coverage::Mask
        }
        None if transparent => Coverage::Alpha,
        None => Coverage::Opaque,
    };
    Photo { width, height, pixels, coverage }
}
