//! Pages that `dapple export` writes: which kind, and what it knows of the run that the scene is of.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use glam::{DQuat, DVec3};

use super::input::capture_of_run;
use crate::camera::Camera;
use crate::dataset::Shot;
use crate::format::{Format, PageSetting};
use crate::gpu::Gpu;
use crate::page::{self, Setting};
use crate::scene::Scene;
use crate::train::config::Background;
use crate::train::run::folder::config_of;

/// The most places that the page of a still scene stops at.
const STOPS: usize = 8;

/// What draws the scene of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Drawing {
    /// The vendored viewer, in any browser; still scenes only
    Webgl,
    /// This program's own kernels
    Webgpu,
}

/// Options of a page.
#[derive(clap::Args)]
pub struct PageOptions {
    /// What draws the scene of a .html [default: webgpu for a scene in motion, else webgl]
    #[arg(long, value_enum)]
    pub page: Option<Drawing>,
    /// Background colour of a page: black, white, or R,G,B from 0 to 1 [default: the run's, else black]
    #[arg(long)]
    pub background: Option<Background>,
}

/// Writes a page that draws with this program's kernels. `transformed` says that the scene is no longer in the frame of the
/// run's capture.
///
/// # Errors
/// Those of [`page::write`], and options of a run that cannot be read.
pub fn write(
    path: &Path,
    scene: &Scene,
    inputs: &[PathBuf],
    options: &PageOptions,
    transformed: bool,
    adapter: Option<&str>,
) -> Result<()> {
    let mut setting = setting(inputs, options, transformed)?;
    setting.seconds = scene.clip.seconds.unwrap_or(page::SECONDS);
    let gpu = Gpu::open(adapter);
    if let Err(error) = &gpu {
        ensure!(adapter.is_none(), "{error}");
        log::warn!("{}: it gets no poster and no film strip, which take a GPU: {error}", path.display());
    }
    page::write(path, scene, &setting, gpu.ok().as_ref())
}

/// What the page of a still scene shows besides the scene, in formats that have one: the run's background, and places of
/// its capture's cameras, as far apart as can be. `turned` is how the scene was turned upright.
///
/// # Errors
/// Options of a run that cannot be read.
pub fn still(
    format: Format,
    inputs: &[PathBuf],
    options: &PageOptions,
    transformed: bool,
    turned: Option<DQuat>,
) -> Result<PageSetting> {
    if !matches!(format, Format::Html | Format::Lod) {
        return Ok(PageSetting::default());
    }
    let Setting { cameras, background, .. } = setting(inputs, options, transformed)?;
    let chosen = far_apart(&cameras);
    let stop = |(k, &i): (usize, &usize)| {
        let camera = cameras[i];
        let pose = turned.map_or(camera.pose, |turn| camera.pose.turned(turn));
        (format!("view {} of {}", k + 1, chosen.len()), Camera { pose, ..camera })
    };
    Ok(PageSetting { background, stops: chosen.iter().enumerate().map(stop).collect() })
}

/// At most [`STOPS`] cameras, in their order: the first, and each time the one that is farthest from those before.
fn far_apart(cameras: &[Camera]) -> Vec<usize> {
    let centres: Vec<DVec3> = cameras.iter().map(|camera| camera.pose.centre()).collect();
    let mut chosen: BTreeSet<usize> = (0..cameras.len().min(1)).collect();
    let far = |chosen: &BTreeSet<usize>, i: usize| {
        chosen.iter().map(|&k| centres[k].distance_squared(centres[i])).fold(f64::INFINITY, f64::min)
    };
    while chosen.len() < STOPS {
        let next = (0..cameras.len()).max_by(|&a, &b| far(&chosen, a).total_cmp(&far(&chosen, b)));
        let Some(next) = next.filter(|&next| far(&chosen, next) > 0.0) else { break };
        chosen.insert(next);
    }
    chosen.into_iter().collect()
}

/// What the run that the only input is of says: its background and, if its capture is still there, its cameras.
fn setting(inputs: &[PathBuf], options: &PageOptions, transformed: bool) -> Result<Setting> {
    let config = match inputs {
        [one] => config_of(one)?,
        _ => None,
    };
    let background = options.background.or(config.as_ref().map(|config| config.background));
    let mut setting = Setting {
        cameras: Vec::new(),
        stops: Vec::new(),
        moments: 0,
        background: background.unwrap_or(Background::Auto).fixed(),
        seconds: page::SECONDS,
    };
    let Some(capture) = capture_of_run(inputs)? else { return Ok(setting) };
    setting.moments = capture.shots.iter().filter_map(|shot| Some(shot.time?.to_bits())).collect::<BTreeSet<_>>().len();
    if transformed {
        log::warn!("the page has none of the capture's cameras, because --up or --transform moves the scene");
        return Ok(setting);
    }
    setting.stops = stops(&capture.shots);
    setting.cameras = capture.cameras();
    Ok(setting)
}

/// A stop for each camera: of a clip, where it stands first.
fn stops(shots: &[Shot]) -> Vec<(String, usize)> {
    let mut seen = BTreeSet::new();
    let firsts = shots.iter().enumerate().filter(|(_, shot)| seen.insert(shot.stream)).map(|(i, _)| i);
    let firsts: Vec<usize> = firsts.collect();
    let name = |(k, i): (usize, usize)| (format!("camera {} of {}", k + 1, firsts.len()), i);
    firsts.iter().copied().enumerate().map(name).collect()
}
