//! The photometric loss of a rendered image and its gradient (docs/algorithms.md D).

use glam::{Vec3, Vec4};

use crate::dataset::{Coverage, Photo};
use crate::gpu::wgsl::constant;
use crate::gpu::{Buffer, Declaration, Gpu, GpuError, Kernel, Pipeline, Recorder};
use crate::primitives::Reduce;
use crate::{kernel, shared};

use super::config::{AlphaMode, Config};
use super::metrics::SSIM_RADIUS;

shared! {
    /// Settings of one image's loss; see `shaders/shared/math/loss.wgsl`.
    pub struct Loss {
        pub width: u32,
        pub height: u32,
        pub run_length: u32,
        pub target_kind: u32,
        pub l1_weight: f32,
        pub ssim_weight: f32,
        pub alpha_weight: f32,
        pub l1_mean: f32,
        pub ssim_mean: f32,
        pub ssim_without_terms: f32,
        pub unused0: f32,
        pub unused1: f32,
        pub background: Vec4,
    }
}

kernel! {
    /// Moments filtered along rows.
    pub SsimRows = "train/ssim_rows.wgsl" [] {
        uniform loss: Loss,
        read image: f32,
        read target_image: u32,
        write moments: Vec4,
    }
}

kernel! {
    /// SSIM and its derivatives, filtered along columns.
    pub SsimColumns = "train/ssim_columns.wgsl" [] {
        uniform loss: Loss,
        read moments: Vec4,
        write derivatives: Vec4,
        write sums: f32,
    }
}

kernel! {
    /// Derivatives filtered along rows.
    pub SsimRowsBackward = "train/ssim_rows_backward.wgsl" [] {
        uniform loss: Loss,
        read derivatives: Vec4,
        write filtered_rows: Vec4,
    }
}

kernel! {
    /// The gradient of the whole loss.
    pub LossGradient = "train/loss_gradient.wgsl" [] {
        uniform loss: Loss,
        read image: f32,
        read target_image: u32,
        read filtered_rows: Vec4,
        write image_gradient: f32,
        write sums: f32,
    }
}

kernel! {
    /// Means of the loss's terms.
    pub LossSum = "train/loss_sum.wgsl" [] {
        uniform loss: Loss,
        read totals: f32,
        write history: Vec4,
        read entry: u32,
    }
}

/// All kernels of the loss.
pub const DECLARATIONS: &[Declaration] = &[
    SsimRows::DECLARATION,
    SsimColumns::DECLARATION,
    SsimRowsBackward::DECLARATION,
    LossGradient::DECLARATION,
    LossSum::DECLARATION,
];

/// Steps whose losses are kept on the device; more than the host ever lets go by between two looks.
pub const HISTORY: usize = 256;

/// Outputs of one invocation of a filter: neighbouring runs read the same samples at their ends, so long runs read less,
/// and short ones keep a GPU busy.
const RUN_LENGTH_SOFTWARE: u32 = 100;
const RUN_LENGTH_GPU: u32 = 32;

/// Outputs of one invocation on this adapter.
pub(super) fn run_length(gpu: &Gpu) -> u32 {
    if gpu.is_software() { RUN_LENGTH_SOFTWARE } else { RUN_LENGTH_GPU }
}

/// The meaning of a target's fourth channel, numbered as in `shaders/shared/loss.wgsl`.
pub(super) fn target_kind(coverage: Coverage) -> u32 {
    match coverage {
        Coverage::Opaque => constant("math/loss", "TARGET_OPAQUE") as u32,
        Coverage::Alpha => constant("math/loss", "TARGET_ALPHA") as u32,
        Coverage::Mask => constant("math/loss", "TARGET_MASK") as u32,
    }
}

/// A target on the device.
#[derive(Clone, Debug)]
pub struct Target {
    pub width: u32,
    pub height: u32,
    /// `[H * W]` rgba, 8 bits each.
    pub pixels: Buffer<u32>,
    pub coverage: Coverage,
    /// Pixels that count.
    pub counted: f64,
}

