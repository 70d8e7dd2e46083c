//! Opening documents and saving scenes.

use std::path::Path;

use anyhow::{Result, ensure};
use eframe::egui;

use crate::format;
use crate::scene::Scene;
use crate::view::state::document::Document;
use crate::view::state::edit::EditState;
use crate::view::text::{full_path, grouped};

use super::task::Task;

/// A document that is being read.
pub struct Opening {
    pub task: Task<Result<Document>>,
    /// Whether it is a newer scene of the run that is shown: then the view stays as it is.
    pub again: bool,
}

impl Opening {
    /// Starts to read; of a scene with levels of detail at most `budget` Gaussians.
    pub fn start(context: &egui::Context, path: &Path, again: bool, budget: usize) -> Result<Self> {
        let path = path.to_path_buf();
        let task = Task::start("open", context, move |_| Document::open_with(&path, budget))?;
        Ok(Self { task, again })
    }
}

/// A scene that is being written, and the edits that it is written with.
pub struct Saving {
    pub task: Task<Result<String>>,
    pub state: EditState,
}

impl Saving {
    /// Writes a scene to a file; a format that holds no motion gets the moment `time`. The result is a message.
    pub fn start(context: &egui::Context, scene: Scene, path: &Path, time: f32, state: EditState) -> Result<Self> {
        let path = path.to_path_buf();
        let task = Task::start("save", context, move |_| save(scene, &path, time))?;
        Ok(Self { task, state })
    }
}

fn save(mut scene: Scene, path: &Path, time: f32) -> Result<String> {
    ensure!(!scene.is_empty(), "nothing is left of the scene; undo or move the crop box");
    let format = format::format_to_write(path)?;
    let freezes = scene.motion.is_some() && !format.holds_motion();
    if freezes {
        scene = scene.at(time);
    }
    format::write_scene(path, &scene)?;
    let moment = if freezes { format!(", the moment {time:.3} of the clip,") } else { String::new() };
    Ok(format!("saved {} Gaussians{moment} in {}", grouped(scene.len() as u64), full_path(path)))
}
