//! From Gaussians and a camera to an image, and from the gradient of an image back to the Gaussians.
//!
//! project → sort by depth → emit (Gaussian, tile) pairs → sort by tile → rasterize. Training, evaluation, `render` and
//! the viewer all come through here.

mod camera_gradient;
mod disguise;
mod flow;
mod frame;
pub mod orbit;
pub mod path;
mod present;
mod probe;
mod scene_view;
mod stages;
pub mod video;
mod view;
mod weights;

use anyhow::{Result, ensure};
use glam::{Vec3, Vec4};

use crate::camera::Camera;
use crate::gpu::{Gpu, GpuError, Recorder, StageTimes};
use crate::model::Model;

pub use camera_gradient::{CameraBackward, CameraGradient, DECLARATIONS as CAMERA_DECLARATIONS};
pub use disguise::{Change, DECLARATIONS as DISGUISE_DECLARATIONS, DELETED, Form, Masquerade, SELECTED};
pub use flow::{DECLARATIONS as FLOW_DECLARATIONS, FlowForm, Times};
pub use frame::{Admission, Frame, Gradients, Pairs, SLOT, Scratch};
pub use present::{DECLARATIONS as PRESENT_DECLARATIONS, Presenter, DisplayMode};
pub use probe::{Contribution, DECLARATIONS as PROBE_DECLARATIONS, PixelParts, Probe};
pub use scene_view::{NEAR, SceneView, blending_weights, frame, middle};
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
    /// Expected velocity, world axes and units per clip; zero where nothing is, and throughout a static scene.
    Velocity,
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
    /// Time within the clip, 0 to 1. A static scene looks the same at all times.
    pub time: f32,
}

