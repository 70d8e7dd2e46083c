//! The pictures in a page: a poster while it loads, and a film strip for browsers that cannot play it.

use std::fmt::Write;

use anyhow::Result;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::setting::Setting;
use crate::camera::{Camera, fit_within};
use crate::gpu::Gpu;
use crate::image::jpeg::jpeg;
use crate::image::png::to_image;
use crate::render::{Channel, SceneView, orbit};
use crate::scene::Scene;

/// Longest sides, in pixels.
const POSTER: u32 = 800;
const FRAME: u32 = 200;
/// Pictures of the film strip.
const FRAMES: u32 = 8;
const QUALITY: u8 = 82;

/// Elements of the page.
#[derive(Default)]
pub struct Pictures {
    pub poster: String,
    pub strip: String,
}

/// Renders the pictures of a scene: the poster from a camera, and from there its moments, or the sides of a still scene.
///
/// # Errors
/// Errors of the device.
pub fn pictures(gpu: &Gpu, scene: Scene, setting: &Setting, first: &Camera) -> Result<Pictures> {
    let moves = scene.motion.is_some();
    let around = if moves { vec![*first; FRAMES as usize] } else { orbit::around(&scene, &setting.cameras, FRAMES) };
    let mut view = SceneView::new(gpu, scene, &setting.cameras, setting.background, Channel::Color)?;
    let mut picture = |camera: &Camera, side: u32, time: f32| -> Result<String> {
        let rendered = view.render(&sized(camera, side), time)?;
        let colours = rendered.pixels.iter().map(|pixel| pixel.truncate());
        let image = to_image(rendered.width, rendered.height, colours);
        Ok(format!("data:image/jpeg;base64,{}", STANDARD.encode(jpeg(&image, QUALITY)?)))
    };
    let poster = format!("<img id=\"poster\" alt=\"\" src=\"{}\">\n", picture(first, POSTER, 0.0)?);
    let mut strip = String::new();
    for (i, camera) in around.iter().enumerate() {
        let time = if moves { i as f32 / (FRAMES - 1) as f32 } else { 0.0 };
        let caption = if moves { format!("{:.2} s", f64::from(time) * setting.seconds) } else { String::new() };
        let source = picture(camera, FRAME, time)?;
        let _ = writeln!(strip, "<figure><img alt=\"\" src=\"{source}\"><figcaption>{caption}</figcaption></figure>");
    }
    Ok(Pictures { poster, strip })
}

/// The camera with a longest side.
fn sized(camera: &Camera, side: u32) -> Camera {
    let lens = &camera.lens;
    let factor = f64::from(side) / f64::from(lens.width.max(lens.height));
    let scaled = |length: u32| ((f64::from(length) * factor).round() as u32).max(1);
    let (width, height) = fit_within(scaled(lens.width), scaled(lens.height), Some(side));
    Camera { lens: lens.resized(width, height), ..*camera }
}
