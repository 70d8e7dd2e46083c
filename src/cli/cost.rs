//! What an export has cost: the file read back and compared with the scene, in numbers and in pictures.

use std::path::Path;
use std::str::FromStr;

use anyhow::{Context, Result, bail, ensure};

use super::pictures::{Pictures, cameras, decibels};
use super::progress;
use crate::camera::Camera;
use crate::format::{self, Format, ReadOptions, SpzAxes};
use crate::gpu::Gpu;
use crate::scene::Scene;

/// The moment of a scene in motion that pictures show.
const MOMENT: f32 = 0.5;
/// Pictures that are taken where nobody says how many, and the width of all, pixels.
const VIEWS: u32 = 3;
const WIDTH: u32 = 320;
/// Scenes of more Gaussians are not rendered unasked; nor those of more on a software adapter.
pub const LARGEST: usize = 8_000_000;
const LARGEST_IN_SOFTWARE: usize = 1_000_000;

/// What is measured, and when it fails.
pub struct Measure<'a> {
    pub strict: Option<Strict>,
    /// Number of pictures; a few where the scene allows it, if `None`.
    pub views: Option<u32>,
    pub adapter: Option<&'a str>,
    pub spz_axes: SpzAxes,
    /// Cameras of the capture that the scene was trained on, in its frame; none where they are not known.
    pub cameras: Vec<Camera>,
}

/// The most that an export may cost.
#[derive(Clone, Copy, Debug)]
pub enum Strict {
    /// Gaussians that are left out or differ so that it shows.
    Percent(f64),
    /// The least PSNR of the pictures.
    Decibels(f64),
}

impl FromStr for Strict {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let usage = || format!("\"{text}\" is neither a share in percent, as 1, nor a least PSNR, as 40dB");
        let number = |text: &str| text.trim().parse::<f64>().with_context(usage);
        match text.strip_suffix("dB") {
            Some(least) => {
                let least = number(least)?;
                ensure!((0.0..=100.0).contains(&least), "{least} dB are not in 0 to 100");
                Ok(Self::Decibels(least))
            }
            None => {
                let most = number(text.trim_end_matches('%'))?;
                ensure!((0.0..=100.0).contains(&most), "{most} % are not in 0 to 100");
                Ok(Self::Percent(most))
            }
        }
    }
}

impl Measure<'_> {
    /// Reads the file back and says in one line what the format has cost the scene; pictures are those of the `whole` scene,
    /// where the format holds less of it. `left_out` Gaussians were left out before.
    ///
    /// # Errors
    /// A file that does not read back, no adapter for pictures that were asked for, or a loss above what is allowed.
    pub fn say(&self, path: &Path, format: Format, scene: &Scene, whole: Option<Scene>, left_out: usize) -> Result<()> {
        let stage = progress::spinner(format!("reading {} back", path.display()));
        let options = ReadOptions { spz_axes: Some(self.spz_axes) };
        let found = format::load_with(path, &options).context("the file that was written does not read back")?.scene;
        let loss = format::loss(format, scene, &found, left_out);
        // The same numbers make the same pictures.
        let same = loss.exact && whole.is_none();
        let pictures = if same { None } else { self.pictures(whole.unwrap_or_else(|| scene.clone()), found)? };
        drop(stage);
        println!("lost: {loss}{}", pictures.as_ref().map_or(String::new(), |pictures| self.described(pictures)));
        match self.strict {
            Some(Strict::Percent(most)) if loss.percent() > most => bail!(
                "{}: {:.2} % of the Gaussians are left out or differ so that it shows, more than --strict={most}; the file is kept",
                path.display(),
                loss.percent()
            ),
            Some(Strict::Decibels(least)) if !same => match pictures {
                Some(pictures) if pictures.psnr >= least => Ok(()),
                Some(pictures) => bail!(
                    "{}: pictures of the file have {:.1} dB, less than --strict={least}dB; the file is kept",
                    path.display(),
                    pictures.psnr
                ),
                None => bail!("{}: no pictures were taken to hold against --strict={least}dB", path.display()),
            },
            _ => Ok(()),
        }
    }

    /// Pictures from the capture's cameras, else from around the scene; none, and why, where nobody asked for them and they would take much.
    fn pictures(&self, scene: Scene, found: Scene) -> Result<Option<Pictures>> {
        let views = self.views.unwrap_or(VIEWS);
        if views == 0 {
            return Ok(None);
        }
        let asked = self.views.is_some() || self.adapter.is_some();
        let skipped = |why: String| {
            log::warn!("no pictures were compared: {why}");
            Ok(None)
        };
        if !asked && scene.len() > LARGEST {
            return skipped(format!("more than {} Gaussians; --views {VIEWS} does it", LARGEST));
        }
        let gpu = match Gpu::open(self.adapter) {
            Ok(gpu) => gpu,
            Err(error) if !asked => return skipped(format!("{error}; --views 0 leaves them out")),
            Err(error) => return Err(error.into()),
        };
        if !asked && gpu.is_software() && scene.len() > LARGEST_IN_SOFTWARE {
            let why =
                format!("more than {} Gaussians on a software adapter; --views {VIEWS} does it", LARGEST_IN_SOFTWARE);
            return skipped(why);
        }
        let cameras = cameras(&scene, &self.cameras, views, WIDTH);
        match Pictures::take(&gpu, [scene, found], &cameras, MOMENT) {
            Ok(pictures) => Ok(Some(pictures)),
            Err(error) if !asked => skipped(format!("{error:#}; --views 0 leaves them out")),
            Err(error) => Err(error),
        }
    }

    fn described(&self, pictures: &Pictures) -> String {
        let (all, worst) = (decibels(pictures.psnr), decibels(pictures.worst_psnr()));
        let empty = if pictures.covered < 0.01 { ", but they show next to nothing" } else { "" };
        let places = if self.cameras.is_empty() { "sides" } else { "of the run's cameras" };
        format!("; pictures from {} {places}: {all}, the worst {worst}{empty}", pictures.views.len())
    }
}
