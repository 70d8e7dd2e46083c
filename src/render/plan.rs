//! The frames of a scene as a [`Plan`], for a host that is not this one: what [`Renderer`](super::Renderer) and
//! [`Presenter`](super::Presenter) record, as data. `tests/plan.rs` replays it and holds the two together to the bit.
//!
//! The quantities that are known only where it runs are [`PAIRS`], [`PIXELS`] and [`TILES`]. The host writes the buffers
//! `view`, `presentation`, `gaussian count`, `status`, `geometry`, `sh`, and of a moving scene `motion` and `target`; it reads
//! `status`, grows the pairs where a frame did not fit, and shows `pixels`.

use glam::Vec4;
use serde::Serialize;

use crate::gpu::Plan;
use crate::gpu::plan::{Offsets, PlanBuffer, Size, Step, Work, offsets};
use crate::model::{GeometryRow, ModelForm, MotionKind, MotionRow, sh_rest};
use crate::primitives::plan::{PLANNED_UNIT, PlannedScan, PlannedSort};
use crate::scene::Scene;

use super::bin::{CheckCapacity, Compact, CountPairs, EmitPairs, TileRanges};
use super::flow::ProjectFlow;
use super::flow_form::FlowForm;
use super::layout::{FlowSplat, FrameStatus, SplatRow};
use super::lens::{LensVariant, View};
use super::options::Channel;
use super::present::{FlowPixels, Present, Presentation};
use super::project::{Project, variant};
use super::rasterize::Rasterize;

/// (Gaussian, tile) pairs that the buffers hold, a multiple of [`FramePlan::pair_unit`].
pub const PAIRS: &str = "pairs";
/// Pixels of the image, its rows padded to [`FramePlan::row_unit`] each.
pub const PIXELS: &str = "pixels";
/// Tiles of the image.
pub const TILES: &str = "tiles";

/// Bits of the tiles' numbers, of which the last means none.
const TILE_BITS: u32 = 16;
/// Invocations a tile: browsers do not tell software adapters from others.
const LANES: u32 = 32;

/// What a host needs to draw frames of a scene.
#[derive(Clone, Debug, Serialize)]
pub struct FramePlan {
    #[serde(flatten)]
    pub plan: Plan,
    pub view: Offsets,
    pub presentation: Offsets,
    pub status: Offsets,
    pub geometry: Offsets,
    pub motion: Offsets,
    /// Side of a tile, in pixels, and the most tiles.
    pub tile: u32,
    pub most_tiles: u32,
    pub pair_unit: u64,
    /// Rows of presented pixels start at multiples of this many.
    pub row_unit: u32,
    /// WGSL that draws the presented pixels.
    pub window: &'static str,
}

/// Buffers of the stages, by what they hold.
struct Stages {
    view: PlanBuffer,
    geometry: PlanBuffer,
    motion: Option<PlanBuffer>,
    splats: PlanBuffer,
    image: PlanBuffer,
    gaussians: Size,
    pixels: Size,
}

/// The frames of a scene, by the names of programs: "color", "depth" and, where it moves, "flow".
pub fn frame_plan(scene: &Scene) -> FramePlan {
    let (gaussians, sh_degree, motion) = (scene.len(), scene.sh_degree, MotionKind::of(scene.motion.as_ref()));
    let mut plan = Plan::default();
    let n = Size::Fixed(gaussians as u64);
    let moving = motion != MotionKind::Static;
    let form = ModelForm { motion, packed: false };
    let sh_words = form.sh_words(gaussians, sh_rest(sh_degree)) as u64;
    let planes = if moving { 2 } else { 1 };
    let stages = Stages {
        view: plan.buffer::<View>("view", Size::Fixed(1)),
        geometry: plan.buffer::<GeometryRow>("geometry", n),
        motion: moving.then(|| plan.buffer::<MotionRow>("motion", n)),
        splats: plan.buffer::<SplatRow>("splats", n),
        image: plan.buffer::<Vec4>("image", Size::of(PIXELS).times(planes)),
        gaussians: n,
        pixels: Size::of(PIXELS),
    };
    let sh = plan.buffer::<u32>("sh", Size::Fixed(sh_words));
    let bins = Bins::new(&mut plan, n);
    let binning = bins.steps(&mut plan, &stages);
    let presentation = plan.buffer::<Presentation>("presentation", Size::Fixed(1));
    let pixels = plan.buffer::<u32>("pixels", stages.pixels);
    let present = plan.step::<Present<'static>>(
        &[],
        &[("presentation", presentation), ("image", stages.image), ("pixels", pixels)],
        Work::Invocations(stages.pixels),
    );
    for (name, channel) in [("color", Channel::Color), ("depth", Channel::Depth)] {
        let mut steps = vec![project(&mut plan, &stages, sh, &bins, channel, form)];
        steps.extend(binning.clone());
        steps.push(rasterize(&mut plan, &stages, &bins, None));
        steps.push(present.clone());
        plan.programs.insert(name, steps);
    }
    if moving {
        let mut steps = vec![project(&mut plan, &stages, sh, &bins, Channel::Color, form)];
        steps.extend(binning);
        steps.extend(flow(&mut plan, &stages, &bins, motion));
        steps.push(present);
        plan.programs.insert("flow", steps);
    }
    FramePlan {
        plan,
        view: offsets::<View>(),
        presentation: offsets::<Presentation>(),
        status: offsets::<FrameStatus>(),
        geometry: offsets::<GeometryRow>(),
        motion: offsets::<MotionRow>(),
        tile: super::TILE,
        most_tiles: (1 << TILE_BITS) - 1,
        pair_unit: PLANNED_UNIT,
        row_unit: super::present::ROW / 4,
        window: super::present::WINDOW,
    }
}

