//! A scene to render, of which each camera is shown as much as a budget allows.

use std::path::Path;

use anyhow::{Context, Result};
use glam::Vec3;

use super::input::read_scene;
use crate::camera::Camera;
use crate::format::lod::Detail;
use crate::gpu::Gpu;
use crate::render::{Channel, SceneView};
use crate::scene::Scene;

/// Reads a scene; with a budget the coarsest levels of a streamed SOG, and what brings the finer ones.
///
/// # Errors
/// A budget for another scene than a streamed SOG, or a file that cannot be read.
pub fn read(path: &Path, budget: Option<usize>) -> Result<(Scene, Option<Detail>)> {
    let Some(budget) = budget else { return Ok((read_scene(path)?, None)) };
    let detail = Detail::open(path, budget)?;
    let mut detail = detail.with_context(|| {
        format!("{}: --budget needs levels of detail; dapple export writes them into a .lod", path.display())
    })?;
    Ok((detail.coarsest()?, Some(detail)))
}

/// A scene on the device.
pub struct DetailView {
    view: SceneView,
    detail: Option<Detail>,
    levels: Vec<Option<usize>>,
}

impl DetailView {
    pub fn new(
        gpu: &Gpu,
        (scene, detail): (Scene, Option<Detail>),
        cameras: &[Camera],
        background: Vec3,
        channel: Channel,
    ) -> Result<Self> {
        Ok(Self { view: SceneView::new(gpu, scene, cameras, background, channel)?, detail, levels: Vec::new() })
    }

    /// The scene as a camera needs it.
    ///
    /// # Errors
    /// A file that cannot be read, or no room on the device.
    pub fn seen_by(&mut self, camera: &Camera) -> Result<&mut SceneView> {
        if let Some(detail) = &mut self.detail {
            let levels = detail.choose(camera);
            if levels != self.levels {
                self.view.replace(detail.pick(&levels, usize::MAX)?.scene)?;
                self.levels = levels;
            }
        }
        Ok(&mut self.view)
    }
}
