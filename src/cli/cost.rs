//! What an export has cost: the file read back and compared with the scene, in numbers and in pictures.

use std::path::Path;

use anyhow::{Context, Result, bail};
use glam::Vec3;

use super::progress;
use crate::format::{self, Format, ReadOptions, SpzAxes};
use crate::gpu::Gpu;
use crate::render::{Channel, SceneView, orbit};
use crate::scene::Scene;

/// The moment of a scene in motion that pictures show.
const MOMENT: f32 = 0.5;

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
        let cameras = orbit::around(scene, &[], views);
        let open = |scene: Scene| SceneView::new(&gpu, scene, &cameras, Vec3::ZERO, Channel::Color);
        let (mut before, mut after) = (open(scene.clone())?, open(found)?);
        let mut errors = Vec::new();
        for camera in &cameras {
            let (a, b) = (before.render(camera, MOMENT)?, after.render(camera, MOMENT)?);
            let shown = |pixel: &glam::Vec4| pixel.truncate().clamp(Vec3::ZERO, Vec3::ONE).as_dvec3();
            let squares = a.pixels.iter().zip(&b.pixels).map(|(a, b)| shown(a).distance_squared(shown(b)));
            errors.push(squares.sum::<f64>() / (3 * a.pixels.len().max(1)) as f64);
        }
        let decibels =
            |error: f64| if error > 0.0 { format!("{:.1} dB", -10.0 * error.log10()) } else { "no difference".into() };
        let mean = errors.iter().sum::<f64>() / errors.len().max(1) as f64;
        let worst = errors.iter().copied().fold(0.0, f64::max);
        Ok(format!("pictures from {views} sides: {}, the worst {}", decibels(mean), decibels(worst)))
    }
}
