//! The appearance of a photo, between the rendered image and the loss: exposure and white balance, which belong to the
//! camera rather than the scene.
//!
//! Each training photo has an affine transform of display colours. Their mean is the identity after every step, so that
//! the scene keeps the colours that the photos have on average. Where photos agree nothing of this is recorded.

mod found;
pub mod kernels;
mod measure;
pub mod transform;

use std::collections::BTreeMap;

use anyhow::Result;
use glam::{Vec3, Vec4};

use crate::dataset::{Capture, Split};
use crate::gpu::{Buffer, Gpu, GpuError, Pipeline, Recorder};
use crate::render::FrameStatus;

use super::config::{Choice, Config};
use super::loss::{Target, target_kind};
use super::params::Parameters;
use super::run::checkpoint::{Checkpoint, Tensor};
use super::schedule::bias_corrections;
use super::update::Step;
pub use found::Appearances;
pub use kernels::Shown;
use kernels::{BANDS, MeasureAppearance, NUMBERS, ROWS, TransformPass, Transforms};
use measure::{Spread, compare};
use transform::{GAIN_A_STOP, GAINS, Raw};

/// Names of the parameters and of what is measured in a checkpoint.
const NAME: &str = "appearance";
const MEASURED: &str = "appearance.measured";
/// The key of the step from which on transforms are trained, in a checkpoint.
const SINCE: &str = "appearance_since";

/// Range of the exposures that EXIF states, in stops, from which on photos are taken to differ.
const EXIF_STOPS: f64 = 0.2;
/// Epochs after which the photos are compared with what is rendered, at least.
const EPOCHS: u32 = 5;
/// A run of fewer times as many steps is too short for that.
const LEAST_PART: u32 = 2;
/// The learning rate at the end, as a part of the first.
const LAST_RATE: f64 = 0.02;

/// What is done between image and loss.
enum Model {
    Identity,
    /// The image is left as it is, and compared with the photo in the epoch before a step.
    Measured {
        until: u32,
        /// Whether transforms are trained even where photos agree.
        asked_for: bool,
        pass: Box<Pipeline<MeasureAppearance<'static>>>,
        measured: Buffer<Vec4>,
    },
    Trained {
        since: u32,
        pass: Box<TransformPass>,
        parameters: Box<Parameters>,
    },
}

/// The transforms of a capture's training photos, if they have some.
pub struct Appearance {
    gpu: Gpu,
    model: Model,
    settings: Buffer<kernels::Appearance>,
    /// Position of a shot among the training photos.
    photos: BTreeMap<usize, u32>,
    /// Exposures of all shots by EXIF, in stops.
    stops: Vec<Option<f64>>,
    /// Pixels of the largest image, and of the step's.
    most_pixels: usize,
    pixels: u32,
    lr: f64,
    steps: u32,
    step: u32,
}

impl Appearance {
    /// The appearance at the start of a run. `config` has its step constants scaled. Says what was chosen.
    pub fn new(gpu: &Gpu, capture: &Capture, config: &Config) -> Result<Self, GpuError> {
        let train = (0..capture.shots.len()).filter(|&i| capture.shots[i].split == Split::Train);
        let photos: BTreeMap<usize, u32> = train.zip(0..).collect();
        let pixels = |&shot: &usize| {
            let lens = &capture.shots[shot].camera.lens;
            lens.width as usize * lens.height as usize
        };
        let mut appearance = Self {
            gpu: gpu.clone(),
            model: Model::Identity,
            settings: gpu.zeros("view: appearance", 1)?,
            most_pixels: photos.keys().map(pixels).max().unwrap_or(0),
            stops: if config.exposure == Choice::Off { Vec::new() } else { capture.stops() },
            photos,
            pixels: 0,
            lr: config.lr_exposure,
            steps: config.step_count(),
            step: 0,
        };
        appearance.model = appearance.first_model(config)?;
        Ok(appearance)
    }

