//! Optical flow as two more channels of the rasterizer: how far the Gaussians of a pixel are from there in another view,
//! at another time or through another camera or both (ALGORITHMS F), and its way back to the Gaussians.

use glam::Vec4;

use crate::gpu::{Buffer, Declaration, Gpu, GpuError, Kernel, Pipeline, Recorder};
use crate::model::Model;
use crate::{kernel, shared};

use super::frame::Frame;
use super::stages::{LaneForm, Rasterize, RasterizeBackward};
use super::view::View;

kernel! {
    /// Where every visible Gaussian is in the other view.
    pub ProjectFlow = "project_flow.wgsl" [AFFINE = 0, MOTION = 0] {
        uniform view: View,
        read geometry: Vec4,
        read records: Vec4,
        read tile_counts: u32,
        write flow_records: Vec4,
        read(MOTION) motion: Vec4,
    }
}

shared! {
    /// The two times of a flow; see `shaders/flow_gradient.wgsl`.
    pub struct Times {
        pub source: f32,
        pub destination: f32,
        pub unused0: f32,
        pub unused1: f32,
    }
}

kernel! {
    /// Gradient of every Gaussian by the flow, as far as it goes through one of the two views.
    pub FlowGradient = "flow_gradient.wgsl" [AFFINE = 0, ALL = 0, SOURCE = 0] {
        uniform view: View,
        uniform times: Times,
        read geometry: Vec4,
        read motion: Vec4,
        read records: Vec4,
        read flow_records: Vec4,
        read tile_counts: u32,
        read slot_bases: u32,
        read flow_slots: f32,
        write flow_gradients: Vec4,
    }
}

/// The kernels of this file.
pub const DECLARATIONS: &[Declaration] = &[ProjectFlow::DECLARATION, FlowGradient::DECLARATION];

/// How flow is rendered and what it teaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlowForm {
    /// Whether a Gaussian's pixels move as its whole ellipse does, or all alike.
    pub affine: bool,
    /// Whether the gradient goes to all parameters, or to velocities alone with everything at the first time held fixed.
    pub all: bool,
}

impl FlowForm {
    /// Floats of a slot.
    pub fn slot(self) -> usize {
        if self.affine { 6 } else { 2 }
    }

    /// Vectors of four floats of a Gaussian's gradient.
    pub fn gradient_row(self) -> usize {
        if self.all { 4 } else { 1 }
    }

    /// The rasterizer's constant of that name.
    pub(super) fn channel(self) -> u32 {
        if self.affine { 2 } else { 1 }
    }
}

/// The compiled stages of flow.
#[derive(Debug)]
pub(super) struct FlowStages {
    pub form: FlowForm,
    project: [Pipeline<ProjectFlow<'static>>; 2],
    /// Through the other view, then through the frame's own; only where a backward pass follows.
    gradients: Vec<Pipeline<FlowGradient<'static>>>,
    pub rasterize: Pipeline<Rasterize<'static>>,
    /// Only where a backward pass follows.
    pub rasterize_backward: Option<Pipeline<RasterizeBackward<'static>>>,
}

impl FlowStages {
    pub fn new(gpu: &Gpu, lanes: LaneForm, form: FlowForm, backward: bool) -> Result<Self, GpuError> {
        let (affine, all) = (("AFFINE", u32::from(form.affine)), ("ALL", u32::from(form.all)));
        let project = |motion| gpu.pipeline::<ProjectFlow>(&[affine, ("MOTION", motion)]);
        let gradient = |source| gpu.pipeline::<FlowGradient>(&[affine, all, ("SOURCE", source)]);
        let raster = [lanes.constants().as_slice(), &[("FLOW", form.channel())]].concat();
        let raster_backward = [raster.as_slice(), &[("FLOW_ALL", u32::from(form.all))]].concat();
        let gradients = match (backward, form.all) {
            (false, _) => vec![],
            (true, false) => vec![gradient(0)?],
            (true, true) => vec![gradient(0)?, gradient(1)?],
        };
        Ok(Self {
            form,
            project: [project(0)?, project(1)?],
            gradients,
            rasterize: gpu.pipeline(&raster)?,
            rasterize_backward: if backward { Some(gpu.pipeline(&raster_backward)?) } else { None },
        })
    }

    /// Records where the frame's Gaussians are in the other view.
    pub fn project(&self, recorder: &mut Recorder, model: &Model, frame: &Frame, view: &View) {
        let flow = frame.flow();
        recorder.stage("project flow", |pass| {
            let kernel = ProjectFlow {
                view: &flow.target,
                geometry: &model.rows.geometry,
                records: &frame.per_gaussian.records,
                tile_counts: &frame.per_gaussian.tile_counts,
                flow_records: &frame.per_gaussian.flow_records,
                motion: &model.rows.motion,
            };
            self.project[usize::from(model.is_moving())].run(pass, &kernel, view.gaussians.div_ceil(64));
        });
    }

    /// Records the Gaussians' gradients from the slots that the backward rasterizer has filled.
    pub fn gradients(&self, recorder: &mut Recorder, model: &Model, frame: &Frame, view: &View) {
        let (flow, each) = (frame.flow(), &frame.per_gaussian);
        recorder.stage("flow gradient", |pass| {
            for (pipeline, side) in self.gradients.iter().zip([&flow.target, &frame.view]) {
                let kernel = FlowGradient {
                    view: side,
                    times: &flow.times,
                    geometry: &model.rows.geometry,
                    motion: &model.rows.motion,
                    records: &each.records,
                    flow_records: &each.flow_records,
                    tile_counts: &each.tile_counts,
                    slot_bases: &each.slot_bases,
                    flow_slots: &frame.per_pair.flow_slots,
                    flow_gradients: &each.flow_gradients,
                };
                pipeline.run(pass, &kernel, view.gaussians.div_ceil(64));
            }
        });
    }
}

/// What a frame has for flow besides its arrays.
#[derive(Debug)]
pub(super) struct FlowFrame {
    pub form: FlowForm,
    pub target: Buffer<View>,
    pub times: Buffer<Times>,
}

impl FlowFrame {
    pub fn new(gpu: &Gpu, form: FlowForm) -> Result<Self, GpuError> {
        Ok(Self { form, target: gpu.zeros("view: camera", 1)?, times: gpu.zeros("view: camera", 1)? })
    }
}
