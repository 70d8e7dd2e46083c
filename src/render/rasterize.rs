//! Compositing of every tile, and its adjoint: declared together, because both walk the same pairs with the same
//! arithmetic.

use glam::Vec4;

use crate::gpu::{Declaration, Gpu, GpuError, Kernel, Recorder, Variants};
use crate::kernel;
use crate::primitives::in_one_subgroup;

use super::flow_form::FlowForm;
use super::frame::Frame;
use super::layout::{FlowSplat, SplatRow};
use super::lens::View;

kernel! {
    /// Front-to-back compositing of every tile.
    pub Rasterize = "render/rasterize.wgsl" [LANES = 8 in [8, 16, 32], SUBGROUPS = 0 in [0, 1], FLOW = 0 in [0, 1, 2]] {
        uniform view: View,
        read starts: u32,
        read slots: u32,
        read slot_gaussians: u32,
        read splats: SplatRow,
        write image: Vec4,
        read(FLOW) flow_splats: FlowSplat,
    }
}

kernel! {
    /// Gradient of every (Gaussian, tile) pair from the gradient of the image.
    pub RasterizeBackward = "render/rasterize_backward.wgsl"
        [LANES = 8 in [8, 16, 32], SUBGROUPS = 0 in [0, 1], FLOW = 0 in [0, 1, 2], FLOW_ALL = 0 in [0, 1]] {
        uniform view: View,
        read starts: u32,
        read slots: u32,
        read slot_gaussians: u32,
        read splats: SplatRow,
        read image: Vec4,
        read image_gradient: Vec4,
        write slot_gradients: f32,
        read(FLOW) flow_splats: FlowSplat,
    }
}

kernel! {
    /// Sums of the slots of Gaussians that meet very many tiles.
    pub FoldSlots = "render/fold_slots.wgsl" [FLOW = 0 in [0, 1, 2], BATCH = 1024 in [FOLD_BATCH]] {
        uniform view: View,
        write splats: SplatRow,
        write slot_gradients: f32,
    }
}

/// The kernels of this file.
pub const DECLARATIONS: &[Declaration] =
    &[Rasterize::DECLARATION, RasterizeBackward::DECLARATION, FoldSlots::DECLARATION];

/// Gaussians that a workgroup of [`FoldSlots`] looks through.
pub const FOLD_BATCH: u32 = 1024;

/// How the rasterizer's workgroups exchange splats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LaneForm {
    /// Invocations a tile: 8, 16 or 32, which own four columns of pixels each, two or one.
    pub lanes: u32,
    /// By subgroup shuffles, which needs subgroups of at least `lanes`; otherwise through workgroup memory.
    pub subgroups: bool,
}

impl LaneForm {
    /// The form for an adapter, by rule: results differ in the last bits between numbers of lanes, so the choice
    /// depends on nothing but the adapter. Software adapters want 8 lanes, GPUs 32. Apple's run all kernels in subgroups
    /// of 32, which wgpu does not tell; what is told is tried.
    pub fn of(gpu: &Gpu) -> Self {
        let info = gpu.info();
        let lanes = if gpu.is_software() { 8 } else { 32 };
        let is_apple = info.backend == wgpu::Backend::Metal && info.name.starts_with("Apple");
        let likely = is_apple || info.subgroup_min_size >= lanes;
        // A device that is lost by now is found lost by whatever comes next.
        Self { lanes, subgroups: likely && in_one_subgroup(gpu, lanes).unwrap_or(false) }
    }
}

/// The compiled stage, without flow and with it.
#[derive(Debug)]
pub(super) struct Rasterization {
    lanes: LaneForm,
    forward: Variants<Rasterize<'static>>,
    backward: Variants<RasterizeBackward<'static>>,
    fold: Variants<FoldSlots<'static>>,
}

impl Rasterization {
    pub fn new(gpu: &Gpu, lanes: LaneForm) -> Result<Self, GpuError> {
        let mut stage = Self { lanes, forward: Variants::new(), backward: Variants::new(), fold: Variants::new() };
        stage.prepare(gpu, None, true)?;
        Ok(stage)
    }

    /// Compiles what frames with flow in a form need, or those without it.
    pub fn prepare(&mut self, gpu: &Gpu, flow: Option<FlowForm>, backward: bool) -> Result<(), GpuError> {
        self.forward.prepare(gpu, &self.forward_variant(flow))?;
        if !backward {
            return Ok(());
        }
        self.fold.prepare(gpu, &[Self::flow_constant(flow)])?;
        self.backward.prepare(gpu, &self.backward_variant(flow))
    }

    fn flow_constant(flow: Option<FlowForm>) -> (&'static str, u32) {
        ("FLOW", flow.map_or(0, FlowForm::constant))
    }

    fn forward_variant(&self, flow: Option<FlowForm>) -> [(&'static str, u32); 3] {
        [("LANES", self.lanes.lanes), ("SUBGROUPS", u32::from(self.lanes.subgroups)), Self::flow_constant(flow)]
    }

    fn backward_variant(&self, flow: Option<FlowForm>) -> [(&'static str, u32); 4] {
        let [lanes, subgroups, channels] = self.forward_variant(flow);
        [lanes, subgroups, channels, ("FLOW_ALL", flow.map_or(0, |flow| u32::from(flow.all)))]
    }

    /// Records the image of the frame's pairs, and with `flow` its flow image.
    pub fn record(&self, recorder: &mut Recorder, frame: &Frame, view: &View, flow: Option<FlowForm>) {
        let (pairs, pixels) = (&frame.per_pair, &frame.per_pixel);
        recorder.stage("rasterize", |pass| {
            let rasterize = Rasterize {
                view: &frame.view,
                starts: &pixels.starts,
                slots: pairs.tile_sort.sorted_values(),
                slot_gaussians: &pairs.slot_gaussians,
                splats: &frame.per_gaussian.splats,
                image: &pixels.image,
                flow_splats: &frame.per_gaussian.flow_splats,
            };
            self.forward.get(&self.forward_variant(flow)).dispatch_groups(pass, &rasterize, view.tiles());
        });
    }

    /// Records the gradients of the pairs' slots from that of the image, and with `flow` from that of the flow image.
    pub fn record_backward(&self, recorder: &mut Recorder, frame: &Frame, view: &View, flow: Option<FlowForm>) {
        let (pairs, pixels) = (&frame.per_pair, &frame.per_pixel);
        recorder.stage("rasterize backward", |pass| {
            let backward = RasterizeBackward {
                view: &frame.view,
                starts: &pixels.starts,
                slots: pairs.tile_sort.sorted_values(),
                slot_gaussians: &pairs.slot_gaussians,
                splats: &frame.per_gaussian.splats,
                image: &pixels.image,
                image_gradient: &pixels.image_gradient,
                slot_gradients: &pairs.slot_gradients,
                flow_splats: &frame.per_gaussian.flow_splats,
            };
            self.backward.get(&self.backward_variant(flow)).dispatch_groups(pass, &backward, view.tiles());
            let fold = FoldSlots {
                view: &frame.view,
                splats: &frame.per_gaussian.splats,
                slot_gradients: &pairs.slot_gradients,
            };
            let groups = view.gaussians.div_ceil(FOLD_BATCH);
            self.fold.get(&[Self::flow_constant(flow)]).dispatch_groups(pass, &fold, groups);
        });
    }
}
