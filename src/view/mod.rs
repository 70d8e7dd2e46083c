//! The desktop viewer: `dapple view`.
//!
//! One device serves both sides: the renderer writes 8-bit pixels into a buffer, a copy on the device makes a texture
//! of them, and the window's library draws it ([`stage`], `canvas`). Files are read on threads; pictures are drawn on
//! the window's own, and only when what they depend on has changed.

mod app;
mod canvas;
mod cards;
mod compare;
mod dialogs;
mod document;
mod edit;
pub mod keypath;
mod menu;
pub mod navigation;
mod recent;
mod shots;
mod side;
pub mod stage;
#[cfg(test)]
mod tests;
mod theme;
mod timeline;
mod training;
mod viewport;
mod words;

use std::path::Path;

use anyhow::{Context, Result, anyhow, ensure};
use eframe::egui;
use eframe::egui_wgpu::{WgpuConfiguration, WgpuSetup, WgpuSetupExisting};
use glam::Vec3;
use image::RgbImage;

use crate::camera::Camera;
use crate::gpu::Gpu;
use crate::render::path::resize;
use crate::train::config::Background;

pub use app::Viewer;
pub use document::{Document, Kind};
pub use training::open_beside;

/// Size of a picture where nothing says another.
const SIZE: (u32, u32) = (1280, 720);

/// Opens the window, with a scene, run or capture in it if one is given, and returns when it is closed.
///
/// # Errors
/// No adapter, or no window: on Linux without a display, say.
pub fn open_window(path: Option<&Path>, adapter: Option<&str>) -> Result<()> {
    let (gpu, parts) = Gpu::open_with_parts(adapter)?;
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
    let path = path.map(Path::to_path_buf);
    let create = move |creation: &eframe::CreationContext<'_>| -> Result<Box<dyn eframe::App>, _> {
        theme::apply(&creation.egui_ctx);
        let mut viewer = Viewer::new(&gpu, creation.wgpu_render_state.clone())?;
        if let Some(path) = &path {
            viewer.open(&creation.egui_ctx, path);
        }
        Ok(Box::new(viewer))
    };
    eframe::run_native("dapple", options, Box::new(create))
        .map_err(|error| anyhow!("cannot open a window: {error}; where there is no display, use --screenshot"))
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