impl RenderOptions {
    fn view(&self, camera: &Camera, model: &Model) -> View {
        let background = if self.channel == Channel::Color { self.background } else { Vec3::ZERO };
        let view = View::new(camera, model.len(), self.near);
        view.with_colour(background, self.sh_degree, self.antialiased).at(self.time)
    }
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
        if options.channel == Channel::Velocity && !model.is_moving() {
            let (width, height) = (camera.lens.width, camera.lens.height);
            let pixels = vec![Vec3::ZERO.extend(1.0); width as usize * height as usize];
            return Ok((Rendered { width, height, pixels }, StageTimes::new()));
        }
        let times = self.draw(model, camera, options, timed, |_, _, _| ())?;
        let (width, height) = (camera.lens.width, camera.lens.height);
        let mut pixels = self.gpu.read_range(self.frame.image(), 0, width as usize * height as usize)?;
        finish_channel(options.channel, &mut pixels);
        Ok((Rendered { width, height, pixels }, times))
    }

    /// Renders into [`Frame::image`] and waits; `after` records what follows in the same submission. Returns the device
    /// time of each stage when `timed`.
    pub fn draw(
        &mut self,
        model: &Model,
        camera: &Camera,
        options: &RenderOptions,
        timed: bool,
        after: impl Fn(&mut Recorder, &Frame, &View),
    ) -> Result<StageTimes> {
        ensure!(options.sh_degree <= model.sh_degree(), "the model has no band {}", options.sh_degree);
        self.prepare(model)?;
        let view = options.view(camera, model);
        self.set_view(&view, model.capacity())?;
        loop {
            let mut recorder = Recorder::new(&self.gpu, timed);
            self.record_forward(&mut recorder, model, &view, options.channel);
            after(&mut recorder, &self.frame, &view);
            let times = recorder.finish()?;
            if self.frame.settle()?.overflowed == 0 {
                return Ok(times);
            }
        }
    }

    /// Renders the flow from one camera and time, `options.time`, to another: for each pixel the mean displacement, in
    /// pixels (x right, y down), of the Gaussians that are seen there, weighted as their colours are. The pixels' xy is
    /// the flow, zero where nothing is, and w the transmittance.
    ///
    /// # Errors
    /// As [`Renderer::render`].
    pub fn render_flow(
        &mut self,
        model: &Model,
        camera: &Camera,
        options: &RenderOptions,
        (other, time): (&Camera, f32),
        affine: bool,
    ) -> Result<Rendered> {
        self.draw_flow(model, camera, options, (other, time), affine, |_, _, _| ())?;
        let (width, height) = (camera.lens.width, camera.lens.height);
        let count = width as usize * height as usize;
        let image = self.gpu.read_range(self.frame.image(), 0, count)?;
        let flow = self.gpu.read_range(self.frame.flow_image(), 0, 2 * count)?;
        let pixel = |(pixel, flow): (&Vec4, &[f32])| {
            let alpha = 1.0 - pixel.w;
            let scale = if alpha > 0.0 { 1.0 / alpha } else { 0.0 };
            Vec4::new(flow[0] * scale, flow[1] * scale, 0.0, pixel.w)
        };
        Ok(Rendered { width, height, pixels: image.iter().zip(flow.chunks_exact(2)).map(pixel).collect() })
    }

    /// Renders the flow into [`Frame::flow_image`] and waits; `after` records what follows in the same submission.
    ///
    /// # Errors
    /// As [`Renderer::render`].
    pub fn draw_flow(
        &mut self,
        model: &Model,
        camera: &Camera,
        options: &RenderOptions,
        (other, time): (&Camera, f32),
        affine: bool,
        after: impl Fn(&mut Recorder, &Frame, &View),
    ) -> Result<()> {
        self.prepare(model)?;
        self.prepare_flow(FlowForm { affine, all: false })?;
        let options = RenderOptions { sh_degree: 0, background: Vec3::ZERO, ..*options };
        let view = options.view(camera, model);
        self.set_view(&view, model.capacity())?;
        self.set_flow_target(&view, &RenderOptions { time, ..options }.view(other, model));
        loop {
            let mut recorder = Recorder::new(&self.gpu, false);
            self.record_flow_forward(&mut recorder, model, &view);
            after(&mut recorder, &self.frame, &view);
            recorder.finish()?;
            if self.frame.settle()?.overflowed == 0 {
                return Ok(());
            }
        }
    }

    /// Compiles what this model needs beyond what a static one does. Before a model is first recorded.
    pub fn prepare(&mut self, model: &Model) -> Result<(), GpuError> {
        if model.is_moving() { self.stages.prepare_motion(&self.gpu) } else { Ok(()) }
    }

    /// Compiles and makes room for flow in a form, before the view is set.
    pub fn prepare_flow(&mut self, form: FlowForm) -> Result<(), GpuError> {
        self.stages.prepare_flow(&self.gpu, form, self.frame.backward())?;
        self.frame.allow_flow(form)
    }

    /// Sets the view that flow points to from `view`, which was set before.
    pub fn set_flow_target(&self, view: &View, target: &View) {
        self.frame.set_flow_target(view, target);
    }

    /// Records the forward pass of the view last set, with flow.
    pub fn record_flow_forward(&self, recorder: &mut Recorder, model: &Model, view: &View) {
        self.stages.forward(recorder, model, &self.frame, view, Channel::Color, true);
    }

    /// Records the backward pass with flow, which starts from [`Frame::flow_gradient`] besides [`Frame::image_gradient`].
    pub fn record_flow_backward(&self, recorder: &mut Recorder, model: &Model, view: &View) {
        self.stages.backward(recorder, model, &self.frame, view, true);
    }

    /// Sets the view of the frames recorded from now on, with room for `capacity` Gaussians.
    pub fn set_view(&mut self, view: &View, capacity: usize) -> Result<(), GpuError> {
        self.frame.set_view(view, capacity)
    }

    /// Records the forward pass of the view last set.
    pub fn record_forward(&self, recorder: &mut Recorder, model: &Model, view: &View, channel: Channel) {
        self.stages.forward(recorder, model, &self.frame, view, channel, false);
    }

    /// Records the backward pass, from [`Frame::image_gradient`] to the slots.
    pub fn record_backward(&self, recorder: &mut Recorder, model: &Model, view: &View) {
        self.stages.backward(recorder, model, &self.frame, view, false);
    }
}

/// Turns composited features into the channel's values.
fn finish_channel(channel: Channel, pixels: &mut [Vec4]) {
    for pixel in pixels {
        let alpha = 1.0 - pixel.w;
        let value = match channel {
            Channel::Color => pixel.truncate(),
            Channel::Alpha => Vec3::splat(alpha),
            Channel::Depth | Channel::Velocity if alpha > 0.0 => pixel.truncate() / alpha,
            Channel::Depth | Channel::Velocity => Vec3::ZERO,
            Channel::Normal => pixel.truncate().normalize_or_zero(),
        };
        *pixel = value.extend(pixel.w);
    }
}
