//! Relocation of dead Gaussians and growth of the population, on the device, with no readback (docs/algorithms.md E.6
//! to E.8).

use glam::Vec4;
use wgpu::ComputePass;

use crate::gpu::{Buffer, Declaration, Gpu, GpuError, Kernel, Pipeline, Recorder};
use crate::model::{GeometryRow, Model, ModelForm, MotionRow};
use crate::render::{Frame, FrameStatus};
use crate::{kernel, shared};

use super::moments::Moments;

shared! {
    /// One relocation or growth; see `shaders/shared/layout/refine.wgsl`.
    pub struct Refine {
        pub gaussians: u32,
        pub added: u32,
        pub seed: u32,
        pub step: u32,
        pub weight_scale: f32,
        pub dead_opacity: f32,
        pub share_duration: u32,
        pub sh_rest: u32,
        pub around: u32,
        pub usual_log_duration: f32,
        pub duration_power: f32,
        pub force: f32,
    }
}

kernel! {
    /// Weights of the draw.
    pub RefineWeights = "train/refine_weights.wgsl" [GROW = 0 in [0, 1], MOTION = 0 in [0, 1, 2], PACKED = 0 in [0, 1]] {
        uniform refine: Refine,
        read geometry: GeometryRow,
        write weights: u32,
        write draws: u32,
        read moments: Vec4,
        read(MOTION) motion: MotionRow,
    }
}

kernel! {
    /// Sources drawn.
    pub RefineDraw = "train/refine_draw.wgsl" [GROW = 0 in [0, 1]] {
        uniform refine: Refine,
        read weights: u32,
        read prefix: u32,
        read total: u32,
        write sources: u32,
        atomic draws: u32,
    }
}

kernel! {
    /// Targets made copies.
    pub RefineTargets = "train/refine_targets.wgsl" [GROW = 0 in [0, 1]] {
        uniform refine: Refine,
        read sources: u32,
        read draws: u32,
        write geometry: GeometryRow,
        write status: FrameStatus,
    }
}

kernel! {
    /// Sources given their share.
    pub RefineSources = "train/refine_sources.wgsl" [GROW = 0 in [0, 1], MOTION = 0 in [0, 1, 2], PACKED = 0 in [0, 1]] {
        uniform refine: Refine,
        read draws: u32,
        write geometry: GeometryRow,
        write moments: Vec4,
        write status: FrameStatus,
    }
}

kernel! {
    /// Spherical harmonics copied.
    pub RefineRows = "train/refine_rows.wgsl" [GROW = 0 in [0, 1], PACKED = 0 in [0, 1]] {
        uniform refine: Refine,
        read sources: u32,
        read draws: u32,
        write sh: u32,
        write moment1: u32,
        write moment2: u32,
        write status: FrameStatus,
    }
}

kernel! {
    /// Motion rows copied, and given their share.
    pub RefineMotion = "train/refine_motion.wgsl" [GROW = 0 in [0, 1], MOTION = 1 in [1, 2], SOURCES = 0 in [0, 1]] {
        uniform refine: Refine,
        read sources: u32,
        read draws: u32,
        read geometry: GeometryRow,
        write motion: MotionRow,
        write status: FrameStatus,
    }
}

/// All kernels of this file.
pub const DECLARATIONS: &[Declaration] = &[
    RefineWeights::DECLARATION,
    RefineDraw::DECLARATION,
    RefineTargets::DECLARATION,
    RefineSources::DECLARATION,
    RefineRows::DECLARATION,
    RefineMotion::DECLARATION,
];

/// Weight of opacity 1 in the draw of sources among `gaussians`: as fine as lets the sum of all fit 32 bits.
pub fn weight_scale(gaussians: usize) -> f32 {
    (u32::MAX as usize / gaussians.max(1)).min(1 << 16) as f32
}

/// One of the two operations.
#[derive(Debug)]
struct Operation {
    name: &'static str,
    weights: Pipeline<RefineWeights<'static>>,
    draw: Pipeline<RefineDraw<'static>>,
    targets: Pipeline<RefineTargets<'static>>,
    sources: Pipeline<RefineSources<'static>>,
    rows: Pipeline<RefineRows<'static>>,
    /// Of targets, then of sources; none for static scenes.
    motion: Vec<Pipeline<RefineMotion<'static>>>,
    settings: Buffer<Refine>,
}

impl Operation {
    fn new(gpu: &Gpu, form: ModelForm, grow: bool) -> Result<Self, GpuError> {
        let grow_constant = ("GROW", u32::from(grow));
        let [motion_constant, packed] = form.constants();
        let motion = |sources| gpu.pipeline::<RefineMotion>(&[grow_constant, motion_constant, ("SOURCES", sources)]);
        Ok(Self {
            name: if grow { "grow" } else { "relocate" },
            weights: gpu.pipeline::<RefineWeights>(&[grow_constant, motion_constant, packed])?,
            draw: gpu.pipeline::<RefineDraw>(&[grow_constant])?,
            targets: gpu.pipeline::<RefineTargets>(&[grow_constant])?,
            sources: gpu.pipeline::<RefineSources>(&[grow_constant, motion_constant, packed])?,
            rows: gpu.pipeline::<RefineRows>(&[grow_constant, packed])?,
            motion: if form.is_moving() { vec![motion(0)?, motion(1)?] } else { vec![] },
            settings: gpu.zeros("refine: settings", 1)?,
        })
    }

