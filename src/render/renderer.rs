//! The renderer: the stages in their order, and the frame that they work on.

use anyhow::{Result, ensure};
use glam::{Vec3, Vec4};

use crate::camera::Camera;
use crate::gpu::{Gpu, GpuError, Recorder, StageTimes};
use crate::model::Model;

use super::bin::Binning;
use super::flow::FlowStages;
use super::flow_form::FlowForm;
use super::frame::Frame;
use super::lens::{LensVariant, View};
use super::options::{Channel, RenderOptions, Rendered};
use super::project::Projection;
use super::rasterize::{LaneForm, Rasterization};

/// The renderer: compiled stages and the buffers of a frame.
#[derive(Debug)]
pub struct Renderer {
    gpu: Gpu,
    projection: Projection,
    binning: Binning,
    rasterization: Rasterization,
    flow: FlowStages,
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
        Ok(Self {
            gpu: gpu.clone(),
            projection: Projection::new(gpu)?,
            binning: Binning::new(gpu)?,
            rasterization: Rasterization::new(gpu, form)?,
            flow: FlowStages::default(),
            frame: Frame::new(gpu, backward)?,
        })
    }

    pub(super) fn gpu(&self) -> &Gpu {
        &self.gpu
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
        options.channel.finish(&mut pixels);
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
        let view = options.view(camera, model);
        self.prepare(model, view.lens_variant())?;
        self.set_view(&view, model)?;
        loop {
            let mut recorder = Recorder::new(&self.gpu, timed);
            self.record_forward(&mut recorder, model, &view, options.channel);
            after(&mut recorder, &self.frame, &view);
            let times = recorder.finish()?;
            if self.frame.read_status()?.overflowed == 0 {
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
        let planes = self.gpu.read_range(self.frame.image(), 0, 2 * count)?;
        let (image, flow) = planes.split_at(count);
        let pixel = |(pixel, flow): (&Vec4, &Vec4)| {
            let alpha = 1.0 - pixel.w;
            let scale = if alpha > 0.0 { 1.0 / alpha } else { 0.0 };
            Vec4::new(flow.x * scale, flow.y * scale, 0.0, pixel.w)
        };
        Ok(Rendered { width, height, pixels: image.iter().zip(flow).map(pixel).collect() })
    }

    /// Renders the flow into the second plane of [`Frame::image`] and waits; `after` records what follows in the same submission.
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
        let options = RenderOptions { sh_degree: 0, background: Vec3::ZERO, ..*options };
        let view = options.view(camera, model);
        let target = RenderOptions { time, ..options }.view(other, model);
        self.prepare(model, view.lens_variant())?;
        let form = FlowForm { affine, all: false, motion: model.form().motion };
        [&view, &target].into_iter().try_for_each(|view| self.prepare_flow(form, view.lens_variant()))?;
        self.set_view(&view, model)?;
        self.set_flow_target(&view, &target);
        loop {
            let mut recorder = Recorder::new(&self.gpu, false);
            self.record_flow_forward(&mut recorder, model, &view);
            after(&mut recorder, &self.frame, &view);
            recorder.finish()?;
            if self.frame.read_status()?.overflowed == 0 {
                return Ok(());
            }
        }
    }

    /// Compiles what this model needs when it is seen through a lens. Before it is first recorded.
    pub fn prepare(&mut self, model: &Model, lens: LensVariant) -> Result<(), GpuError> {
        self.projection.prepare(&self.gpu, model.form(), lens)
    }

    /// Compiles and makes room for flow in a form from or to a view through a lens, before the view is set.
    pub fn prepare_flow(&mut self, form: FlowForm, lens: LensVariant) -> Result<(), GpuError> {
        self.flow.prepare(&self.gpu, form, lens, self.frame.backward())?;
        self.rasterization.prepare(&self.gpu, Some(form), self.frame.backward())?;
        self.frame.allow_flow(form)
    }

    /// Sets the view that flow points to from `view`, which was set before.
    pub fn set_flow_target(&mut self, view: &View, target: &View) {
        self.frame.set_flow_target(view, target);
    }

    /// Records the forward pass of the view last set, with flow.
    pub fn record_flow_forward(&self, recorder: &mut Recorder, model: &Model, view: &View) {
        self.projection.record(recorder, model, &self.frame, view, Channel::Color);
        self.binning.record(recorder, &self.frame, view);
        self.flow.project(recorder, model, &self.frame, view);
        self.rasterization.record(recorder, &self.frame, view, self.frame.flow_form());
    }

    /// Records the backward pass with flow, which starts from the gradient in the second plane of
    /// [`Frame::image`] besides [`Frame::image_gradient`].
    pub fn record_flow_backward(&self, recorder: &mut Recorder, model: &Model, view: &View) {
        self.rasterization.record_backward(recorder, &self.frame, view, self.frame.flow_form());
        self.flow.gradients(recorder, model, &self.frame, view);
    }

    /// Sets the view of a model of the frames recorded from now on, with room for its capacity.
    pub fn set_view(&mut self, view: &View, model: &Model) -> Result<(), GpuError> {
        self.frame.set_view(view, model)
    }

    /// Records the forward pass of the view last set.
    pub fn record_forward(&self, recorder: &mut Recorder, model: &Model, view: &View, channel: Channel) {
        self.projection.record(recorder, model, &self.frame, view, channel);
        self.binning.record(recorder, &self.frame, view);
        self.rasterization.record(recorder, &self.frame, view, None);
    }

    /// Records the backward pass, from [`Frame::image_gradient`] to the slots.
    pub fn record_backward(&self, recorder: &mut Recorder, view: &View) {
        self.rasterization.record_backward(recorder, &self.frame, view, None);
    }
}
