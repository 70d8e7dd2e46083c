//! The pictures of the held-out views, encoded for the page.

use std::io::Cursor;

use anyhow::{Context, Result};
use base64::Engine;
use glam::Vec3;
use image::codecs::jpeg::JpegEncoder;
use image::imageops::{FilterType, resize};
use image::{ImageEncoder, RgbImage};

use crate::camera::fit_within;
use crate::image::colormap::{INFERNO, ramp};
use crate::image::png::to_image;
use crate::train::evaluate::Comparison;
use crate::train::metrics::Target;

/// Longer side of the pictures in the table, and of the pair at the top.
pub const PICTURE_SIDE: u32 = 480;
const HERO_SIDE: u32 = 1000;
/// Views that are shown with pictures; the table lists all.
const MAX_PICTURED: usize = 24;
/// Mean absolute error, of 1, at the bright end of the error's colours.
pub const FULL_ERROR: f32 = 0.2;

/// Pictures of views, encoded for the page.
pub struct Gallery {
    stride: usize,
    seen: usize,
    pub hero: Option<Hero>,
    pub entries: Vec<Entry>,
}

pub struct Hero {
    pub name: String,
    pub size: (u32, u32),
    pub truth: String,
    pub render: String,
}

pub struct Entry {
    /// Position among the views.
    pub index: usize,
    pub truth: String,
    pub render: String,
    pub error: String,
}

impl Gallery {
    /// For `count` views, of which some may be shown.
    pub fn new(count: usize) -> Self {
        Self { stride: count.div_ceil(MAX_PICTURED).max(1), seen: 0, hero: None, entries: Vec::new() }
    }

    /// Takes the next view; `render` is its render as an image.
    pub fn add(&mut self, comparison: Comparison, render: &RgbImage) -> Result<()> {
        let index = self.seen;
        self.seen += 1;
        if !index.is_multiple_of(self.stride) {
            return Ok(());
        }
        let target = comparison.target;
        let truth = photo(target);
        if self.hero.is_none() {
            self.hero = Some(Hero {
                name: comparison.view.name.clone(),
                size: fit_within(target.width, target.height, Some(HERO_SIDE)),
                truth: data_uri(&truth, HERO_SIDE)?,
                render: data_uri(render, HERO_SIDE)?,
            });
        }
        self.entries.push(Entry {
            index,
            truth: data_uri(&truth, PICTURE_SIDE)?,
            render: data_uri(render, PICTURE_SIDE)?,
            error: data_uri(&error_image(&comparison), PICTURE_SIDE)?,
        });
        Ok(())
    }
}

/// The photo over the run's background.
pub fn photo(target: &Target) -> RgbImage {
    to_image(target.width, target.height, target.colours.iter().copied())
}

/// Mean absolute error over the channels, as a heat map; pixels that do not count stay dark.
fn error_image(comparison: &Comparison) -> RgbImage {
    let target = comparison.target;
    let colour = |(i, truth): (usize, &Vec3)| {
        let counts = target.mask.as_ref().is_none_or(|mask| mask[i]);
        let render = comparison.render.pixels[i].truncate().clamp(Vec3::ZERO, Vec3::ONE);
        let error = if counts { (*truth - render).abs().element_sum() / 3.0 } else { 0.0 };
        ramp(&INFERNO, error / FULL_ERROR)
    };
    to_image(target.width, target.height, target.colours.iter().enumerate().map(colour))
}

/// A JPEG of bounded size as text that an `<img>` takes.
pub fn data_uri(image: &RgbImage, side: u32) -> Result<String> {
    let (width, height) = fit_within(image.width(), image.height(), Some(side));
    let small = if (width, height) == image.dimensions() {
        image.clone()
    } else {
        resize(image, width, height, FilterType::Triangle)
    };
    let mut bytes = Cursor::new(Vec::new());
    let encoder = JpegEncoder::new_with_quality(&mut bytes, 88);
    encoder.write_image(&small, width, height, image::ExtendedColorType::Rgb8).context("cannot encode a picture")?;
    Ok(format!("data:image/jpeg;base64,{}", base64::engine::general_purpose::STANDARD.encode(bytes.get_ref())))
}
