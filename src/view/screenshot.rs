//! The picture of the window without a window.

use anyhow::{Context, Result, ensure};
use glam::Vec3;
use image::RgbImage;

use crate::camera::Camera;
use crate::gpu::Gpu;
use crate::render::path::resize;
use crate::train::config::Background;

use super::draw::scene_canvas::SceneCanvas;
use super::state::document::Document;
use super::state::view_settings::ViewSettings;

/// Size of the picture by default.
const SIZE: (u32, u32) = (1280, 720);

/// The picture that the window would show, without a window.
///
/// # Errors
/// Files that cannot be read or rendered; a camera that the capture does not have.
pub fn screenshot(
    mut document: Document,
    adapter: Option<&str>,
    size: Option<(u32, u32)>,
    camera: Option<usize>,
    background: Option<Background>,
) -> Result<RgbImage> {
    let name = document.path.display();
    ensure!(!document.scene.is_empty(), "{name}: there is nothing to show but cameras");
    let camera = camera_of(&document, size, camera)?;
    if let Some(mut detail) = document.detail.take() {
        document.scene = detail.pick(&detail.choose(&camera), usize::MAX)?.scene;
    }
    let own = document.config.as_ref().map(|config| config.background);
    let background = background.or(own).map_or(Vec3::ZERO, |background| background.fixed());
    let mut canvas = SceneCanvas::new(&Gpu::open(adapter)?)?;
    canvas.load(&document.scene, &document.frame)?;
    canvas.draw(&camera, &ViewSettings::of(&document.scene, background), false)?;
    canvas.picture()
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
