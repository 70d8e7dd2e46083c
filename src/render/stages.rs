//! The stages of rendering and of its backward pass: kernels, pipelines, and the order they run in.

use glam::Vec4;

use crate::gpu::{Declaration, Gpu, GpuError, Kernel, Pipeline, Recorder};
use crate::kernel;
use crate::model::Model;

use super::Channel;
use super::flow::{FlowForm, FlowStages};
use super::frame::{Admission, Frame};
use super::view::View;

kernel! {
    /// Record, depth and tile count of every Gaussian.
    pub Project = "project.wgsl" [FEATURE = 0, MOTION = 0] {
        uniform view: View,
        read geometry: Vec4,
        read sh0: f32,
        read sh1: f32,
        read sh2: f32,
        read sh3: f32,
        write records: Vec4,
        write depths: u32,
        write tile_counts: u32,
        write visible: u32,
        read(MOTION) motion: Vec4,
    }
}

kernel! {
    /// List of the visible Gaussians with their depths.
    pub Compact = "compact.wgsl" [] {
        uniform view: View,
        read visible: u32,
        read ranks: u32,
        read depths: u32,
        write keys: u32,
        write gaussians: u32,
    }
}

kernel! {
    /// Tile counts in depth order.
    pub CountPairs = "count_pairs.wgsl" [] {
        uniform view: View,
        read visible_count: u32,
        read gaussians: u32,
        read tile_counts: u32,
        write counts: u32,
    }
}

kernel! {
    /// Whether the frame's pairs fit their buffers.
    pub AdmitPairs = "admit_pairs.wgsl" [] {
        read wanted: u32,
        write admission: Admission,
        write pair_count: u32,
        write arguments: u32,
    }
}

kernel! {
    /// The (Gaussian, tile) pairs in depth order.
    pub EmitPairs = "emit_pairs.wgsl" [] {
        uniform view: View,
        read visible_count: u32,
        read pair_count: u32,
        read gaussians: u32,
        read offsets: u32,
        read records: Vec4,
        write tile_counts: u32,
        write slot_bases: u32,
        write keys: u32,
        write slots: u32,
        write slot_gaussians: u32,
    }
}

kernel! {
    /// First pair of every tile.
    pub TileRanges = "tile_ranges.wgsl" [] {
        uniform view: View,
        read pair_count: u32,
        read keys: u32,
        write starts: u32,
    }
}

kernel! {
    /// Front-to-back compositing of every tile.
    pub Rasterize = "rasterize.wgsl" [LANES = 8, SUBGROUPS = 0, FLOW = 0] {
        uniform view: View,
        read starts: u32,
        read slots: u32,
        read slot_gaussians: u32,
        read records: Vec4,
        write image: Vec4,
        read(FLOW) flow_records: Vec4,
        write(FLOW) flow_image: f32,
    }
}

kernel! {
    /// Gradient of every (Gaussian, tile) pair from the gradient of the image.
    pub RasterizeBackward = "rasterize_backward.wgsl" [LANES = 8, SUBGROUPS = 0, FLOW = 0, FLOW_ALL = 0] {
        uniform view: View,
        read starts: u32,
        read slots: u32,
        read slot_gaussians: u32,
        read records: Vec4,
        read image: Vec4,
        read image_gradient: Vec4,
        write slot_gradients: f32,
        read(FLOW) flow_records: Vec4,
        read(FLOW) flow_image: f32,
        read(FLOW) flow_gradient: f32,
        write(FLOW) flow_slots: f32,
    }
}

/// All kernels of this room, for the test that checks every shader without a GPU.
pub const DECLARATIONS: &[Declaration] = &[
    Project::DECLARATION,
    Compact::DECLARATION,
    CountPairs::DECLARATION,
    AdmitPairs::DECLARATION,
    EmitPairs::DECLARATION,
    TileRanges::DECLARATION,
    Rasterize::DECLARATION,
    RasterizeBackward::DECLARATION,
];

/// How the rasterizer's workgroups exchange records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LaneForm {
    /// Invocations a tile: 8, 16 or 32, which own four columns of pixels each, two or one.
    pub lanes: u32,
    /// By subgroup shuffles, which needs subgroups of at least `lanes`; otherwise through workgroup memory.
    pub subgroups: bool,
}