fn project(plan: &mut Plan, stages: &Stages, sh: PlanBuffer, bins: &Bins, channel: Channel, form: ModelForm) -> Step {
    let mut buffers = vec![
        ("view", stages.view),
        ("geometry", stages.geometry),
        ("sh", sh),
        ("splats", stages.splats),
        ("depths", bins.depths),
        ("visible", bins.visible),
    ];
    buffers.extend(stages.motion.map(|motion| ("motion", motion)));
    let constants = variant(channel, form, LensVariant::PINHOLE);
    plan.step::<Project<'static>>(&constants, &buffers, Work::Invocations(stages.gaussians))
}

fn rasterize(plan: &mut Plan, stages: &Stages, bins: &Bins, flow_splats: Option<PlanBuffer>) -> Step {
    let mut buffers = vec![
        ("view", stages.view),
        ("starts", bins.starts),
        ("slots", bins.tile_sort.output().1),
        ("slot_gaussians", bins.slot_gaussians),
        ("splats", stages.splats),
        ("image", stages.image),
    ];
    buffers.extend(flow_splats.map(|splats| ("flow_splats", splats)));
    let flow = flow_splats.map_or(0, |_| FLOW.constant());
    let constants = [("LANES", LANES), ("SUBGROUPS", 0), ("FLOW", flow)];
    plan.step::<Rasterize<'static>>(&constants, &buffers, Work::Workgroups(Size::of(TILES)))
}

/// All of a Gaussian's pixels move alike.
const FLOW: FlowForm = FlowForm { affine: false, all: false, motion: MotionKind::Linear };

/// From the binned splats of a moving scene to the flow in the image's place.
fn flow(plan: &mut Plan, stages: &Stages, bins: &Bins, motion: MotionKind) -> [Step; 3] {
    let target = plan.buffer::<View>("target", Size::Fixed(1));
    let flow_splats = plan.buffer::<FlowSplat>("flow splats", stages.gaussians);
    let mut buffers =
        vec![("view", target), ("geometry", stages.geometry), ("splats", stages.splats), ("flow_splats", flow_splats)];
    buffers.extend(stages.motion.map(|motion| ("motion", motion)));
    let constants = super::flow::project_variant(FLOW, motion, LensVariant::PINHOLE);
    let moved = plan.step::<ProjectFlow<'static>>(&constants, &buffers, Work::Invocations(stages.gaussians));
    let rasterized = rasterize(plan, stages, bins, Some(flow_splats));
    let buffers = [("view", stages.view), ("image", stages.image)];
    let shown = plan.step::<FlowPixels<'static>>(&[], &buffers, Work::Invocations(stages.pixels));
    [moved, rasterized, shown]
}

/// Buffers of the binning.
struct Bins {
    depths: PlanBuffer,
    visible: PlanBuffer,
    ranks: PlanBuffer,
    counts: PlanBuffer,
    offsets: PlanBuffer,
    gaussian_count: PlanBuffer,
    visible_count: PlanBuffer,
    wanted: PlanBuffer,
    admitted: PlanBuffer,
    arguments: PlanBuffer,
    status: PlanBuffer,
    slot_gaussians: PlanBuffer,
    starts: PlanBuffer,
    scan: PlannedScan,
    depth_sort: PlannedSort,
    tile_sort: PlannedSort,
}

