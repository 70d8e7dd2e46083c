//! The parts of a large scene that the view needs, read on another thread.

use std::time::{Duration, Instant};

use anyhow::Result;
use eframe::egui;

use crate::camera::Camera;
use crate::format::lod::{Detail, Picked};
use crate::scene::Scene;

use super::task::Task;

/// Files that are read before what is there is shown.
const FILES: usize = 4;
/// Time between two scenes at least: each is a copy to the device.
const PAUSE: Duration = Duration::from_millis(150);

type Reading = Task<(Box<Detail>, Result<Picked>)>;

/// A scene with levels of detail, of which the view has what its camera needs.
pub struct Refining {
    /// Absent while a thread has it, and after an error.
    detail: Option<Box<Detail>>,
    reading: Option<Reading>,
    /// The levels that were read last, and whether all of their files are there.
    levels: Vec<Option<usize>>,
    is_complete: bool,
    since: Instant,
}

impl Refining {
    pub fn new(detail: Box<Detail>) -> Self {
        Self { detail: Some(detail), reading: None, levels: Vec::new(), is_complete: false, since: Instant::now() }
    }

    /// The Gaussians that have been read since the last call, if any.
    ///
    /// # Errors
    /// A file that cannot be read; nothing more is read then.
    pub fn poll(&mut self) -> Result<Option<Scene>> {
        let Some(result) = self.reading.as_ref().and_then(Task::poll) else { return Ok(None) };
        self.reading = None;
        let (detail, picked) = result?;
        let picked = picked?;
        self.detail = Some(detail);
        (self.is_complete, self.since) = (picked.is_complete, Instant::now());
        Ok(Some(picked.scene))
    }

    /// Has those for a camera read, unless they are there or others are being read.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn look(&mut self, context: &egui::Context, camera: &Camera) -> Result<()> {
        let Some(detail) = &self.detail else { return Ok(()) };
        let levels = detail.choose(camera);
        if levels == self.levels && self.is_complete {
            return Ok(());
        }
        if let Some(left) = PAUSE.checked_sub(self.since.elapsed()) {
            context.request_repaint_after(left);
            return Ok(());
        }
        let Some(mut detail) = self.detail.take() else { return Ok(()) };
        self.levels.clone_from(&levels);
        self.reading = Some(Task::start("detail", context, move |_| {
            let picked = detail.pick(&levels, FILES);
            (detail, picked)
        })?);
        Ok(())
    }

    /// Has the same read again: what was read is not shown.
    pub fn again(&mut self) {
        self.is_complete = false;
    }
}
