//! All work that is in progress on other threads.

use anyhow::Result;
use eframe::egui::ColorImage;

use crate::train::metrics::Target;

use super::dialogs::Dialogs;
use super::files::{Opening, Saving};
use super::path_export::PathExport;
use super::refining::Refining;
use super::task::Task;
use super::training::LiveTraining;

/// Work in progress, at most one of each kind.
#[derive(Default)]
pub struct Jobs {
    pub dialogs: Dialogs,
    pub opening: Option<Opening>,
    pub saving: Option<Saving>,
    pub export: Option<PathExport>,
    /// The finer levels of the scene.
    pub refining: Option<Refining>,
    /// The photo of a shot.
    pub photo: Option<(usize, Task<Result<Target>>)>,
    /// The thumbnail of a shot: decoding takes a processor, so they are made one at a time.
    pub thumbnail: Option<(usize, Task<Option<ColorImage>>)>,
    pub training: Option<LiveTraining>,
}
