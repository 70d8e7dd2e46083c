//! The optimiser: gradients of the slots into Adam steps, regularisers and exploration noise, without gradient buffers.

use glam::Vec4;

use crate::gpu::wgsl::constant;
use crate::gpu::{Buffer, Declaration, Gpu, GpuError, Kernel, Pipeline, Recorder, Variants};
use crate::model::{GeometryRow, Model, ModelForm, MotionKind, MotionRow};
use crate::render::{Frame, FrameStatus, LENSES, LensVariant, SplatRow, View};
use crate::{kernel, shared};

use super::moments::Moments;

shared! {
    /// Constants of one optimisation step, by the names of the options that they come from; see `shaders/shared/math/adam.wgsl`.
    pub struct Step {
        pub correction1: f32,
        pub correction2: f32,
        pub lr_mean: f32,
        pub lr_rotation: f32,
        pub lr_scale: f32,
        pub lr_opacity: f32,
        pub lr_sh_dc: f32,
        pub lr_sh_rest: f32,
        pub lr_velocity: f32,
        pub lr_time: f32,
        pub lr_duration: f32,
        pub lr_gate: f32,
        pub lr_acceleration: f32,
        pub lr_turn: f32,
        pub mean_noise: f32,
        pub time_noise: f32,
        pub opacity_regularisation: f32,
        pub scale_regularisation: f32,
        pub duration_regularisation: f32,
        pub gate_regularisation: f32,
        pub faded_regularisation: f32,
        pub init_log_duration: f32,
        pub min_log_duration: f32,
        pub velocity_shrinkage: f32,
        pub bend_shrinkage: f32,
        pub flow_supervision: u32,
        pub seed: u32,
        pub number: u32,
    }
}

kernel! {
    /// The step on geometry rows.
    pub Update = "train/update.wgsl"
        [STORE_GRADIENT = 0 in [0, 1], MOTION = 0 in [0, 1, 2], PACKED = 0 in [0, 1], LENS = 0 in LENSES] {
        uniform view: View,
        uniform step: Step,
        write geometry: GeometryRow,
        write moments: Vec4,
        write sh: u32,
        write splats: SplatRow,
        read slot_gradients: f32,
        write status: FrameStatus,
        write(MOTION) motion: MotionRow,
        read(MOTION) flow_gradients: Vec4,
    }
}

kernel! {
    /// The step on one band of the spherical harmonics beyond the constant one, in full precision.
    pub UpdateSh = "train/update_sh.wgsl" [BAND = 1 in [1, 2, 3], STORE_GRADIENT = 0 in [0, 1]] {
        uniform step: Step,
        uniform view: View,
        read splats: SplatRow,
        write sh: Vec4,
        write moment1: Vec4,
        write moment2: Vec4,
        write status: FrameStatus,
    }
}

/// All kernels of the optimiser.
pub const DECLARATIONS: &[Declaration] = &[Update::DECLARATION, UpdateSh::DECLARATION];

/// Values of [`Step::flow_supervision`], as in `shaders/shared/adam.wgsl`.
const FLOW_SUPERVISES_VELOCITY: u32 = constant("math/adam", "FLOW_SUPERVISES_VELOCITY") as u32;
const FLOW_SUPERVISES_ALL: u32 = constant("math/adam", "FLOW_SUPERVISES_ALL") as u32;

impl Step {
    /// The same step with so many times the weight of the regularisers of opacity and scale.
    pub fn regularised(self, weight: f64) -> Self {
        Self {
            opacity_regularisation: (f64::from(self.opacity_regularisation) * weight) as f32,
            scale_regularisation: (f64::from(self.scale_regularisation) * weight) as f32,
            ..self
        }
    }

    /// The same step with optical flow, whose gradient is that of velocities or of `all` parameters.
    pub fn with_flow(self, all: bool) -> Self {
        Self { flow_supervision: if all { FLOW_SUPERVISES_ALL } else { FLOW_SUPERVISES_VELOCITY }, ..self }
    }
}