    fn first_model(&self, config: &Config) -> Result<Model, GpuError> {
        let exif = self.centred_stops();
        let range = exif.as_ref().map_or(0.0, |stops| {
            let most = |sign: f64| stops.iter().map(|stop| sign * stop).fold(0.0, f64::max);
            most(1.0) + most(-1.0)
        });
        let count = self.photos.len() as u32;
        let until = count * EPOCHS.max(config.sh_interval.div_ceil(count.max(1)));
        let short = until == 0 || self.steps < LEAST_PART * until;
        let asked_for = config.exposure == Choice::On;
        let start = |stops: &Vec<f64>| -> Vec<[f64; 3]> { stops.iter().map(|stop| [stop * GAIN_A_STOP; 3]).collect() };
        match &exif {
            _ if config.exposure == Choice::Off => Ok(Model::Identity),
            Some(stops) if asked_for || range > EXIF_STOPS => {
                log::info!(
                    "exposure and white balance of each photo are trained, from exposures that differ by {range:.1} stops by \
                     EXIF (--exposure off takes photos as they are)"
                );
                self.trained(0, &start(stops))
            }
            _ if !short => self.measured(until, asked_for),
            _ if asked_for => self.trained(0, &[]),
            _ => Ok(Model::Identity),
        }
    }

    /// The exposures that EXIF states of the training photos, in stops about their mean; `None` where one states none.
    fn centred_stops(&self) -> Option<Vec<f64>> {
        let stop = |shot: &usize| self.stops.get(*shot).copied().flatten();
        let stops: Vec<f64> = self.photos.keys().map(stop).collect::<Option<_>>()?;
        let mean = stops.iter().sum::<f64>() / stops.len().max(1) as f64;
        Some(stops.into_iter().map(|stop| stop - mean).collect())
    }

    fn measured(&self, until: u32, asked_for: bool) -> Result<Model, GpuError> {
        let pass = Box::new(self.gpu.pipeline::<MeasureAppearance>(&[])?);
        let measured = self.gpu.zeros("view: appearance", self.photos.len() * 2 * BANDS)?;
        Ok(Model::Measured { until, asked_for, pass, measured })
    }

    /// Transforms trained from a step on, that start from logarithmic gains, or from the identity.
    fn trained(&self, since: u32, gains: &[[f64; 3]]) -> Result<Model, GpuError> {
        let mut values = vec![0.0; NUMBERS * self.photos.len()];
        for (raw, gains) in values.chunks_mut(NUMBERS).zip(gains) {
            GAINS.iter().zip(gains).for_each(|(&k, gain)| raw[k] = *gain as f32);
        }
        // The rate is that of the kernel that makes the steps.
        let parameters = Box::new(Parameters::new(&self.gpu, &values, 0.0)?);
        let pass = Box::new(TransformPass::new(&self.gpu, self.most_pixels)?);
        Ok(Model::Trained { since, pass, parameters })
    }

    /// Whether what was measured is to be judged before a step is recorded. All earlier ones must be done.
    pub fn is_judged_at(&self, step: u32) -> bool {
        matches!(self.model, Model::Measured { until, .. } if until == step)
    }

    /// Turns transforms on or measuring off, by what was measured; says which.
    pub fn judge(&mut self) -> Result<()> {
        let Model::Measured { until, asked_for, measured, .. } = &self.model else { return Ok(()) };
        let (until, asked_for, found) = (*until, *asked_for, compare(&self.gpu.read(measured)?));
        let Spread { stops, times_chance } = found.spread;
        log::debug!("exposures differ by {stops:.3} stops, {times_chance:.1} times as much as by chance");
        let differ = found.spread.is_significant();
        self.model = match (differ, asked_for) {
            (true, _) => self.trained(until, &found.gains)?,
            (false, true) => self.trained(until, &[])?,
            (false, false) => Model::Identity,
        };
        let remedy = if asked_for { "" } else { " (--exposure off takes them as they are)" };
        match &self.model {
            Model::Identity => log::info!(
                "exposure and white balance are not trained, since photos agree to {stops:.2} stops in how bright they \
                 show the scene (--exposure on trains them)"
            ),
            _ if differ => log::info!(
                "exposure and white balance of each photo are trained from step {until} on, since photos differ by \
                 {stops:.2} stops in how bright they show the scene{remedy}"
            ),
            _ => {
                log::info!("exposure and white balance of each photo are trained from step {until} on (--exposure on)")
            }
        }
        Ok(())
    }