impl Target {
    pub fn upload(gpu: &Gpu, picture: &Photo) -> Result<Self, GpuError> {
        let pixels = gpu.upload("targets", bytemuck::cast_slice::<_, u32>(&picture.pixels))?;
        let counted = match picture.coverage {
            Coverage::Mask => picture.pixels.iter().map(|p| f64::from(p[3]) / 255.0).sum(),
            Coverage::Opaque | Coverage::Alpha => picture.pixels.len() as f64,
        };
        Ok(Self { width: picture.width, height: picture.height, pixels, coverage: picture.coverage, counted })
    }

    /// Bytes on the device.
    pub fn bytes(&self) -> u64 {
        4 * self.pixels.len() as u64
    }
}

/// Weights of the loss's terms.
#[derive(Clone, Copy, Debug)]
pub struct LossWeights {
    /// Weight of 1 − SSIM; the rest is that of L1.
    pub ssim: f64,
    /// Weight of the difference in opacity, for targets with opacity.
    pub alpha: f64,
}

impl LossWeights {
    /// The weights of a configuration.
    pub fn of(config: &Config) -> Self {
        let alpha = match config.alpha_mode {
            AlphaMode::Composite => 0.0,
            AlphaMode::Target => config.alpha_weight,
        };
        Self { ssim: config.ssim_weight, alpha }
    }
}

/// Partial sums of two terms, and their totals.
#[derive(Debug)]
pub(super) struct TermSums {
    gpu: Gpu,
    /// `[count][2]`
    pub terms: Buffer<f32>,
    totals: Buffer<f32>,
    count: Buffer<u32>,
    reduce: Reduce,
}

impl TermSums {
    pub fn new(gpu: &Gpu) -> Result<Self, GpuError> {
        Ok(Self {
            gpu: gpu.clone(),
            terms: gpu.zeros("view: loss", 0)?,
            totals: gpu.zeros("view: loss", 2)?,
            count: gpu.zeros("view: loss", 1)?,
            reduce: Reduce::new(gpu, 0, 2)?,
        })
    }

    /// The number of partial sums of the frame recorded next.
    pub fn set_count(&mut self, count: u32) -> Result<(), GpuError> {
        if self.terms.len() < 2 * count as usize {
            self.terms = self.gpu.zeros("view: loss", 2 * count as usize)?;
            self.reduce = Reduce::new(&self.gpu, count as usize, 2)?;
        }
        self.gpu.write(&self.count, 0, &[count]);
        Ok(())
    }

    /// Records the totals of both terms, added in a fixed order.
    pub fn add_up(&self, pass: &mut wgpu::ComputePass<'_>) -> &Buffer<f32> {
        self.reduce.run(pass, &self.terms, &self.totals, &self.count);
        &self.totals
    }
}

/// The compiled loss with its buffers.
#[derive(Debug)]
pub struct LossPass {
    gpu: Gpu,
    run_length: u32,
    rows: Pipeline<SsimRows<'static>>,
    columns: Pipeline<SsimColumns<'static>>,
    rows_backward: Pipeline<SsimRowsBackward<'static>>,
    gradient: Pipeline<LossGradient<'static>>,
    sum: Pipeline<LossSum<'static>>,
    settings: Buffer<Loss>,
    /// Two planes of `[3][H][W]`, each read while the other is written.
    planes: [Buffer<Vec4>; 2],
    /// Of each run of each line: |X − Y| and SSIM.
    sums: TermSums,
    entry: Buffer<u32>,
    history: Buffer<Vec4>,
}

impl LossPass {
    pub fn new(gpu: &Gpu) -> Result<Self, GpuError> {
        Ok(Self {
            gpu: gpu.clone(),
            run_length: run_length(gpu),
            rows: gpu.pipeline::<SsimRows>(&[])?,
            columns: gpu.pipeline::<SsimColumns>(&[])?,
            rows_backward: gpu.pipeline::<SsimRowsBackward>(&[])?,
            gradient: gpu.pipeline::<LossGradient>(&[])?,
            sum: gpu.pipeline::<LossSum>(&[])?,
            settings: gpu.zeros("view: loss", 1)?,
            planes: [gpu.zeros("view: loss", 0)?, gpu.zeros("view: loss", 0)?],
            sums: TermSums::new(gpu)?,
            entry: gpu.zeros("view: loss", 1)?,
            history: gpu.zeros("view: loss", HISTORY)?,
        })
    }

