//! Reading a capture's photos: whole ones to compare with, and thumbnails.

use std::sync::Arc;

use anyhow::Result;
use eframe::egui::{self, Color32, ColorImage};
use glam::Vec3;

use crate::camera::fit_within;
use crate::dataset::Capture;
use crate::train::metrics::Target;

use super::task::Task;

/// Longer side of a thumbnail, in pixels.
pub const THUMBNAIL: u32 = 112;

/// Reads the photo of a shot, over a background where it is transparent.
pub fn read(
    context: &egui::Context,
    capture: Arc<Capture>,
    shot: usize,
    background: Vec3,
) -> Result<Task<Result<Target>>> {
    Task::start("photo", context, move |_| capture.load(shot).map(|picture| Target::new(&picture, background)))
}

/// Reads the thumbnail of a shot; the result is `None` where the image cannot be read.
pub fn thumbnail(context: &egui::Context, capture: Arc<Capture>, shot: usize) -> Result<Task<Option<ColorImage>>> {
    Task::start("thumbnail", context, move |_| {
        let picture = capture.load(shot).ok()?;
        let (width, height) = fit_within(picture.width, picture.height, Some(THUMBNAIL));
        let pixel = |x: u32, y: u32| {
            let at = (y * picture.height / height * picture.width + x * picture.width / width) as usize;
            let [r, g, b, _] = picture.pixels[at];
            Color32::from_rgb(r, g, b)
        };
        let pixels = (0..height).flat_map(|y| (0..width).map(move |x| (x, y))).map(|(x, y)| pixel(x, y)).collect();
        Some(ColorImage::new([width as usize, height as usize], pixels))
    })
}
