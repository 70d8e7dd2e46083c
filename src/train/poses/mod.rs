//! Refinement of the training photos' poses, on request: photos of structure from motion are off by fractions of a degree.
//!
//! Each training photo has a small turn and shift with Adam moments of its own, bounded, and without what all cameras
//! would share. A held-out camera is aligned by its own photo, with the scene as it is, before it is measured.

pub mod correction;
mod found;

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use glam::DVec3;

use crate::camera::{Camera, Pose};
use crate::dataset::{Capture, Split};
use crate::gpu::{Gpu, GpuError, Recorder};
use crate::model::{Model, ModelForm};
use crate::render::{CameraBackward, CameraGradient, Frame, LensVariant, View};
use crate::scene::Normalisation;

use super::config::Config;
use super::run::checkpoint::{Checkpoint, Tensor};
use correction::{Correction, NUMBERS, without_common_move};

pub use found::{Moved, Poses};

/// Names in a checkpoint.
const NAME: &str = "poses";
const MOMENT1: &str = "poses.moment1";
const MOMENT2: &str = "poses.moment2";

/// The learning rate at the end, as a part of the first.
const LAST_RATE: f64 = 0.01;
/// Steps of the alignment of a held-out camera, and its first rate; radians and units of the cameras' reach.
pub const ALIGNMENT_STEPS: u32 = 40;
const ALIGNMENT_RATE: f64 = 2e-3;

/// Adam's decays, and its epsilon, which is far below any gradient of a loss that is a mean over pixels.
const BETA1: f64 = 0.9;
const BETA2: f64 = 0.99;
const EPSILON: f64 = 1e-12;

/// A correction in training, with its moments: of turn and shift the mean gradient, and the mean of its squared length,
/// so that a step goes along the gradient.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Trained {
    value: [f32; NUMBERS],
    moment1: [f32; NUMBERS],
    moment2: [f32; 2],
}

impl Trained {
    /// A step with a rate, the photo having been seen `seen` times before.
    fn step(&mut self, gradient: [DVec3; 2], rate: f64, seen: u32) {
        let correct = |beta: f64| 1.0 / (1.0 - beta.powi(seen as i32 + 1));
        let value = Correction::from_row(&self.value);
        let mut moved = [value.turn, value.shift];
        let earlier = Correction::from_row(&self.moment1);
        let mut moments = [earlier.turn, earlier.shift];
        for (i, gradient) in gradient.into_iter().enumerate() {
            if !gradient.is_finite() {
                continue;
            }
            moments[i] = BETA1 * moments[i] + (1.0 - BETA1) * gradient;
            let square = BETA2 * f64::from(self.moment2[i]) + (1.0 - BETA2) * gradient.length_squared();
            self.moment2[i] = square as f32;
            moved[i] -= rate * correct(BETA1) * moments[i] / ((correct(BETA2) * square).sqrt() + EPSILON);
        }
        self.moment1 = Correction { turn: moments[0], shift: moments[1] }.to_row();
        self.value = Correction { turn: moved[0], shift: moved[1] }.bounded().to_row();
    }
}

/// The refinement of a run's poses.
pub struct Refinement {
    backward: CameraBackward,
    /// The training shots, in order, with their poses in the frame of training.
    shots: Vec<usize>,
    poses: Vec<Pose>,
    trained: Vec<Trained>,
    since: u32,
    steps: u32,
    rate: f64,
}

impl Refinement {
    /// The refinement at the start of a run; `None` where it is not asked for. `config` has its step constants scaled.
    pub fn new(gpu: &Gpu, capture: &Capture, config: &Config, form: ModelForm) -> Result<Option<Self>, GpuError> {
        if !config.refine_poses {
            return Ok(None);
        }
        let shots: Vec<usize> = (0..capture.shots.len()).filter(|&i| capture.shots[i].split == Split::Train).collect();
        let lenses = || capture.shots.iter().map(|shot| &shot.camera.lens);
        let pixels = lenses().map(|lens| lens.width as usize * lens.height as usize).max().unwrap_or(0);
        let mut backward = CameraBackward::new(gpu, config.cap(), pixels)?;
        for lens in LensVariant::distinct(lenses()) {
            backward.prepare_for(form, lens)?;
        }
        Ok(Some(Self {
            backward,
            poses: Vec::new(),
            trained: vec![Trained::default(); shots.len()],
            shots,
            since: config.refine_start,
            steps: config.step_count(),
            rate: config.lr_pose,
        }))
    }

    /// Takes the poses of the capture into the frame of training, which is known by now.
    pub fn set_frame(&mut self, capture: &Capture, frame: &Normalisation) {
        self.poses = self.shots.iter().map(|&shot| frame.camera(capture.shots[shot].camera).pose).collect();
    }

    /// Whether a step moves its photo's camera.
    pub fn is_due(&self, step: u32) -> bool {
        step >= self.since
    }