/// The optimiser's moments and compiled kernels.
#[derive(Debug)]
pub struct Optimiser {
    gpu: Gpu,
    update: Variants<Update<'static>>,
    /// Of `update`, besides the lens.
    form: [(&'static str, u32); 3],
    /// By band, from the first beyond the constant one; none where the colour is packed.
    update_sh: Vec<Pipeline<UpdateSh<'static>>>,
    step: Buffer<Step>,
    pub moments: Moments,
}

impl Optimiser {
    /// An optimiser for models of up to `capacity` Gaussians.
    pub fn new(gpu: &Gpu, capacity: usize, sh_degree: u32, form: ModelForm) -> Result<Self, GpuError> {
        Self::with_sink(gpu, capacity, sh_degree, form, false)
    }

    /// An optimiser in full precision that stores the gradient in the first moments and updates nothing: the same
    /// adjoints, to look at.
    pub fn storing_gradients(gpu: &Gpu, capacity: usize, sh_degree: u32, motion: MotionKind) -> Result<Self, GpuError> {
        Self::with_sink(gpu, capacity, sh_degree, ModelForm { motion, packed: false }, true)
    }

    fn with_sink(gpu: &Gpu, capacity: usize, sh_degree: u32, form: ModelForm, store: bool) -> Result<Self, GpuError> {
        let store = u32::from(store);
        let [motion, packed] = form.constants();
        let bands = if form.packed { 0 } else { sh_degree };
        let band = |band| gpu.pipeline::<UpdateSh>(&[("BAND", band), ("STORE_GRADIENT", store)]);
        let mut optimiser = Self {
            gpu: gpu.clone(),
            update: Variants::new(),
            form: [("STORE_GRADIENT", store), motion, packed],
            update_sh: (1..=bands).map(band).collect::<Result<_, _>>()?,
            step: gpu.zeros("view: step", 1)?,
            moments: Moments::zeros(gpu, capacity, sh_degree, form)?,
        };
        optimiser.prepare(LensVariant::PINHOLE)?;
        Ok(optimiser)
    }

    /// Compiles what views through a lens need. The pinhole is always ready.
    pub fn prepare(&mut self, lens: LensVariant) -> Result<(), GpuError> {
        self.update.prepare(&self.gpu, &self.variant(lens))
    }

    fn variant(&self, lens: LensVariant) -> [(&'static str, u32); 4] {
        [self.form[0], self.form[1], self.form[2], lens.constant()]
    }

    /// Sets the constants of the step recorded next.
    pub fn set_step(&self, step: &Step) {
        self.gpu.write(&self.step, 0, &[*step]);
    }

    /// The constants on the device, for other parameters that take part in the step.
    pub fn step(&self) -> &Buffer<Step> {
        &self.step
    }

    /// Records the step of every Gaussian, from the slots that the backward pass has filled.
    pub fn record(&self, recorder: &mut Recorder, model: &Model, frame: &Frame, view: &View) {
        let inputs = frame.buffers();
        recorder.stage("update", |pass| {
            let update = Update {
                view: inputs.view,
                step: &self.step,
                geometry: &model.rows.geometry,
                moments: &self.moments.rows,
                sh: &model.rows.sh,
                splats: inputs.splats,
                slot_gradients: inputs.slot_gradients,
                status: inputs.status,
                motion: &model.rows.motion,
                flow_gradients: inputs.flow_gradients,
            };
            self.update.get(&self.variant(view.lens_variant())).dispatch(pass, &update, view.gaussians);
        });
        recorder.stage("update colour", |pass| {
            for update_sh in self.update_sh.iter().take(view.sh_degree as usize) {
                let update = UpdateSh {
                    step: &self.step,
                    view: inputs.view,
                    splats: inputs.splats,
                    sh: &model.rows.sh.cast(),
                    moment1: &self.moments.sh[0].cast(),
                    moment2: &self.moments.sh[1].cast(),
                    status: inputs.status,
                };
                update_sh.dispatch(pass, &update, view.gaussians.div_ceil(4));
            }
        });
    }
}
