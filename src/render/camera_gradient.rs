//! The gradient of a frame by its camera's pose and by its background.

use glam::Vec4;

use crate::gpu::{Buffer, Declaration, Gpu, GpuError, Kernel, Pipeline, Recorder, Variants};
use crate::kernel;
use crate::model::{GeometryRow, Model, ModelForm, MotionKind, MotionRow};
use crate::primitives::Reduce;

use super::frame::Frame;
use super::layout::SplatRow;
use super::lens::{LENSES, LensVariant, View};

kernel! {
    /// Each Gaussian's share of the pose's gradient.
    pub PoseBackward = "render/pose_backward.wgsl" [MOTION = 0 in [0, 1, 2], PACKED = 0 in [0, 1], LENS = 0 in LENSES] {
        uniform view: View,
        read geometry: GeometryRow,
        read sh: u32,
        read splats: SplatRow,
        read slot_gradients: f32,
        write shares: f32,
        read(MOTION) motion: MotionRow,
    }
}

kernel! {
    /// Each pixel's share of the background's gradient.
    pub BackgroundBackward = "render/background_backward.wgsl" [] {
        uniform view: View,
        read image: Vec4,
        read image_gradient: Vec4,
        write shares: f32,
    }
}

/// All kernels of this file.
pub const DECLARATIONS: &[Declaration] = &[PoseBackward::DECLARATION, BackgroundBackward::DECLARATION];

/// Gradient of a scalar by what a frame was rendered with besides the Gaussians.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CameraGradient {
    /// By ω and τ of the left perturbation (V, t) ← (exp(ω^) V, exp(ω^) t + τ) of the world-to-camera pose, at zero
    /// (docs/algorithms.md B.10). Radians and world units.
    pub omega: [f32; 3],
    pub tau: [f32; 3],
    pub background: [f32; 3],
}

const POSE: usize = 6;
const BACKGROUND: usize = 3;

/// Shares of a sum, their sum, and how many there are.
#[derive(Debug)]
struct Total {
    shares: Buffer<f32>,
    sum: Buffer<f32>,
    count: Buffer<u32>,
    reduce: Reduce,
}

impl Total {
    fn new(gpu: &Gpu, capacity: usize, width: usize) -> Result<Self, GpuError> {
        Ok(Self {
            shares: gpu.zeros("camera gradient", capacity * width)?,
            sum: gpu.zeros("camera gradient", width)?,
            count: gpu.zeros("camera gradient", 1)?,
            reduce: Reduce::new(gpu, capacity, width)?,
        })
    }
}

/// The compiled backward pass to camera and background, with its buffers.
#[derive(Debug)]
pub struct CameraBackward {
    gpu: Gpu,
    by_gaussian: Variants<PoseBackward<'static>>,
    by_pixel: Pipeline<BackgroundBackward<'static>>,
    pose: Total,
    background: Total,
}

fn variant(model: ModelForm, lens: LensVariant) -> [(&'static str, u32); 3] {
    let [motion, packed] = model.constants();
    [motion, packed, lens.constant()]
}

impl CameraBackward {
    /// For models of up to `gaussians` Gaussians and images of up to `pixels` pixels.
    pub fn new(gpu: &Gpu, gaussians: usize, pixels: usize) -> Result<Self, GpuError> {
        let mut backward = Self {
            gpu: gpu.clone(),
            by_gaussian: Variants::new(),
            by_pixel: gpu.pipeline::<BackgroundBackward>(&[])?,
            pose: Total::new(gpu, gaussians, POSE)?,
            background: Total::new(gpu, pixels, BACKGROUND)?,
        };
        backward.prepare(LensVariant::PINHOLE)?;
        Ok(backward)
    }

    /// Compiles what views through a lens need, of models in full precision. The pinhole is always ready.
    pub fn prepare(&mut self, lens: LensVariant) -> Result<(), GpuError> {
        let forms = MotionKind::ALL.map(|motion| ModelForm { motion, ..ModelForm::default() });
        forms.into_iter().try_for_each(|form| self.by_gaussian.prepare(&self.gpu, &variant(form, lens)))
    }

    /// Compiles what views of models of a form through a lens need.
    pub fn prepare_for(&mut self, form: ModelForm, lens: LensVariant) -> Result<(), GpuError> {
        self.by_gaussian.prepare(&self.gpu, &variant(form, lens))
    }

    /// Records the gradient, from the slots that the renderer's backward pass has filled and before an optimiser moves
    /// the model.
    pub fn record(&self, recorder: &mut Recorder, model: &Model, frame: &Frame, view: &View) {
        let pixels = view.size[0] * view.size[1];
        self.gpu.write(&self.pose.count, 0, &[view.gaussians]);
        self.gpu.write(&self.background.count, 0, &[pixels]);
        let inputs = frame.buffers();
        recorder.stage("camera backward", |pass| {
            let pose = PoseBackward {
                view: inputs.view,
                geometry: &model.rows.geometry,
                sh: &model.rows.sh,
                splats: inputs.splats,
                slot_gradients: inputs.slot_gradients,
                shares: &self.pose.shares,
                motion: &model.rows.motion,
            };
            let by_gaussian = self.by_gaussian.get(&variant(model.form(), view.lens_variant()));
            by_gaussian.dispatch(pass, &pose, view.gaussians);
            let background = BackgroundBackward {
                view: inputs.view,
                image: frame.image(),
                image_gradient: frame.image_gradient(),
                shares: &self.background.shares,
            };
            self.by_pixel.dispatch(pass, &background, pixels);
            for total in [&self.pose, &self.background] {
                total.reduce.run(pass, &total.shares, &total.sum, &total.count);
            }
        });
    }

    /// Waits for the device and reads the gradient last recorded.
    pub fn read(&self) -> Result<CameraGradient, GpuError> {
        let (pose, background) = (self.gpu.read(&self.pose.sum)?, self.gpu.read(&self.background.sum)?);
        Ok(CameraGradient {
            omega: std::array::from_fn(|i| pose[i]),
            tau: std::array::from_fn(|i| pose[3 + i]),
            background: std::array::from_fn(|i| background[i]),
        })
    }
}
