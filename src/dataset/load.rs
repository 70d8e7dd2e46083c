//! Loading the image of a shot: decoded, turned, undistorted and resized, with its mask.

use anyhow::{Context, Result, ensure};

use super::capture::{Capture, Coverage, Picture};
use super::lens::Distortion;
use super::{assemble, images, undistort};

impl Capture {
    /// Decodes the picture of a shot, turns it where [`Shot::orientation`] says so, undistorts and resizes it (area
    /// average) to [`Shot::camera`]'s lens.
    ///
    /// An image with transparency becomes [`Coverage::Alpha`]. Where there is a mask, or undistortion leaves pixels
    /// without a source, it becomes [`Coverage::Mask`], and a transparent image is then composited on black.
    ///
    /// # Errors
    /// Names the image or mask that cannot be decoded, or whose size is not what it was when the capture was opened.
    ///
    /// # Panics
    /// Where `shot` is no index into [`Capture::shots`].
    pub fn load(&self, shot: usize) -> Result<Picture> {
        let shot = &self.shots[shot];
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
        let (image, mut used) = if from.distortion != Distortion::None {
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
        Ok(picture(image, transparent, used))
    }
}

/// Puts what is known of the pixels' use into their fourth channel.
fn picture(image: images::Raster, transparent: bool, used: Option<Vec<bool>>) -> Picture {
    let images::Raster { width, height, mut pixels } = image;
    let coverage = match used {
        Some(used) => {
            pixels.iter_mut().zip(used).for_each(|(pixel, used)| pixel[3] = if used { 255 } else { 0 });
            Coverage::Mask
        }
        None if transparent => Coverage::Alpha,
        None => Coverage::Opaque,
    };
    Picture { width, height, pixels, coverage }
}