    /// Sets the target's shape and the weights for the frame recorded next; `entry` is where its loss is kept.
    pub fn set_target(
        &mut self,
        target: &Target,
        weights: LossWeights,
        background: Vec3,
        entry: u32,
    ) -> Result<(), GpuError> {
        let (width, height) = (target.width, target.height);
        let pixels = width as usize * height as usize;
        if self.planes[0].len() < 3 * pixels {
            self.planes = [self.gpu.zeros("view: loss", 3 * pixels)?, self.gpu.zeros("view: loss", 3 * pixels)?];
        }
        self.sums.set_count(3 * height.div_ceil(self.run_length) * width)?;
        let windows =
            3.0 * f64::from(width.saturating_sub(2 * SSIM_RADIUS)) * f64::from(height.saturating_sub(2 * SSIM_RADIUS));
        let ssim = if windows > 0.0 { weights.ssim } else { 0.0 };
        let l1_mean = 1.0 / (3.0 * target.counted).max(1.0);
        let ssim_mean = if windows > 0.0 { 1.0 / windows } else { 0.0 };
        let alpha = if target.coverage == Coverage::Alpha { weights.alpha / pixels as f64 } else { 0.0 };
        let settings = Loss {
            width,
            height,
            run_length: self.run_length,
            target_kind: target_kind(target.coverage),
            l1_weight: ((1.0 - ssim) * l1_mean) as f32,
            ssim_weight: (-ssim * ssim_mean) as f32,
            alpha_weight: alpha as f32,
            l1_mean: l1_mean as f32,
            ssim_mean: ssim_mean as f32,
            ssim_without_terms: if windows > 0.0 { 0.0 } else { 1.0 },
            unused0: 0.0,
            unused1: 0.0,
            background: background.extend(0.0),
        };
        self.gpu.write(&self.settings, 0, &[settings]);
        self.gpu.write(&self.entry, 0, &[entry % HISTORY as u32]);
        Ok(())
    }

    /// Records the loss of `image` against `target` and its gradient by the image.
    pub fn record(
        &self,
        recorder: &mut Recorder,
        target: &Target,
        image: &Buffer<Vec4>,
        image_gradient: &Buffer<Vec4>,
    ) {
        let row_runs = 3 * target.width.div_ceil(self.run_length) * target.height;
        let column_runs = 3 * target.height.div_ceil(self.run_length) * target.width;
        let [first, second] = &self.planes;
        let image = image.cast();
        recorder.stage("loss", |pass| {
            let rows = SsimRows { loss: &self.settings, image: &image, target_image: &target.pixels, moments: first };
            self.rows.dispatch(pass, &rows, row_runs);
            let columns =
                SsimColumns { loss: &self.settings, moments: first, derivatives: second, sums: &self.sums.terms };
            self.columns.dispatch(pass, &columns, column_runs);
            let back = SsimRowsBackward { loss: &self.settings, derivatives: second, filtered_rows: first };
            self.rows_backward.dispatch(pass, &back, row_runs);
            let gradient = LossGradient {
                loss: &self.settings,
                image: &image,
                target_image: &target.pixels,
                filtered_rows: first,
                image_gradient: &image_gradient.cast(),
                sums: &self.sums.terms,
            };
            self.gradient.dispatch(pass, &gradient, column_runs);
            let totals = self.sums.add_up(pass);
            let sum = LossSum { loss: &self.settings, totals, history: &self.history, entry: &self.entry };
            self.sum.dispatch_groups(pass, &sum, 1);
        });
    }

    /// The ring of recent losses, and which entry is the next step's.
    pub(super) fn history_entry(&self) -> (&Buffer<Vec4>, &Buffer<u32>) {
        (&self.history, &self.entry)
    }

    /// Mean L1, mean SSIM, mean end-point error of the flow (x, y, z) of recent steps, entry by entry; w is 1 where there
    /// is flow.
    pub fn history(&self) -> Result<Vec<Vec4>, GpuError> {
        self.gpu.read(&self.history)
    }

    /// Restores the losses that [`LossPass::history`] returned.
    pub fn restore_history(&self, history: &[Vec4]) {
        self.gpu.write(&self.history, 0, history);
    }
}
