//! Inputs of the commands: errors of the command line, and scenes to render.

use std::path::Path;

use anyhow::{Result, ensure};

use crate::format;
use crate::scene::Scene;

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