    fn record(&self, recorder: &mut Recorder, model: &Model, moments: &Moments, frame: &Frame, refine: &Refine) {
        let (own, all) = (refine.gaussians, refine.gaussians + refine.added);
        recorder.stage(self.name, |pass| {
            self.draw_sources(pass, model, moments, frame, own, all);
            self.copy_rows(pass, model, moments, frame, all);
            self.share_geometry(pass, model, moments, frame, own, all);
        });
    }

    /// Draws a source for every target.
    fn draw_sources(
        &self,
        pass: &mut ComputePass,
        model: &Model,
        moments: &Moments,
        frame: &Frame,
        own: u32,
        all: u32,
    ) {
        let scratch = frame.scratch();
        let weights = RefineWeights {
            refine: &self.settings,
            geometry: &model.rows.geometry,
            weights: scratch.weights,
            draws: scratch.draws,
            moments: &moments.rows,
            motion: &model.rows.motion,
        };
        self.weights.dispatch(pass, &weights, own);
        scratch.scan.run(pass, scratch.weights, scratch.prefix, scratch.gaussian_count, scratch.total);
        let draw = RefineDraw {
            refine: &self.settings,
            weights: scratch.weights,
            prefix: scratch.prefix,
            total: scratch.total,
            sources: scratch.sources,
            draws: scratch.draws,
        };
        self.draw.dispatch(pass, &draw, all);
    }

    /// Copies colour and motion of the sources to their targets, before the sources' geometry changes.
    fn copy_rows(&self, pass: &mut ComputePass, model: &Model, moments: &Moments, frame: &Frame, all: u32) {
        let (scratch, [moment1, moment2]) = (frame.scratch(), &moments.sh);
        if model.sh_degree() > 0 {
            let rows = RefineRows {
                refine: &self.settings,
                sources: scratch.sources,
                draws: scratch.draws,
                sh: &model.rows.sh,
                moment1,
                moment2,
                status: scratch.status,
            };
            self.rows.dispatch(pass, &rows, all);
        }
        for pipeline in &self.motion {
            let motion = RefineMotion {
                refine: &self.settings,
                sources: scratch.sources,
                draws: scratch.draws,
                geometry: &model.rows.geometry,
                motion: &model.rows.motion,
                status: scratch.status,
            };
            pipeline.dispatch(pass, &motion, all);
        }
    }

    /// Gives targets and sources their shares of the sources' opacity and scale.
    fn share_geometry(
        &self,
        pass: &mut ComputePass,
        model: &Model,
        moments: &Moments,
        frame: &Frame,
        own: u32,
        all: u32,
    ) {
        let scratch = frame.scratch();
        let targets = RefineTargets {
            refine: &self.settings,
            sources: scratch.sources,
            draws: scratch.draws,
            geometry: &model.rows.geometry,
            status: scratch.status,
        };
        self.targets.dispatch(pass, &targets, all);
        let sources = RefineSources {
            refine: &self.settings,
            draws: scratch.draws,
            geometry: &model.rows.geometry,
            moments: &moments.rows,
            status: scratch.status,
        };
        self.sources.dispatch(pass, &sources, own);
    }
}

/// Relocation and growth.
#[derive(Debug)]
pub struct Refiner {
    gpu: Gpu,
    relocation: Operation,
    growth: Operation,
}

impl Refiner {
    /// For populations of models of a form.
    pub fn new(gpu: &Gpu, form: ModelForm) -> Result<Self, GpuError> {
        let (relocation, growth) = (Operation::new(gpu, form, false)?, Operation::new(gpu, form, true)?);
        Ok(Self { gpu: gpu.clone(), relocation, growth })
    }

    /// Records the relocation of the Gaussians that are dead.
    pub fn record_relocation(
        &self,
        recorder: &mut Recorder,
        model: &Model,
        moments: &Moments,
        frame: &Frame,
        refine: &Refine,
    ) {
        let refine = Refine { added: 0, sh_rest: model.sh_rest() as u32, ..*refine };
        self.gpu.write(&self.relocation.settings, 0, &[refine]);
        self.relocation.record(recorder, model, moments, frame, &refine);
    }

    /// Records growth by `refine.added` Gaussians. The model's length is the caller's to raise.
    pub fn record_growth(
        &self,
        recorder: &mut Recorder,
        model: &Model,
        moments: &Moments,
        frame: &Frame,
        refine: &Refine,
    ) {
        let refine = Refine { sh_rest: model.sh_rest() as u32, ..*refine };
        self.gpu.write(&self.growth.settings, 0, &[refine]);
        self.growth.record(recorder, model, moments, frame, &refine);
    }
}