    /// A training camera where it is by now, in the frame of training; others are as they were.
    pub fn camera(&self, shot: usize, camera: Camera) -> Camera {
        match self.shots.binary_search(&shot) {
            Ok(photo) => {
                Camera { pose: Correction::from_row(&self.trained[photo].value).apply(&camera.pose), ..camera }
            }
            Err(_) => camera,
        }
    }

    /// Records the gradient by the pose of the view, after the renderer's backward pass and before the optimiser.
    pub fn record(&self, recorder: &mut Recorder, model: &Model, frame: &Frame, view: &View) {
        self.backward.record(recorder, model, frame, view);
    }

    /// The gradient recorded last.
    pub fn gradient(&self) -> Result<CameraGradient, GpuError> {
        self.backward.read()
    }

    /// Moves the camera of a step that is done.
    pub fn update(&mut self, step: u32, shot: usize) -> Result<()> {
        let Ok(photo) = self.shots.binary_search(&shot) else { return Ok(()) };
        let CameraGradient { omega, tau, .. } = self.backward.read()?;
        let progress = f64::from(step - self.since) / f64::from((self.steps - self.since).max(1));
        let rate = self.rate * LAST_RATE.powf(progress);
        // Every epoch shows each photo once.
        let count = self.shots.len() as u32;
        let seen = step / count - self.since / count;
        let now = Correction::from_row(&self.trained[photo].value);
        let gradient = now.gradient(&self.poses[photo], omega, tau);
        self.trained[photo].step(gradient, rate, seen);
        let mut corrections: Vec<Correction> =
            self.trained.iter().map(|trained| Correction::from_row(&trained.value)).collect();
        without_common_move(&mut corrections, &self.poses);
        self.trained.iter_mut().zip(corrections).for_each(|(trained, now)| trained.value = now.to_row());
        Ok(())
    }

    /// Adds what a run goes on from to the tensors of a checkpoint.
    pub fn save(&self, tensors: &mut BTreeMap<String, Tensor>) {
        let count = self.trained.len();
        let mut put = |name: &str, width: usize, values: Vec<f32>| {
            tensors.insert(name.into(), Tensor::f32(&[count, width], values));
        };
        put(NAME, NUMBERS, self.trained.iter().flat_map(|trained| trained.value).collect());
        put(MOMENT1, NUMBERS, self.trained.iter().flat_map(|trained| trained.moment1).collect());
        put(MOMENT2, 2, self.trained.iter().flat_map(|trained| trained.moment2).collect());
    }

    /// Takes from a checkpoint what [`Refinement::save`] put there.
    ///
    /// # Errors
    /// Tensors that are absent or of another length.
    pub fn restore(&mut self, checkpoint: &Checkpoint) -> Result<()> {
        let count = self.trained.len();
        let values = checkpoint.f32(NAME, &[count, NUMBERS])?.as_chunks::<NUMBERS>().0;
        let first = checkpoint.f32(MOMENT1, &[count, NUMBERS])?.as_chunks::<NUMBERS>().0;
        let second = checkpoint.f32(MOMENT2, &[count, 2])?.as_chunks::<2>().0;
        ensure!(values.len() == first.len() && first.len() == second.len(), "the checkpoint's poses are damaged");
        let rows = values.iter().zip(first).zip(second);
        self.trained = rows
            .map(|((value, moment1), moment2)| Trained { value: *value, moment1: *moment1, moment2: *moment2 })
            .collect();
        Ok(())
    }
}

/// The alignment of one camera to its photo, the scene being as it is.
pub struct Alignment {
    from: Camera,
    trained: Trained,
    step: u32,
    /// The least loss so far, and the correction that had it.
    best: (f64, [f32; NUMBERS]),
}

impl Alignment {
    /// Of a camera in the frame of training.
    pub fn new(from: Camera) -> Self {
        Self { from, trained: Trained::default(), step: 0, best: (f64::INFINITY, [0.0; NUMBERS]) }
    }

    pub fn is_done(&self) -> bool {
        self.step > ALIGNMENT_STEPS
    }

    /// The camera to render next.
    pub fn camera(&self) -> Camera {
        Camera { pose: Correction::from_row(&self.trained.value).apply(&self.from.pose), ..self.from }
    }

    /// Takes the loss of the camera and its gradient.
    pub fn take(&mut self, loss: f64, gradient: CameraGradient) {
        if loss < self.best.0 {
            self.best = (loss, self.trained.value);
        }
        let now = Correction::from_row(&self.trained.value);
        let rate = ALIGNMENT_RATE * LAST_RATE.powf(f64::from(self.step) / f64::from(ALIGNMENT_STEPS));
        self.trained.step(now.gradient(&self.from.pose, gradient.omega, gradient.tau), rate, self.step);
        self.step += 1;
    }

    /// The camera with the least loss.
    pub fn best(&self) -> Camera {
        Camera { pose: Correction::from_row(&self.best.1).apply(&self.from.pose), ..self.from }
    }
}
