//! A key-framed path as images or a video, rendered on a thread of its own while the window goes on.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use anyhow::{Result, bail};
use eframe::egui;

use crate::camera::Camera;
use crate::format;
use crate::image::png::save_png;
use crate::image::video::Video;
use crate::render::Shown;
use crate::train::run::folder::picture_path;

use super::app::Viewer;
use super::stage::{Fork, Look};
use super::words::whole;

/// Where a path goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A folder of numbered PNG files, as `dapple render` names them.
    Images,
    /// A video, by the system's ffmpeg.
    Video,
}

/// An export in progress. Dropped, it stops.
pub struct Film {
    total: usize,
    done: Arc<AtomicUsize>,
    cancel: Arc<AtomicBool>,
    result: Receiver<Result<String>>,
}

impl Drop for Film {
    fn drop(&mut self) {
        self.cancel.store(true, Ordering::Relaxed);
    }
}

/// What an export needs of the window.
pub struct Order {
    pub form: Form,
    pub path: PathBuf,
    pub frames: Vec<(Camera, Look)>,
    pub rate: f64,
    pub fork: Fork,
}

impl Film {
    pub fn start(order: Order, context: &egui::Context) -> Result<Self> {
        let (sender, result) = channel();
        let (done, cancel) = (Arc::<AtomicUsize>::default(), Arc::<AtomicBool>::default());
        let total = order.frames.len();
        let (counter, stop, context) = (done.clone(), cancel.clone(), context.clone());
        let work = move || {
            // The window may be gone.
            let _ = sender.send(shoot(order, &counter, &stop));
            context.request_repaint();
        };
        std::thread::Builder::new().name("export".into()).spawn(work)?;
        Ok(Self { total, done, cancel, result })
    }

    fn progress(&self) -> (usize, usize) {
        (self.done.load(Ordering::Relaxed), self.total)
    }
}

fn shoot(order: Order, done: &AtomicUsize, stop: &AtomicBool) -> Result<String> {
    let Some((first, _)) = order.frames.first() else { bail!("the path has no key frames yet; add this view with K") };
    let total = order.frames.len();
    let mut video = match order.form {
        Form::Images => {
            format::create_folder(&order.path)?;
            None
        }
        Form::Video => Some(Video::create(&order.path, first.lens.width, first.lens.height, order.rate)?),
    };
    let mut stage = order.fork.open()?;
    for (index, (camera, look)) in order.frames.iter().enumerate() {
        if stop.load(Ordering::Relaxed) {
            return Ok(match order.form {
                Form::Images => format!("cancelled; {index} of {total} images are in {}", order.path.display()),
                Form::Video => "cancelled; no video is written".into(),
            });
        }
        stage.draw(camera, look, false)?;
        let picture = stage.picture()?;
        match &mut video {
            Some(video) => video.add(&picture)?,
            None => save_png(&picture_path(&order.path, &format!("{index:05}"))?, &picture)?,
        }
        done.store(index + 1, Ordering::Relaxed);
    }
    if let Some(mut video) = video {
        video.finish()?;
    }
    Ok(match order.form {
        Form::Images => format!("saved {total} images in {}", whole(&order.path)),
        Form::Video => format!("saved a video of {total} images, {}", whole(&order.path)),
    })
}

impl Viewer {
    /// Starts to export the camera path.
    pub(super) fn export_path(&mut self, context: &egui::Context, form: Form, path: &Path) {
        if self.film.is_some() {
            return self.tell("an export is in progress; wait for it or cancel it".into());
        }
        // What the crop box leaves out is no part of the film, as it is none of a saved scene.
        let mut look = Look { ghost: false, ..self.edit.apply(self.look) };
        if matches!(look.shown, Shown::Depth | Shown::Count | Shown::Velocity | Shown::Flow) {
            // One range for all images, or their colours would flicker.
            look.range = Some(self.stage.range(&look));
        }
        let (width, height) = self.keys.size;
        let frame = |key: super::keypath::Key| {
            (key.eye.camera(width, height), Look { time: key.time.unwrap_or(look.time), ..look })
        };
        let order = Order {
            form,
            path: path.to_path_buf(),
            frames: self.keys.moments().into_iter().map(frame).collect(),
            rate: self.keys.frames_per_second,
            fork: self.stage.fork(),
        };
        match Film::start(order, context) {
            Ok(film) => self.film = Some(film),
            Err(error) => self.fail(error),
        }
    }

    /// Tells how the export went.
    pub(super) fn watch_film(&mut self, context: &egui::Context) {
        let Some(film) = &self.film else { return };
        match film.result.try_recv() {
            Ok(result) => {
                self.film = None;
                match result {
                    Ok(text) => self.tell(text),
                    Err(error) => self.fail(error),
                }
            }
            Err(std::sync::mpsc::TryRecvError::Empty) => context.request_repaint_after(Duration::from_millis(250)),
            Err(std::sync::mpsc::TryRecvError::Disconnected) => {
                self.film = None;
                self.fail(anyhow::anyhow!("the export broke off"));
            }
        }
    }

    /// The bar of an export, and the way to cancel it.
    pub(super) fn film_row(&self, ui: &mut egui::Ui) {
        let Some(film) = &self.film else { return };
        let (done, total) = film.progress();
        ui.horizontal(|ui| {
            if ui.button("Cancel").on_hover_text("What is exported so far: images stay, a video goes").clicked() {
                film.cancel.store(true, Ordering::Relaxed);
            }
            let bar = egui::ProgressBar::new(done as f32 / total.max(1) as f32);
            ui.add(bar.text(format!("image {done} of {total}")));
        });
    }
}
