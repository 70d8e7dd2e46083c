//! From Gaussians and a camera to an image, and from the gradient of an image back to the Gaussians.
//!
//! project → sort by depth → emit (Gaussian, tile) pairs → sort by tile → rasterize. Training, evaluation, `render` and
//! the viewer all come through here.

mod camera_gradient;
mod frame;
mod stages;
mod view;
mod weights;

use anyhow::{Result, ensure};
use glam::{Vec3, Vec4};

use crate::camera::Camera;
use crate::gpu::{Gpu, GpuError, Recorder, StageTimes};
use crate::model::Model;

pub use camera_gradient::{CameraBackward, CameraGradient, DECLARATIONS as CAMERA_DECLARATIONS};
pub use frame::{Admission, Frame, Gradients, Pairs, SLOT, Scratch};
pub use stages::{DECLARATIONS, LaneForm};
pub use view::{TILE, View};

/// What is composited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// Colour over the background.
    Color,
    /// Expected depth along the camera's axis, world units; 0 where nothing is.
    Depth,
    /// 1 − transmittance.
    Alpha,
    /// Unit normal, world axes, of the flattest sides of the Gaussians; zero where nothing is.
    Normal,
}

/// How a model is rendered.
#[derive(Clone, Copy, Debug)]
pub struct RenderOptions {
    pub background: Vec3,
    pub channel: Channel,
    /// Active degree of the spherical harmonics; at most the model's.
    pub sh_degree: u32,
    /// Compensate opacity for the low-pass filter.
    pub antialiased: bool,
    /// Near plane: Gaussians whose mean is nearer are not drawn. World units.
    pub near: f32,
}

/// A rendered image.
#[derive(Clone, Debug)]
pub struct Rendered {
    pub width: u32,
    pub height: u32,
    /// `[H * W]`: the channel's value in xyz (colour unclamped, over the background; a single value in all three), and the
    /// transmittance left in w.
    pub pixels: Vec<Vec4>,
}

/// The renderer: compiled stages and the buffers of a frame.
#[derive(Debug)]
pub struct Renderer {
    gpu: Gpu,
    stages: stages::Stages,
    frame: Frame,
}

impl Renderer {
    /// A renderer of images only.
    pub fn new(gpu: &Gpu) -> Result<Self> {
        Self::with_form(gpu, LaneForm::of(gpu), false)
    }

    /// A renderer whose frames can be followed by a backward pass.
    pub fn for_training(gpu: &Gpu) -> Result<Self> {
        Self::with_form(gpu, LaneForm::of(gpu), true)
    }

    /// A renderer with a given form of the rasterizer, as tests compare them.
    pub fn with_form(gpu: &Gpu, form: LaneForm, backward: bool) -> Result<Self> {
        Ok(Self { gpu: gpu.clone(), stages: stages::Stages::new(gpu, form)?, frame: Frame::new(gpu, backward)? })
    }

    pub fn frame(&self) -> &Frame {
        &self.frame
    }

    pub fn frame_mut(&mut self) -> &mut Frame {
        &mut self.frame
    }

    /// Renders and reads the image back. Buffers that prove too small grow and the frame is repeated.
    pub fn render(&mut self, model: &Model, camera: &Camera, options: &RenderOptions) -> Result<Rendered> {
        Ok(self.render_timed(model, camera, options, false)?.0)
    }

    /// As [`Renderer::render`], with the device time of each stage when `timed`.
    pub fn render_timed(
        &mut self,
        model: &Model,
        camera: &Camera,
        options: &RenderOptions,
        timed: bool,
    ) -> Result<(Rendered, StageTimes)> {
        ensure!(options.sh_degree <= model.sh_degree(), "the model has no band {}", options.sh_degree);
        let background = if options.channel == Channel::Color { options.background } else { Vec3::ZERO };
        let view = View::new(camera, model.len(), options.near).with_colour(
            background,
            options.sh_degree,
            options.antialiased,
        );
        self.set_view(&view, model.capacity())?;
        let times = loop {
            let mut recorder = Recorder::new(&self.gpu, timed);
            self.record_forward(&mut recorder, model, &view, options.channel);
            let times = recorder.finish()?;
            if self.frame.settle()?.overflowed == 0 {
                break times;
            }
        };
        let (width, height) = view.size();
        let mut pixels = self.gpu.read_range(self.frame.image(), 0, width as usize * height as usize)?;
        finish_channel(options.channel, &mut pixels);
        Ok((Rendered { width, height, pixels }, times))
    }

    /// Sets the view of the frames recorded from now on, with room for `capacity` Gaussians.
    pub fn set_view(&mut self, view: &View, capacity: usize) -> Result<(), GpuError> {
        self.frame.set_view(view, capacity)
    }

    /// Records the forward pass of the view last set.
    pub fn record_forward(&self, recorder: &mut Recorder, model: &Model, view: &View, channel: Channel) {
        self.stages.forward(recorder, model, &self.frame, view, channel);
    }

    /// Records the backward pass, from [`Frame::image_gradient`] to the slots.
    pub fn record_backward(&self, recorder: &mut Recorder, view: &View) {
        self.stages.backward(recorder, &self.frame, view);
    }
}

/// Turns composited features into the channel's values.
fn finish_channel(channel: Channel, pixels: &mut [Vec4]) {
    for pixel in pixels {
        let alpha = 1.0 - pixel.w;
        let value = match channel {
            Channel::Color => pixel.truncate(),
            Channel::Alpha => Vec3::splat(alpha),
            Channel::Depth if alpha > 0.0 => pixel.truncate() / alpha,
            Channel::Depth => Vec3::ZERO,
            Channel::Normal => pixel.truncate().normalize_or_zero(),
        };
        *pixel = value.extend(pixel.w);
    }
}