    /// Sets the photo of the step recorded next, and what is behind the scene.
    pub fn set_photo(&mut self, step: u32, shot: usize, target: &Target, background: Vec3) {
        let since = match &self.model {
            Model::Identity => return,
            Model::Measured { .. } => 0,
            Model::Trained { since, .. } => *since,
        };
        let photos = self.photos.len() as u32;
        self.pixels = target.width * target.height;
        self.step = step;
        let progress = f64::from(step - since) / f64::from((self.steps - since).max(1));
        // Every epoch shows each photo once.
        let [correction1, correction2] = bias_corrections(step / photos - since / photos);
        let settings = kernels::Appearance {
            photo: self.photos.get(&shot).copied().unwrap_or(0),
            photos,
            pixels: self.pixels,
            target_kind: target_kind(target.coverage),
            background: background.extend(0.0),
            lr: (self.lr * LAST_RATE.powf(progress)) as f32,
            correction1,
            correction2,
            unused0: 0.0,
        };
        self.gpu.write(&self.settings, 0, &[settings]);
    }

    /// Records how a rendered image appears. The result is what the loss compares with the target, and where it writes its
    /// gradient.
    pub fn record<'a>(&'a self, recorder: &mut Recorder, rendered: Shown<'a>, target: &Target) -> Shown<'a> {
        match &self.model {
            Model::Identity => rendered,
            Model::Measured { until, pass, measured, .. } => {
                // Of the last epoch alone, which sees each photo once.
                if self.step < *until && self.step + self.photos.len() as u32 >= *until {
                    recorder.stage("appearance", |compute| {
                        let (appearance, image, target_image) = (&self.settings, rendered.image, &target.pixels);
                        let kernel = MeasureAppearance { appearance, image, target_image, measured };
                        pass.dispatch_groups(compute, &kernel, BANDS as u32);
                    });
                }
                rendered
            }
            Model::Trained { pass, parameters, .. } => {
                pass.record(recorder, &self.settings, parameters.values(), rendered.image, self.pixels);
                pass.shown()
            }
        }
    }

    /// Records the way back from the loss's gradient to that of the rendered image, and the step of the parameters.
    pub fn record_backward(
        &self,
        recorder: &mut Recorder,
        rendered: Shown<'_>,
        step: &Buffer<Step>,
        status: &Buffer<FrameStatus>,
    ) {
        if let Model::Trained { pass, parameters, .. } = &self.model {
            let transforms = Transforms { values: parameters.values(), moments: parameters.moments() };
            pass.record_backward(recorder, &self.settings, transforms, rendered, self.pixels, (step, status));
        }
    }

    /// The transforms of all photos; `None` where photos are taken as they are.
    pub fn appearances(&self, capture: &Capture) -> Result<Option<Appearances>> {
        let Model::Trained { parameters, .. } = &self.model else { return Ok(None) };
        let values: Vec<f64> = parameters.download()?.into_iter().map(f64::from).collect();
        let raws = values.as_chunks::<NUMBERS>().0.iter().copied();
        let by_shot: BTreeMap<usize, Raw> = self.photos.keys().copied().zip(raws).collect();
        Ok(Some(Appearances::new(capture, &by_shot, &self.stops)))
    }

    /// Adds what a run goes on from to the tensors and the extra values of a checkpoint.
    pub fn save(&self, tensors: &mut BTreeMap<String, Tensor>, extra: &mut serde_json::Value) -> Result<()> {
        match &self.model {
            Model::Identity => {}
            Model::Measured { measured, .. } => {
                let sums = self.gpu.read(measured)?.iter().flat_map(Vec4::to_array).collect();
                tensors.insert(MEASURED.into(), Tensor::f32(&[self.photos.len(), BANDS, 8], sums));
            }
            Model::Trained { since, parameters, .. } => {
                parameters.save(tensors, NAME)?;
                extra[SINCE] = (*since).into();
            }
        }
        Ok(())
    }

    /// Takes from a checkpoint what [`Appearance::save`] put there.
    ///
    /// # Errors
    /// Tensors of another length.
    pub fn restore(&mut self, checkpoint: &Checkpoint) -> Result<()> {
        if let Some(since) = checkpoint.extra[SINCE].as_u64() {
            if !matches!(self.model, Model::Trained { .. }) {
                self.model = self.trained(0, &[])?;
            }
            if let Model::Trained { since: own, parameters, .. } = &mut self.model {
                *own = since as u32;
                parameters.restore(checkpoint, NAME)?;
            }
        } else if checkpoint.tensors.contains_key(MEASURED) {
            let sums = checkpoint.f32(MEASURED, &[self.photos.len(), BANDS, 8])?;
            if let Model::Measured { measured, .. } = &self.model {
                self.gpu.write(&measured.cast(), 0, sums);
            }
        } else {
            self.model = Model::Identity;
        }
        Ok(())
    }
}

const _: () = assert!(4 * ROWS == NUMBERS);
