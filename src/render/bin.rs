//! Which Gaussians each tile has to composite, in the order of their depth: two sorts, with the pairs emitted between.

use crate::gpu::{Declaration, Gpu, GpuError, Kernel, Pipeline, Recorder};
use crate::kernel;

use super::frame::Frame;
use super::layout::{FrameStatus, SplatRow};
use super::lens::View;

kernel! {
    /// List of the visible Gaussians with their depths.
    pub Compact = "render/compact.wgsl" [] {
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
    pub CountPairs = "render/count_pairs.wgsl" [] {
        uniform view: View,
        read visible_count: u32,
        read gaussians: u32,
        read splats: SplatRow,
        write counts: u32,
    }
}

kernel! {
    /// Whether the frame's pairs fit their buffers.
    pub CheckCapacity = "render/check_capacity.wgsl" [] {
        read wanted: u32,
        read visible_count: u32,
        write status: FrameStatus,
        write admitted: u32,
        write arguments: u32,
    }
}

kernel! {
    /// The (Gaussian, tile) pairs in depth order.
    pub EmitPairs = "render/emit_pairs.wgsl" [] {
        uniform view: View,
        read admitted: u32,
        read gaussians: u32,
        read offsets: u32,
        write splats: SplatRow,
        write keys: u32,
        write slots: u32,
        write slot_gaussians: u32,
    }
}

kernel! {
    /// First pair of every tile.
    pub TileRanges = "render/tile_ranges.wgsl" [] {
        uniform view: View,
        read admitted: u32,
        read keys: u32,
        write starts: u32,
    }
}

/// The kernels of this file.
pub const DECLARATIONS: &[Declaration] = &[
    Compact::DECLARATION,
    CountPairs::DECLARATION,
    CheckCapacity::DECLARATION,
    EmitPairs::DECLARATION,
    TileRanges::DECLARATION,
];

/// The compiled stage.
#[derive(Debug)]
pub(super) struct Binning {
    compact: Pipeline<Compact<'static>>,
    count_pairs: Pipeline<CountPairs<'static>>,
    check_capacity: Pipeline<CheckCapacity<'static>>,
    emit_pairs: Pipeline<EmitPairs<'static>>,
    tile_ranges: Pipeline<TileRanges<'static>>,
}

impl Binning {
    pub fn new(gpu: &Gpu) -> Result<Self, GpuError> {
        Ok(Self {
            compact: gpu.pipeline::<Compact>(&[])?,
            count_pairs: gpu.pipeline::<CountPairs>(&[])?,
            check_capacity: gpu.pipeline::<CheckCapacity>(&[])?,
            emit_pairs: gpu.pipeline::<EmitPairs>(&[])?,
            tile_ranges: gpu.pipeline::<TileRanges>(&[])?,
        })
    }

    /// Records the pairs of the frame's splats, by tile, then depth.
    pub fn record(&self, recorder: &mut Recorder, frame: &Frame, view: &View) {
        self.sort_by_depth(recorder, frame, view);
        self.emit(recorder, frame, view);
        self.sort_by_tile(recorder, frame);
    }

    fn sort_by_depth(&self, recorder: &mut Recorder, frame: &Frame, view: &View) {
        let each = &frame.per_gaussian;
        recorder.stage("depth sort", |pass| {
            each.scan.run(pass, &each.visible, &each.ranks, &frame.gaussian_count, &frame.visible_count);
            let compact = Compact {
                view: &frame.view,
                visible: &each.visible,
                ranks: &each.ranks,
                depths: &each.depths,
                keys: each.depth_sort.keys(),
                gaussians: each.depth_sort.values(),
            };
            self.compact.dispatch(pass, &compact, view.gaussians);
            each.depth_sort.run(pass, &frame.visible_count);
        });
    }

    fn emit(&self, recorder: &mut Recorder, frame: &Frame, view: &View) {
        let (each, pairs) = (&frame.per_gaussian, &frame.per_pair);
        let gaussians = each.depth_sort.sorted_values();
        recorder.stage("emit pairs", |pass| {
            let count = CountPairs {
                view: &frame.view,
                visible_count: &frame.visible_count,
                gaussians,
                splats: &each.splats,
                counts: &each.counts,
            };
            self.count_pairs.dispatch(pass, &count, view.gaussians);
            each.scan.run(pass, &each.counts, &each.offsets, &frame.visible_count, &frame.wanted);
            let check = CheckCapacity {
                wanted: &frame.wanted,
                visible_count: &frame.visible_count,
                status: &frame.status,
                admitted: &frame.admitted,
                arguments: &frame.pair_arguments,
            };
            self.check_capacity.dispatch(pass, &check, 1);
            let emit = EmitPairs {
                view: &frame.view,
                admitted: &frame.admitted,
                gaussians,
                offsets: &each.offsets,
                splats: &each.splats,
                keys: pairs.tile_sort.keys(),
                slots: pairs.tile_sort.values(),
                slot_gaussians: &pairs.slot_gaussians,
            };
            self.emit_pairs.dispatch(pass, &emit, view.gaussians);
        });
    }

    fn sort_by_tile(&self, recorder: &mut Recorder, frame: &Frame) {
        let tile_sort = &frame.per_pair.tile_sort;
        recorder.stage("tile sort", |pass| {
            tile_sort.run(pass, &frame.admitted);
            let ranges = TileRanges {
                view: &frame.view,
                admitted: &frame.admitted,
                keys: tile_sort.sorted_keys(),
                starts: &frame.per_pixel.starts,
            };
            self.tile_ranges.dispatch_indirect(pass, &ranges, &frame.pair_arguments, 0);
        });
    }
}