impl LaneForm {
    /// The form for an adapter, by rule: results differ in the last bits between numbers of lanes, so the choice
    /// depends on nothing but the adapter. Software adapters want 8 lanes, GPUs 32.
    pub fn of(gpu: &Gpu) -> Self {
        let smallest = gpu.info().subgroup_min_size;
        let lanes = if gpu.is_software() { 8 } else { 32 };
        Self { lanes, subgroups: gpu.subgroups() && smallest >= lanes }
    }

    pub(super) fn constants(self) -> [(&'static str, u32); 2] {
        assert!(matches!(self.lanes, 8 | 16 | 32), "the backward rasterizer has no form of {} lanes", self.lanes);
        [("LANES", self.lanes), ("SUBGROUPS", u32::from(self.subgroups))]
    }
}

/// The compiled stages.
#[derive(Debug)]
pub(super) struct Stages {
    form: LaneForm,
    project: [Pipeline<Project<'static>>; 3],
    /// As `project`, and of velocities; compiled when a scene first moves.
    project_moving: Vec<Pipeline<Project<'static>>>,
    /// Compiled when flow is first asked for.
    pub flow: Option<FlowStages>,
    compact: Pipeline<Compact<'static>>,
    count_pairs: Pipeline<CountPairs<'static>>,
    admit_pairs: Pipeline<AdmitPairs<'static>>,
    emit_pairs: Pipeline<EmitPairs<'static>>,
    tile_ranges: Pipeline<TileRanges<'static>>,
    rasterize: Pipeline<Rasterize<'static>>,
    rasterize_backward: Pipeline<RasterizeBackward<'static>>,
}

impl Stages {
    pub fn new(gpu: &Gpu, form: LaneForm) -> Result<Self, GpuError> {
        let project = |feature| gpu.pipeline::<Project>(&[("FEATURE", feature)]);
        Ok(Self {
            form,
            project_moving: vec![],
            flow: None,
            project: [project(0)?, project(1)?, project(2)?],
            compact: gpu.pipeline::<Compact>(&[])?,
            count_pairs: gpu.pipeline::<CountPairs>(&[])?,
            admit_pairs: gpu.pipeline::<AdmitPairs>(&[])?,
            emit_pairs: gpu.pipeline::<EmitPairs>(&[])?,
            tile_ranges: gpu.pipeline::<TileRanges>(&[])?,
            rasterize: gpu.pipeline::<Rasterize>(&form.constants())?,
            rasterize_backward: gpu.pipeline::<RasterizeBackward>(&form.constants())?,
        })
    }

    /// Compiles what moving scenes need.
    pub fn prepare_motion(&mut self, gpu: &Gpu) -> Result<(), GpuError> {
        if self.project_moving.is_empty() {
            let project = |feature| gpu.pipeline::<Project>(&[("FEATURE", feature), ("MOTION", 1)]);
            self.project_moving = vec![project(0)?, project(1)?, project(2)?, project(3)?];
        }
        Ok(())
    }

    /// Compiles what flow in a form needs.
    pub fn prepare_flow(&mut self, gpu: &Gpu, form: FlowForm, backward: bool) -> Result<(), GpuError> {
        if self.flow.as_ref().is_none_or(|flow| flow.form != form) {
            self.flow = Some(FlowStages::new(gpu, self.form, form, backward)?);
        }
        Ok(())
    }

    /// The compiled stages of flow.
    fn flow(&self) -> &FlowStages {
        self.flow.as_ref().expect("flow is prepared before it is recorded")
    }