impl Bins {
    fn new(plan: &mut Plan, n: Size) -> Self {
        let one = Size::Fixed(1);
        Self {
            depths: plan.buffer::<u32>("depths", n),
            visible: plan.buffer::<u32>("visible", n),
            ranks: plan.buffer::<u32>("ranks", n),
            counts: plan.buffer::<u32>("counts", n),
            offsets: plan.buffer::<u32>("offsets", n),
            gaussian_count: plan.filled("gaussian count", vec![n]),
            visible_count: plan.buffer::<u32>("visible count", one),
            wanted: plan.buffer::<u32>("wanted", one),
            admitted: plan.buffer::<u32>("admitted", Size::Fixed(2)),
            arguments: plan.buffer::<u32>("arguments", Size::Fixed(3)),
            status: plan.buffer::<FrameStatus>("status", one),
            slot_gaussians: plan.buffer::<u32>("slot gaussians", Size::of(PAIRS)),
            // One more than there are tiles.
            starts: plan.buffer::<u32>("starts", Size::of(TILES).times(2)),
            scan: PlannedScan::new(plan, n),
            depth_sort: PlannedSort::new(plan, n, 32),
            tile_sort: PlannedSort::new(plan, Size::of(PAIRS), TILE_BITS),
        }
    }

    /// From the splats to each tile's pairs, as [`Binning::record`](super::bin::Binning::record).
    fn steps(&self, plan: &mut Plan, stages: &Stages) -> Vec<Step> {
        let mut steps = self.sort_by_depth(plan, stages);
        steps.extend(self.emit(plan, stages));
        steps.extend(self.tile_sort.run(plan, self.admitted));
        let buffers = [
            ("view", stages.view),
            ("admitted", self.admitted),
            ("keys", self.tile_sort.output().0),
            ("starts", self.starts),
        ];
        steps.push(plan.step::<TileRanges<'static>>(&[], &buffers, Work::Indirect(self.arguments)));
        steps
    }

    fn sort_by_depth(&self, plan: &mut Plan, stages: &Stages) -> Vec<Step> {
        let mut steps = self.scan.run(plan, self.visible, self.ranks, self.gaussian_count, self.visible_count).to_vec();
        let (keys, gaussians) = self.depth_sort.input();
        let buffers = [
            ("view", stages.view),
            ("visible", self.visible),
            ("ranks", self.ranks),
            ("depths", self.depths),
            ("keys", keys),
            ("gaussians", gaussians),
        ];
        steps.push(plan.step::<Compact<'static>>(&[], &buffers, Work::Invocations(stages.gaussians)));
        steps.extend(self.depth_sort.run(plan, self.visible_count));
        steps
    }

    fn emit(&self, plan: &mut Plan, stages: &Stages) -> Vec<Step> {
        let gaussians = self.depth_sort.output().1;
        let buffers = [
            ("view", stages.view),
            ("visible_count", self.visible_count),
            ("gaussians", gaussians),
            ("splats", stages.splats),
            ("counts", self.counts),
        ];
        let mut steps = vec![plan.step::<CountPairs<'static>>(&[], &buffers, Work::Invocations(stages.gaussians))];
        steps.extend(self.scan.run(plan, self.counts, self.offsets, self.visible_count, self.wanted));
        let buffers = [
            ("wanted", self.wanted),
            ("visible_count", self.visible_count),
            ("status", self.status),
            ("admitted", self.admitted),
            ("arguments", self.arguments),
        ];
        steps.push(plan.step::<CheckCapacity<'static>>(&[], &buffers, Work::Invocations(Size::Fixed(1))));
        let (keys, slots) = self.tile_sort.input();
        let buffers = [
            ("view", stages.view),
            ("admitted", self.admitted),
            ("gaussians", gaussians),
            ("offsets", self.offsets),
            ("splats", stages.splats),
            ("keys", keys),
            ("slots", slots),
            ("slot_gaussians", self.slot_gaussians),
        ];
        steps.push(plan.step::<EmitPairs<'static>>(&[], &buffers, Work::Invocations(stages.gaussians)));
        steps
    }
}
