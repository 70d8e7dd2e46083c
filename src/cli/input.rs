//! Inputs of the commands: errors of the command line, and scenes to render.

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};

use crate::dataset::{Capture, CaptureOptions};
use crate::format;
use crate::scene::Scene;
use crate::train::run::folder::config_of;

/// A command line that cannot be understood; the exit code is 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct UsageError(pub String);

/// Reads the scene that a command names.
pub fn read_scene(path: &Path) -> Result<Scene> {
    let scene = format::read_scene(path)?;
    ensure!(!scene.is_empty(), "{} holds no Gaussians; nothing can be rendered", path.display());
    Ok(scene)
}

/// The capture of the run that the only one of the scenes is of, with its cameras; `None` for other scenes, and where the
/// capture is no longer there or, as is said, cannot be opened.
///
/// # Errors
/// Options of a run that cannot be read.
pub fn capture_of_run(scenes: &[PathBuf]) -> Result<Option<Capture>> {
    let [scene] = scenes else { return Ok(None) };
    let Some(config) = config_of(scene)?.filter(|config| config.capture.exists()) else { return Ok(None) };
    let opened = Capture::open(&config.capture, &CaptureOptions::cameras_only());
    Ok(opened.inspect_err(|error| log::warn!("nothing is known of the run's cameras: {error:#}")).ok())
}
