//! A scene on the GPU, in a frame that suits the cameras it is seen through.

use anyhow::Result;
use glam::{DVec3, Vec3};

use crate::camera::Camera;
use crate::gpu::Gpu;
use crate::model::Model;
use crate::scene::{Normalisation, Scene};

use super::options::{Channel, RenderOptions, Rendered};
use super::renderer::Renderer;

/// The near plane, in units of the cameras' median distance from their middle. Training has 0.011 in its own frame.
pub const NEAR: f32 = 0.01;

/// A scene, uploaded in a frame where `f32` and the near plane suit its cameras.
pub struct SceneView {
    model: Model,
    renderer: Renderer,
    frame: Normalisation,
    options: RenderOptions,
    pub gaussians: usize,
}

impl SceneView {
    /// `cameras` are all those of the capture, where one is known; they, and not those that are rendered, choose the
    /// frame, so that a camera's picture is the same to the bit whatever else is rendered.
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

    /// Shows another scene of the same kind from now on, in the frame of the first.
    ///
    /// # Errors
    /// No room for it on the device.
    pub fn replace(&mut self, mut scene: Scene) -> Result<()> {
        scene.normalise(&self.frame);
        self.gaussians = scene.len();
        self.model = Model::upload(self.renderer.gpu(), &scene)?;
        Ok(())
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

    /// Renders the flow, in pixels, from a camera and time to another, as [`Renderer::render_flow`] does.
    pub fn render_flow(&mut self, from: (&Camera, f32), to: (&Camera, f32), affine: bool) -> Result<Rendered> {
        let options = RenderOptions { time: from.1, ..self.options };
        let other = self.frame.camera(*to.0);
        self.renderer.render_flow(&self.model, &self.frame.camera(*from.0), &options, (&other, to.1), affine)
    }
}

/// `[N]` blending weights of a still scene's Gaussians, summed over the pixels of all cameras.
pub fn blending_weights(gpu: &Gpu, scene: &Scene, cameras: &[Camera]) -> Result<Vec<f64>> {
    let mut view = SceneView::new(gpu, scene.clone(), cameras, Vec3::ZERO, Channel::Color)?;
    view.renderer = Renderer::for_training(gpu)?;
    let mut sums = vec![0.0; scene.len()];
    for camera in cameras {
        view.renderer.add_weights(&view.model, &view.frame.camera(*camera), &view.options, &mut sums)?;
    }
    Ok(sums)
}

/// Centred on the cameras, their median distance from there being 1. Without cameras, or with all at one place, the
/// scene's own middle and size serve.
pub fn frame(scene: &Scene, cameras: &[Camera]) -> Normalisation {
    let centres: Vec<DVec3> = cameras.iter().map(|camera| camera.pose.centre()).collect();
    let centre = match centres.len() {
        0 => middle(scene),
        n => centres.iter().sum::<DVec3>() / n as f64,
    };
    let spread = median(centres.iter().map(|c| c.distance(centre)).collect());
    let size = median(scene.means.iter().map(|mean| mean.as_dvec3().distance(centre)).collect());
    let unit = if spread > 1e-3 * size { spread } else { size };
    Normalisation { centre, scale: if unit > 0.0 { 1.0 / unit } else { 1.0 } }
}

/// The median Gaussian, axis by axis.
pub fn middle(scene: &Scene) -> DVec3 {
    let axis = |axis: usize| median(scene.means.iter().map(|mean| f64::from(mean[axis])).collect());
    DVec3::new(axis(0), axis(1), axis(2))
}

/// The middle value; 0 of none.
pub(crate) fn median(values: Vec<f64>) -> f64 {
    crate::scene::stats::percentile(values.into_iter(), 50).unwrap_or(0.0)
}
