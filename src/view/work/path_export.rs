//! The camera path as images or a video, rendered on a thread of its own while the window goes on.

use std::path::PathBuf;

use anyhow::{Result, bail};
use eframe::egui;

use crate::camera::Camera;
use crate::format;
use crate::image::png::save_png;
use crate::image::video::Video;
use crate::train::run::folder::picture_path;
use crate::view::draw::scene_canvas::Fork;
use crate::view::state::view_settings::ViewSettings;
use crate::view::text::full_path;

use super::task::{Progress, Task};

/// The form of an exported path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// A folder of numbered PNG files, as `dapple render` names them.
    Images,
    /// A video, by the system's ffmpeg.
    Video,
}

/// The inputs of an export.
pub struct Order {
    pub output: Output,
    pub path: PathBuf,
    pub frames: Vec<(Camera, ViewSettings)>,
    pub frames_per_second: f64,
    pub canvas: Fork,
}

/// An export in progress; its result is a message.
pub struct PathExport {
    pub task: Task<Result<String>>,
    /// Number of images.
    pub total: usize,
}

impl PathExport {
    pub fn start(order: Order, context: &egui::Context) -> Result<Self> {
        let total = order.frames.len();
        Ok(Self { task: Task::start("export", context, |progress| export(order, progress))?, total })
    }
}

fn export(order: Order, progress: &Progress) -> Result<String> {
    let Some((first, _)) = order.frames.first() else { bail!("the path has no key frames yet; add this view with K") };
    let total = order.frames.len();
    let mut video = match order.output {
        Output::Images => {
            format::create_folder(&order.path)?;
            None
        }
        Output::Video => {
            Some(Video::create(&order.path, first.lens.width, first.lens.height, order.frames_per_second)?)
        }
    };
    let mut canvas = order.canvas.open()?;
    for (index, (camera, settings)) in order.frames.iter().enumerate() {
        if progress.is_cancelled() {
            return Ok(match order.output {
                Output::Images => format!("cancelled; {index} of {total} images are in {}", order.path.display()),
                Output::Video => "cancelled; no video is written".into(),
            });
        }
        canvas.draw(camera, settings, false)?;
        let picture = canvas.picture()?;
        match &mut video {
            Some(video) => video.add(&picture)?,
            None => save_png(&picture_path(&order.path, &format!("{index:05}"))?, &picture)?,
        }
        progress.set_done(index + 1);
    }
    if let Some(mut video) = video {
        video.finish()?;
    }
    Ok(match order.output {
        Output::Images => format!("saved {total} images in {}", full_path(&order.path)),
        Output::Video => format!("saved a video of {total} images, {}", full_path(&order.path)),
    })
}
