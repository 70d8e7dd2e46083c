//! The loss of rendered flow against given optical flow, and its gradient (docs/algorithms.md F).

use glam::Vec4;

use crate::dataset::FlowTarget;
use crate::gpu::{Buffer, Declaration, Gpu, GpuError, Kernel, Pipeline, Recorder};
use crate::render::Frame;
use crate::{kernel, shared};

use super::loss::{LossPass, TermSums, run_length};

shared! {
    /// Settings of one image's flow loss; see `shaders/shared/layout/flow.wgsl`.
    pub struct Flow {
        pub size: [u32; 4],
        pub weights: Vec4,
    }
}

kernel! {
    /// Loss of the flow and its gradient, pixel by pixel.
    pub FlowLoss = "train/flow_loss.wgsl" [ALL = 0 in [0, 1]] {
        uniform flow: Flow,
        write image: Vec4,
        read flow_target: f32,
        write image_gradient: Vec4,
        write sums: f32,
    }
}

kernel! {
    /// Mean error of the flow.
    pub FlowSum = "train/flow_sum.wgsl" [] {
        read totals: f32,
        write history: Vec4,
        read entry: u32,
    }
}

/// All kernels of this file.
pub const DECLARATIONS: &[Declaration] = &[FlowLoss::DECLARATION, FlowSum::DECLARATION];

/// Stands for a pixel that does not count.
const UNKNOWN: f32 = 1e30;

/// The flow of one shot on the device.
#[derive(Clone, Debug)]
pub struct Target {
    pub width: u32,
    pub height: u32,
    /// Index of the shot that it leads to.
    pub to: usize,
    /// `[H * W][2]`
    pub field: Buffer<f32>,
    /// Pixels that count.
    pub counted: usize,
}

impl Target {
    /// Uploads the flow of a picture of `width` pixels; displacements of less than `threshold` pixels do not count.
    pub fn upload(gpu: &Gpu, flow: &FlowTarget, width: u32, threshold: f32) -> Result<Self, GpuError> {
        let counts = |(v, valid): (&[f32; 2], &bool)| *valid && v[0].hypot(v[1]) >= threshold;
        let counted: Vec<bool> = flow.field.iter().zip(&flow.valid).map(counts).collect();
        let field: Vec<f32> =
            flow.field.iter().zip(&counted).flat_map(|(v, counts)| if *counts { *v } else { [UNKNOWN; 2] }).collect();
        Ok(Self {
            width,
            height: (flow.field.len() / width.max(1) as usize) as u32,
            to: flow.to,
            field: gpu.upload("targets", &field)?,
            counted: counted.iter().filter(|counts| **counts).count(),
        })
    }

    /// Bytes on the device.
    pub fn bytes(&self) -> u64 {
        4 * self.field.len() as u64
    }
}

/// The compiled loss with its buffers.
#[derive(Debug)]
pub struct FlowPass {
    gpu: Gpu,
    loss: Pipeline<FlowLoss<'static>>,
    sum: Pipeline<FlowSum<'static>>,
    run_length: u32,
    settings: Buffer<Flow>,
    sums: TermSums,
}

impl FlowPass {
    /// With `all` the gradient goes to the image's opacity too.
    pub fn new(gpu: &Gpu, all: bool) -> Result<Self, GpuError> {
        Ok(Self {
            gpu: gpu.clone(),
            loss: gpu.pipeline::<FlowLoss>(&[("ALL", u32::from(all))])?,
            sum: gpu.pipeline::<FlowSum>(&[])?,
            run_length: run_length(gpu),
            settings: gpu.zeros("view: flow", 1)?,
            sums: TermSums::new(gpu)?,
        })
    }

    /// Sets the target of the frame recorded next, the weight of its mean error, in hundredths of the longer side, in the loss, and the error in pixels
    /// below which the loss is quadratic.
    pub fn set_target(&mut self, target: &Target, weight: f64, robust: f64) -> Result<(), GpuError> {
        let (width, height) = (target.width, target.height);
        self.sums.set_count(height.div_ceil(self.run_length) * width)?;
        let mean = 1.0 / target.counted.max(1) as f64;
        // Of the error in pixels, so that the weight means the same at any resolution.
        let percent = 100.0 / f64::from(width.max(height));
        let settings = Flow {
            size: [width, height, self.run_length, 0],
            weights: Vec4::new((weight * mean * percent) as f32, (robust * robust) as f32, 0.0, 0.0),
        };
        self.gpu.write(&self.settings, 0, &[settings]);
        Ok(())
    }

    /// Records the loss of the frame's flow and its gradients, after the loss of the image.
    pub fn record(&self, recorder: &mut Recorder, target: &Target, frame: &Frame, loss: &LossPass) {
        recorder.stage("flow loss", |pass| {
            let by_pixel = FlowLoss {
                flow: &self.settings,
                image: frame.image(),
                flow_target: &target.field,
                image_gradient: frame.image_gradient(),
                sums: &self.sums.terms,
            };
            let runs = target.height.div_ceil(self.run_length) * target.width;
            self.loss.dispatch(pass, &by_pixel, runs);
            let (history, entry) = loss.history_entry();
            let sum = FlowSum { totals: self.sums.add_up(pass), history, entry };
            self.sum.dispatch_groups(pass, &sum, 1);
        });
    }
}