    /// From the model to the image of the frame's view, and where `flow` is asked for, to its flow image.
    pub fn forward(
        &self,
        recorder: &mut Recorder,
        model: &Model,
        frame: &Frame,
        view: &View,
        channel: Channel,
        flow: bool,
    ) {
        let (each, pairs, pixels) = (&frame.per_gaussian, &frame.per_pair, &frame.per_pixel);
        let groups = view.gaussians.div_ceil(64);
        let [sh0, sh1, sh2, sh3] = &model.rows.sh;
        recorder.stage("project", |pass| {
            let kernel = Project {
                view: &frame.view,
                geometry: &model.rows.geometry,
                sh0,
                sh1,
                sh2,
                sh3,
                records: &each.records,
                depths: &each.depths,
                tile_counts: &each.tile_counts,
                visible: &each.visible,
                motion: &model.rows.motion,
            };
            let feature = match channel {
                Channel::Color | Channel::Alpha => 0,
                Channel::Depth => 1,
                Channel::Normal => 2,
                Channel::Velocity => 3,
            };
            let project = if model.is_moving() { &self.project_moving[..] } else { &self.project[..] };
            project[feature].run(pass, &kernel, groups);
        });
        recorder.stage("depth sort", |pass| {
            each.scan.run(pass, &each.visible, &each.ranks, &frame.gaussian_count, &frame.visible_count);
            let (keys, gaussians) = (each.depth_sort.keys(), each.depth_sort.values());
            let compact = Compact {
                view: &frame.view,
                visible: &each.visible,
                ranks: &each.ranks,
                depths: &each.depths,
                keys,
                gaussians,
            };
            self.compact.run(pass, &compact, groups);
            each.depth_sort.run(pass, &frame.visible_count);
        });
        let gaussians = each.depth_sort.sorted_values();
        recorder.stage("emit pairs", |pass| {
            let count = CountPairs {
                view: &frame.view,
                visible_count: &frame.visible_count,
                gaussians,
                tile_counts: &each.tile_counts,
                counts: &each.counts,
            };
            self.count_pairs.run(pass, &count, groups);
            each.scan.run(pass, &each.counts, &each.offsets, &frame.visible_count, &frame.wanted);
            let admit = AdmitPairs {
                wanted: &frame.wanted,
                admission: &frame.admission,
                pair_count: &frame.pair_count,
                arguments: &frame.pair_arguments,
            };
            self.admit_pairs.run(pass, &admit, 1);
            let emit = EmitPairs {
                view: &frame.view,
                visible_count: &frame.visible_count,
                pair_count: &frame.pair_count,
                gaussians,
                offsets: &each.offsets,
                records: &each.records,
                tile_counts: &each.tile_counts,
                slot_bases: &each.slot_bases,
                keys: pairs.tile_sort.keys(),
                slots: pairs.tile_sort.values(),
                slot_gaussians: &pairs.slot_gaussians,
            };
            self.emit_pairs.run(pass, &emit, groups);
        });
        recorder.stage("tile sort", |pass| {
            pairs.tile_sort.run(pass, &frame.pair_count);
            let ranges = TileRanges {
                view: &frame.view,
                pair_count: &frame.pair_count,
                keys: pairs.tile_sort.sorted_keys(),
                starts: &pixels.starts,
            };
            self.tile_ranges.run_indirect(pass, &ranges, &frame.pair_arguments, 0);
        });
        if flow {
            self.flow().project(recorder, model, frame, view);
        }
        recorder.stage("rasterize", |pass| {
            let rasterize = Rasterize {
                view: &frame.view,
                starts: &pixels.starts,
                slots: pairs.tile_sort.sorted_values(),
                slot_gaussians: &pairs.slot_gaussians,
                records: &each.records,
                image: &pixels.image,
                flow_records: &each.flow_records,
                flow_image: &pixels.flow_image,
            };
            let pipeline = if flow { &self.flow().rasterize } else { &self.rasterize };
            pipeline.run(pass, &rasterize, view.tiles());
        });
    }

    /// From the gradient of the image to the gradients of the pairs' slots, and where `flow` is asked for, from that of
    /// the flow image to the Gaussians' gradients by flow.
    pub fn backward(&self, recorder: &mut Recorder, model: &Model, frame: &Frame, view: &View, flow: bool) {
        let (pairs, pixels) = (&frame.per_pair, &frame.per_pixel);
        recorder.stage("rasterize backward", |pass| {
            let backward = RasterizeBackward {
                view: &frame.view,
                starts: &pixels.starts,
                slots: pairs.tile_sort.sorted_values(),
                slot_gaussians: &pairs.slot_gaussians,
                records: &frame.per_gaussian.records,
                image: &pixels.image,
                image_gradient: &pixels.image_gradient,
                slot_gradients: &pairs.slot_gradients,
                flow_records: &frame.per_gaussian.flow_records,
                flow_image: &pixels.flow_image,
                flow_gradient: &pixels.flow_gradient,
                flow_slots: &pairs.flow_slots,
            };
            let with_flow = if flow { self.flow().rasterize_backward.as_ref() } else { None };
            with_flow.unwrap_or(&self.rasterize_backward).run(pass, &backward, view.tiles());
        });
        if flow {
            self.flow().gradients(recorder, model, frame, view);
        }
    }
}
