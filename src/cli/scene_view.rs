//! A scene on the GPU that `eval` and `render` look at.

use std::path::Path;

use anyhow::Result;
use glam::{DVec3, Vec3};

use crate::camera::Camera;
use crate::format;
use crate::gpu::Gpu;
use crate::model::Model;
use crate::render::{Channel, RenderOptions, Rendered, Renderer};
use crate::scene::{Normalisation, Scene};
use crate::train::Config;
use crate::train::run_folder::CONFIG;

/// The near plane, in units of the cameras' median distance from their middle: as in training.
const NEAR: f32 = 0.01;

/// The options of the run that `scene` is, or is the scene of; `None` for a scene by itself.
///
/// # Errors
/// Options that are there and cannot be read: the scene would be shown or measured otherwise than it was trained.
pub fn config_of(scene: &Path) -> Result<Option<Config>> {
    let folder = if scene.is_dir() { scene } else { scene.parent().unwrap_or(scene) };
    let path = folder.join(CONFIG);
    if path.exists() { Config::load(&path).map(Some) } else { Ok(None) }
}

/// Reads the scene that a command names.
pub fn read(path: &Path) -> Result<Scene> {
    let scene = format::read_scene(path)?;
    anyhow::ensure!(!scene.is_empty(), "{} holds no Gaussians; nothing can be rendered", path.display());
    Ok(scene)
}

/// A scene, uploaded in a frame where `f32` and the near plane suit its cameras.
pub struct SceneView {
    model: Model,
    renderer: Renderer,
    frame: Normalisation,
    options: RenderOptions,
    pub gaussians: usize,
}

impl SceneView {
    /// `cameras` are all those of the capture, or of the path that is rendered.
    pub fn new(gpu: &Gpu, mut scene: Scene, cameras: &[Camera], background: Vec3, channel: Channel) -> Result<Self> {
        let frame = frame(&scene, cameras);
        let options = RenderOptions {
            background,
            channel,
            sh_degree: scene.sh_degree,
            antialiased: scene.antialiased,
            near: NEAR,
            time: 0.0,
        };
        scene.normalise(&frame);
        let model = Model::upload(gpu, &scene)?;
        Ok(Self { model, renderer: Renderer::new(gpu)?, frame, options, gaussians: scene.len() })
    }

    /// Renders a camera of the scene's own frame at a time within the clip. Depth and velocity come back in the scene's
    /// own units.
    pub fn render(&mut self, camera: &Camera, time: f32) -> Result<Rendered> {
        let options = RenderOptions { time, ..self.options };
        let mut rendered = self.renderer.render(&self.model, &self.frame.camera(*camera), &options)?;
        if matches!(self.options.channel, Channel::Depth | Channel::Velocity) {
            let unit = (1.0 / self.frame.scale) as f32;
            rendered.pixels.iter_mut().for_each(|pixel| *pixel = (pixel.truncate() * unit).extend(pixel.w));
        }
        Ok(rendered)
    }
}

impl SceneView {
    /// Renders the flow, in pixels, from a camera and time to another, as [`Renderer::render_flow`] does.
    pub fn render_flow(&mut self, from: (&Camera, f32), to: (&Camera, f32), affine: bool) -> Result<Rendered> {
        let options = RenderOptions { time: from.1, ..self.options };
        let other = self.frame.camera(*to.0);
        self.renderer.render_flow(&self.model, &self.frame.camera(*from.0), &options, (&other, to.1), affine)
    }
}

/// Centred on the cameras, their median distance from there being 1. Cameras at one place take the scene's size.
fn frame(scene: &Scene, cameras: &[Camera]) -> Normalisation {
    let centres: Vec<DVec3> = cameras.iter().map(|camera| camera.pose.centre()).collect();
    let centre = centres.iter().sum::<DVec3>() / centres.len().max(1) as f64;
    let spread = median(centres.iter().map(|c| c.distance(centre)).collect());
    let size = median(scene.means.iter().map(|mean| mean.as_dvec3().distance(centre)).collect());
    let unit = if spread > 1e-3 * size { spread } else { size };
    Normalisation { centre, scale: if unit > 0.0 { 1.0 / unit } else { 1.0 } }
}

/// The middle value; 0 of none.
pub fn median(mut values: Vec<f64>) -> f64 {
    let middle = values.len() / 2;
    if values.is_empty() {
        return 0.0;
    }
    *values.select_nth_unstable_by(middle, f64::total_cmp).1
}
