//! What an export has cost: the file read back and compared with the scene, in numbers and in pictures.

use std::path::Path;

use anyhow::{Context, Result, bail};

use super::pictures::{Pictures, cameras, decibels};
use super::progress;
use crate::format::{self, Format, ReadOptions, SpzAxes};
use crate::gpu::Gpu;
use crate::scene::Scene;

/// The moment of a scene in motion that pictures show.
const MOMENT: f32 = 0.5;
/// Width of the pictures, pixels.
const WIDTH: u32 = 960;

/// What is measured, and when it fails.
pub struct Measure<'a> {
    /// The most Gaussians that may be lost, in percent.
    pub strict: Option<f64>,
    /// Number of pictures.
    pub views: Option<u32>,
    pub adapter: Option<&'a str>,
    pub spz_axes: SpzAxes,
}

impl Measure<'_> {
    /// Reads the file back and says in one line what the format has cost. `left_out` Gaussians were left out before.
    ///
    /// # Errors
    /// A file that does not read back, no adapter for pictures, or a loss above what is allowed.
    pub fn say(&self, path: &Path, format: Format, scene: &Scene, left_out: usize) -> Result<()> {
        if format == Format::Html {
            return Ok(());
        }
        let stage = progress::spinner(format!("reading {} back", path.display()));
        let options = ReadOptions { spz_axes: Some(self.spz_axes) };
        let found = format::load_with(path, &options).context("the file that was written does not read back")?.scene;
        let loss = format::loss(format, scene, &found, left_out);
        let pictures = match self.views {
            Some(views) => format!("; {}", self.pictures(scene, found, views)?),
            None => String::new(),
        };
        drop(stage);
        println!("lost: {loss}{pictures}");
        match self.strict {
            Some(most) if loss.percent() > most => bail!(
                "{}: {:.2} % of the Gaussians are left out or differ so that it shows, more than --strict={most}; the file is kept",
                path.display(),
                loss.percent()
            ),
            _ => Ok(()),
        }
    }

    /// Compares pictures from around the scene.
    fn pictures(&self, scene: &Scene, found: Scene, views: u32) -> Result<String> {
        let gpu = Gpu::open(self.adapter)?;
        let cameras = cameras(scene, &[], views, WIDTH);
        let pictures = Pictures::take(&gpu, [scene.clone(), found], &cameras, MOMENT)?;
        let (all, worst) = (decibels(pictures.psnr), decibels(pictures.worst_psnr()));
        Ok(format!("pictures from {views} sides: {all}, the worst {worst}"))
    }
}
