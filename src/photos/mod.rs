//! From plain photos and videos to a capture: pictures are gathered, the external program COLMAP finds where each was
//! taken. What is done is kept in the capture's folder, and a stopped run goes on where it was.

mod colmap;
mod external;
mod frames;
mod gather;
mod hooks;
mod link;
mod place;
mod settings;
mod sharpness;
mod stages;
mod summary;

use std::path::Path;

use anyhow::{Result, ensure};

use crate::format::create_folder;
use colmap::Colmap;
use settings::WORK;
use stages::Stages;

pub use hooks::{Event, Hooks, Stopped};
pub use settings::{Cameras, Matcher, Settings};
pub use summary::Summary;

/// Makes the capture in `folder` of what `settings` name, or goes on with it. `run` is the folder of the run, from which no
/// pictures are taken; `frozen` says that a scene has been trained on the capture, which may not change any more.
///
/// # Errors
/// [`Stopped`], where the hooks ask for it; inputs that cannot be read, a program that is missing, and a program's failure
/// with the place of its log.
pub fn make(settings: &Settings, run: &Path, folder: &Path, frozen: bool, hooks: &mut Hooks) -> Result<Summary> {
    let sources = gather::sources(settings, run, hooks)?;
    let images = folder.join("images");
    let mut stages = Stages::open(&folder.join(WORK), frozen)?;
    ensure!(
        !stages.is_empty() || !images.exists(),
        "{} holds pictures that this command has not put there; choose another folder for the run",
        images.display()
    );
    // Missing, it is missed now and not when the frames of a long video have been taken.
    let colmap = if stages.is_done("poses") { None } else { Some(Colmap::find(folder)?) };
    create_folder(&folder.join(WORK))?;
    let pictures = gather::gather(settings, &sources, &images, &mut stages, hooks)?;
    let count = pictures.names.len();
    ensure!(count >= 3, "{count} pictures are too few; give at least 3, better 50 or more that overlap");
    place::place(settings, &pictures, folder, colmap, &mut stages, hooks)
}
