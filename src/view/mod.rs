//! The desktop viewer: `dapple view`.
//!
//! One device serves both sides: the renderer writes 8-bit pixels into a buffer, and the pass that draws the window reads
//! them there ([`stage`], `canvas`). Files are read on threads; pictures are drawn on
//! the window's own, and only when what they depend on has changed.

mod app;
mod canvas;
mod cards;
mod compare;
mod crop;
mod dialogs;
mod document;
mod edit;
mod film;
mod flight;
pub mod keypath;
mod keys_panel;
mod leaving;
mod live;
mod look;
mod menu;
pub mod navigation;
mod pictures;
mod probe;
mod probed;
mod recent;
mod select;
mod shots;
mod side;
pub mod stage;
#[cfg(test)]
mod tests;
mod theme;
mod timeline;
mod train_panel;
mod training;
mod turn;
mod viewport;
mod words;

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use anyhow::{Context, Result, anyhow, ensure};
use eframe::egui;
use eframe::egui_wgpu::{WgpuConfiguration, WgpuSetup, WgpuSetupExisting};
use glam::Vec3;
use image::RgbImage;

use crate::camera::Camera;
use crate::gpu::Gpu;
use crate::gpu::device::Parts;
use crate::render::path::resize;
use crate::train::Start;
use crate::train::config::Background;

use live::Live;

pub use app::Viewer;
pub use document::{Document, Kind};
pub use live::{End, Hooks};

/// Size of a picture where nothing says another.
const SIZE: (u32, u32) = (1280, 720);

/// Opens the window, with a scene, run or capture in it if one is given, and returns when it is closed.
///
/// # Errors
/// No adapter, or no window: on Linux without a display, say.
pub fn open_window(path: Option<&Path>, adapter: Option<&str>) -> Result<()> {
    let (gpu, parts) = Gpu::open_with_parts(adapter)?;
    let path = path.map(Path::to_path_buf);
    let opened = run_window(&gpu, parts, move |context, viewer| {
        if let Some(path) = &path {
            viewer.open(context, path);
        }
        Ok(())
    });
    opened.map_err(|error| anyhow!("{error}; where there is no display, use --screenshot"))
}

/// Trains, with a window that shows the scene grow. Returns when both have ended: the training goes on without the window
/// if that is closed, and from the start if none can be opened.
///
/// # Errors
/// Those of training, and no adapter.
pub fn train_in_window(start: Start, adapter: Option<&str>, hooks: Hooks) -> Result<End> {
    let (gpu, parts) = Gpu::open_with_parts(adapter)?;
    let waiting = Arc::new(Mutex::new(Some((start, hooks))));
    let (sender, threads) = std::sync::mpsc::channel();
    let (taken, device) = (waiting.clone(), gpu.clone());
    let opened = run_window(&gpu, parts, move |context, viewer| {
        if let Some((start, hooks)) = taken.lock().unwrap_or_else(PoisonError::into_inner).take() {
            let (live, thread) = Live::start(start, &device, hooks, context.clone())?;
            viewer.follow(live);
            sender.send(thread)?;
        }
        Ok(())
    });
    if let Err(error) = opened {
        log::warn!("{error}; training goes on without one");
    }
    if let Some((start, hooks)) = waiting.lock().unwrap_or_else(PoisonError::into_inner).take() {
        let (_, thread) = Live::start(start, &gpu, hooks, egui::Context::default())?;
        return join(thread);
    }
    join(threads.recv().context("the training did not start")?)
}

fn join(thread: JoinHandle<Result<End>>) -> Result<End> {
    thread.join().unwrap_or_else(|_| Err(anyhow!("the training broke off")))
}

/// Runs the window until it is closed; `begin` gets its viewer first.
fn run_window(
    gpu: &Gpu,
    parts: Parts,
    begin: impl FnOnce(&egui::Context, &mut Viewer) -> Result<()> + 'static,
) -> Result<()> {
    let setup = WgpuSetupExisting {
        instance: parts.instance,
        adapter: parts.adapter,
        device: gpu.device().clone(),
        queue: gpu.queue().clone(),
    };
    let options = eframe::NativeOptions {
        viewport: egui::ViewportBuilder::default()
            .with_title("Dapple")
            .with_app_id("dapple")
            .with_inner_size([1280.0, 800.0])
            .with_min_inner_size([480.0, 320.0])
            .with_drag_and_drop(true),
        renderer: eframe::Renderer::Wgpu,
        // Noise over the picture would make it another than was rendered.
        dithering: false,
        wgpu_options: WgpuConfiguration { wgpu_setup: WgpuSetup::Existing(setup), ..Default::default() },
        ..Default::default()
    };
    let gpu = gpu.clone();
    let create = move |creation: &eframe::CreationContext<'_>| -> Result<Box<dyn eframe::App>, _> {
        theme::apply(&creation.egui_ctx);
        let mut viewer = Viewer::new(&gpu, creation.wgpu_render_state.clone())?;
        begin(&creation.egui_ctx, &mut viewer)?;
        Ok(Box::new(viewer))
    };
    eframe::run_native("dapple", options, Box::new(create)).map_err(|error| anyhow!("cannot open a window: {error}"))
}

/// The picture that the window would show, without a window.
///
/// # Errors
/// What cannot be opened or rendered; a camera that the capture does not have.
pub fn screenshot(
    path: &Path,
    adapter: Option<&str>,
    size: Option<(u32, u32)>,
    camera: Option<usize>,
    background: Option<Background>,
) -> Result<RgbImage> {
    let document = Document::open(path)?;
    ensure!(!document.scene.is_empty(), "{}: there is nothing to show but cameras", path.display());
    let camera = camera_of(&document, size, camera)?;
    let own = document.config.as_ref().map(|config| config.background);
    let background = background.or(own).map_or(Vec3::ZERO, |background| background.fixed());
    let mut stage = stage::Stage::new(&Gpu::open(adapter)?)?;
    stage.load(&document.scene, &document.frame)?;
    stage.draw(&camera, &stage::Look::of(&document.scene, background), false)?;
    stage.picture()
}

fn camera_of(document: &Document, size: Option<(u32, u32)>, index: Option<usize>) -> Result<Camera> {
    let Some(index) = index else {
        let (width, height) = size.unwrap_or(SIZE);
        return Ok(document.first_eye().camera(width, height));
    };
    let capture = document.capture.as_ref();
    let capture = capture.with_context(|| {
        format!("{}: --camera needs a capture, or a run whose capture is still there", document.path.display())
    })?;
    let count = capture.shots.len();
    let shot = capture.shots.get(index);
    let shot = shot
        .with_context(|| format!("--camera {index}: the capture has the cameras 0 to {}", count.saturating_sub(1)))?;
    let lens = size.map_or(shot.camera.lens, |(width, height)| resize(&shot.camera.lens, width, height));
    Ok(Camera { lens, ..shot.camera })
}
