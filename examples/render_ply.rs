//! Renders a scene file of any format as a PNG, from a camera that circles its middle.
//!
//! ```sh
//! cargo run --release --example render_ply -- scene.ply picture.png
//! ```

use std::path::Path;

use anyhow::{Context, Result, bail};
use dapple::format;
use dapple::gpu::Gpu;
use dapple::render::{Channel, SceneView, orbit};
use glam::Vec3;

fn main() -> Result<()> {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let [scene, picture] = arguments.as_slice() else { bail!("usage: render_ply SCENE PICTURE.png") };
    render(scene.as_ref(), picture.as_ref())
}

/// Reads a scene, renders it on the best adapter and saves the picture.
pub fn render(scene: &Path, picture: &Path) -> Result<()> {
    let scene = format::read_scene(scene)?;
    let camera = orbit::around(&scene, &[], 1)[0];
    let mut view = SceneView::new(&Gpu::open(None)?, scene, &[], Vec3::ONE, Channel::Color)?;
    let rendered = view.render(&camera, 0.0)?;
    let bytes = rendered.pixels.iter().flat_map(|pixel| pixel.truncate().to_array());
    let bytes = bytes.map(|value| (value.clamp(0.0, 1.0) * 255.0).round() as u8).collect();
    let image = image::RgbImage::from_raw(rendered.width, rendered.height, bytes).context("three bytes a pixel")?;
    image.save(picture).with_context(|| format!("cannot write {}", picture.display()))
}
