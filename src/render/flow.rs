//! Optical flow as two more channels of the rasterizer: how far the Gaussians of a pixel are from there in another view,
//! at another time or through another camera or both (docs/algorithms.md F), and its way back to the Gaussians.

use glam::Vec4;

use crate::gpu::{Declaration, Gpu, GpuError, Kernel, Recorder, Variants};
use crate::kernel;
use crate::model::{GeometryRow, Model, MotionKind, MotionRow};

use super::flow_form::FlowForm;
use super::frame::Frame;
use super::layout::{FlowSplat, SplatRow, Times};
use super::lens::{LENSES, LensVariant, View};

kernel! {
    /// Where every visible Gaussian is in the other view.
    pub ProjectFlow = "render/project_flow.wgsl" [FLOW = 1 in [1, 2], MOTION = 0 in [0, 1, 2], LENS = 0 in LENSES] {
        uniform view: View,
        read geometry: GeometryRow,
        read splats: SplatRow,
        write flow_splats: FlowSplat,
        read(MOTION) motion: MotionRow,
    }
}

kernel! {
    /// Gradient of every Gaussian by the flow, as far as it goes through one of the two views.
    pub FlowGradient = "render/flow_gradient.wgsl"
        [FLOW = 1 in [1, 2], MOTION = 1 in [1, 2], ALL = 0 in [0, 1], SOURCE = 0 in [0, 1], LENS = 0 in LENSES] {
        uniform view: View,
        uniform times: Times,
        read geometry: GeometryRow,
        read motion: MotionRow,
        read splats: SplatRow,
        read flow_splats: FlowSplat,
        read slot_gradients: f32,
        write flow_gradients: Vec4,
    }
}

/// The kernels of this file.
pub const DECLARATIONS: &[Declaration] = &[ProjectFlow::DECLARATION, FlowGradient::DECLARATION];

/// The compiled stages of flow, but for the rasterizer's.
#[derive(Debug, Default)]
pub(super) struct FlowStages {
    project: Variants<ProjectFlow<'static>>,
    gradient: Variants<FlowGradient<'static>>,
}

pub(super) fn project_variant(form: FlowForm, motion: MotionKind, lens: LensVariant) -> [(&'static str, u32); 3] {
    [("FLOW", form.constant()), motion.constant(), lens.constant()]
}

fn gradient_variant(form: FlowForm, source: u32, lens: LensVariant) -> [(&'static str, u32); 5] {
    let all = ("ALL", u32::from(form.all));
    [("FLOW", form.constant()), form.motion.constant(), all, ("SOURCE", source), lens.constant()]
}

impl FlowStages {
    /// Compiles what flow in a form needs where a view is seen through a lens.
    pub fn prepare(&mut self, gpu: &Gpu, form: FlowForm, lens: LensVariant, backward: bool) -> Result<(), GpuError> {
        for motion in MotionKind::ALL {
            self.project.prepare(gpu, &project_variant(form, motion, lens))?;
        }
        let sources = if form.all { 0..2 } else { 0..1 };
        for source in sources.filter(|_| backward) {
            self.gradient.prepare(gpu, &gradient_variant(form, source, lens))?;
        }
        Ok(())
    }

    /// Records where the frame's Gaussians are in the other view.
    pub fn project(&self, recorder: &mut Recorder, model: &Model, frame: &Frame, view: &View) {
        let (flow, each) = (frame.flow(), &frame.per_gaussian);
        recorder.stage("project flow", |pass| {
            let kernel = ProjectFlow {
                view: &flow.target,
                geometry: &model.rows.geometry,
                splats: &each.splats,
                flow_splats: &each.flow_splats,
                motion: &model.rows.motion,
            };
            let variant = project_variant(flow.form, model.form().motion, flow.target_lens);
            self.project.get(&variant).dispatch(pass, &kernel, view.gaussians);
        });
    }

    /// Records the Gaussians' gradients from the slots that the backward rasterizer has filled: through the other view, and
    /// where flow is for all parameters, then through the frame's own.
    pub fn gradients(&self, recorder: &mut Recorder, model: &Model, frame: &Frame, view: &View) {
        let (flow, each) = (frame.flow(), &frame.per_gaussian);
        let sides = [(&flow.target, flow.target_lens), (&frame.view, view.lens_variant())];
        let sides = if flow.form.all { &sides[..] } else { &sides[..1] };
        recorder.stage("flow gradient", |pass| {
            for (source, (side, lens)) in sides.iter().enumerate() {
                let kernel = FlowGradient {
                    view: side,
                    times: &flow.times,
                    geometry: &model.rows.geometry,
                    motion: &model.rows.motion,
                    splats: &each.splats,
                    flow_splats: &each.flow_splats,
                    slot_gradients: &frame.per_pair.slot_gradients,
                    flow_gradients: &each.flow_gradients,
                };
                let variant = gradient_variant(flow.form, source as u32, *lens);
                self.gradient.get(&variant).dispatch(pass, &kernel, view.gaussians);
            }
        });
    }
}
