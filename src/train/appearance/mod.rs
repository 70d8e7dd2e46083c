//! The appearance of a photo, between the rendered image and the loss: exposure, white balance and vignetting, which belong
//! to the camera rather than the scene.
//!
//! Each training photo has an affine transform of display colours. Their mean is the identity after every step, so that
//! the scene keeps the colours that the photos have on average. Each lens has three coefficients of vignetting, which leave
//! the middle of its images as it is. Where photos agree nothing of this is recorded.

mod found;
pub mod kernels;
mod measure;
pub mod transform;
mod vignetting;

use std::collections::BTreeMap;

use anyhow::Result;
use glam::{Vec3, Vec4};

use crate::camera::Lens;
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
use kernels::{BANDS, MeasureAppearance, NUMBERS, RINGS, ROWS, TransformPass, Transforms};
use measure::{Spread, compare};
use transform::{GAIN_A_STOP, GAINS, Raw, Vignetting};
use vignetting::{Falloff, falloff, lenses};

/// Names of the parameters and of what is measured in a checkpoint.
const NAME: &str = "appearance";
const MEASURED: &str = "appearance.measured";
/// The keys of the steps from which on exposures and vignetting are trained, in a checkpoint.
const SINCE: &str = "appearance_since";
const LENS_SINCE: &str = "vignetting_since";

/// Range of the exposures that EXIF states, in stops, from which on photos are taken to differ.
const EXIF_STOPS: f64 = 0.2;
/// Epochs after which the photos are compared with what is rendered, at least.
const EPOCHS: u32 = 5;
/// A run of fewer times as many steps is too short for that.
const LEAST_PART: u32 = 2;
/// The learning rate at the end, as a part of the first.
const LAST_RATE: f64 = 0.02;
/// The learning rate of vignetting, which every step teaches, as a part of that of exposures.
const LENS_RATE: f64 = 0.1;

/// Looks at photos and renders in the epoch before a step, to know whether they differ.
struct Measuring {
    until: u32,
    pass: Box<Pipeline<MeasureAppearance<'static>>>,
    measured: Buffer<Vec4>,
}

/// What is trained, from the step on that is said.
struct Trained {
    exposure: Option<u32>,
    vignetting: Option<u32>,
    pass: Box<TransformPass>,
    /// `[photos][NUMBERS]`, then `[lenses][4]`.
    parameters: Box<Parameters>,
}

/// What is taken for the appearance of a capture's training photos, if anything is.
pub struct Appearance {
    gpu: Gpu,
    exposure: Choice,
    vignetting: Choice,
    measuring: Option<Measuring>,
    trained: Option<Trained>,
    settings: Buffer<kernels::Appearance>,
    /// Position of a shot among the training photos.
    photos: BTreeMap<usize, u32>,
    /// `[shots]` the lens of each, and the number of lenses.
    lenses: Vec<u32>,
    lens_count: u32,
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
        let (lenses, lens_count) = lenses(capture);
        let mut appearance = Self {
            gpu: gpu.clone(),
            exposure: config.exposure,
            vignetting: config.vignetting,
            measuring: None,
            trained: None,
            settings: gpu.zeros("view: appearance", 1)?,
            most_pixels: photos.keys().map(pixels).max().unwrap_or(0),
            stops: if config.exposure == Choice::Off { Vec::new() } else { capture.stops() },
            photos,
            lenses,
            lens_count,
            pixels: 0,
            lr: config.lr_exposure,
            steps: config.step_count(),
            step: 0,
        };
        appearance.begin(config)?;
        Ok(appearance)
    }

    /// Trains from the first step on what is known to be there, and measures the rest where the run is long enough.
    fn begin(&mut self, config: &Config) -> Result<(), GpuError> {
        let exif = self.centred_stops();
        let range = exif.as_ref().map_or(0.0, |stops| {
            let most = |sign: f64| stops.iter().map(|stop| sign * stop).fold(0.0, f64::max);
            most(1.0) + most(-1.0)
        });
        let count = self.photos.len() as u32;
        let until = count * EPOCHS.max(config.sh_interval.div_ceil(count.max(1)));
        let short = until == 0 || self.steps < LEAST_PART * until;
        let start = |stops: &Vec<f64>| -> Vec<[f64; 3]> { stops.iter().map(|stop| [stop * GAIN_A_STOP; 3]).collect() };
        let by_exif = exif.as_ref().filter(|_| self.exposure == Choice::On || range > EXIF_STOPS);
        if let Some(stops) = by_exif {
            log::info!(
                "exposure and white balance of each photo are trained, from exposures that differ by {range:.1} stops by \
                 EXIF (--exposure off takes photos as they are)"
            );
            self.train_exposure(0, &start(stops))?;
        } else if short && self.exposure == Choice::On {
            self.train_exposure(0, &[])?;
        }
        if short && self.vignetting == Choice::On {
            self.train_vignetting(0, 0.0)?;
        }
        let open = (self.exposure != Choice::Off && by_exif.is_none()) || self.vignetting != Choice::Off;
        if open && !short {
            let pass = Box::new(self.gpu.pipeline::<MeasureAppearance>(&[])?);
            let measured = self.gpu.zeros("view: appearance", self.photos.len() * 2 * (BANDS + RINGS))?;
            self.measuring = Some(Measuring { until, pass, measured });
        }
        Ok(())
    }

    /// The exposures that EXIF states of the training photos, in stops about their mean; `None` where one states none.
    fn centred_stops(&self) -> Option<Vec<f64>> {
        let stop = |shot: &usize| self.stops.get(*shot).copied().flatten();
        let stops: Vec<f64> = self.photos.keys().map(stop).collect::<Option<_>>()?;
        let mean = stops.iter().sum::<f64>() / stops.len().max(1) as f64;
        Some(stops.into_iter().map(|stop| stop - mean).collect())
    }

    /// What is trained, all at the identity where nothing is yet.
    fn trained(&mut self) -> Result<&mut Trained, GpuError> {
        if self.trained.is_none() {
            let values = vec![0.0; NUMBERS * self.photos.len() + 4 * self.lens_count as usize];
            // The rate is that of the kernel that makes the steps.
            let parameters = Box::new(Parameters::new(&self.gpu, &values, 0.0)?);
            let pass = Box::new(TransformPass::new(&self.gpu, self.most_pixels)?);
            self.trained = Some(Trained { exposure: None, vignetting: None, pass, parameters });
        }
        Ok(self.trained.as_mut().expect("made above"))
    }

    /// Trains exposures from a step on, from logarithmic gains, or from the identity.
    fn train_exposure(&mut self, since: u32, gains: &[[f64; 3]]) -> Result<(), GpuError> {
        let mut values = vec![0.0_f32; NUMBERS * self.photos.len()];
        for (raw, gains) in values.chunks_mut(NUMBERS).zip(gains) {
            GAINS.iter().zip(gains).for_each(|(&k, gain)| raw[k] = *gain as f32);
        }
        let gpu = self.gpu.clone();
        let trained = self.trained()?;
        trained.exposure = Some(since);
        gpu.write(&trained.parameters.values().cast(), 0, &values);
        Ok(())
    }

    /// Trains vignetting from a step on, from the slope of the logarithmic gain.
    fn train_vignetting(&mut self, since: u32, slope: f64) -> Result<(), GpuError> {
        let rows = vec![Vec4::X * slope as f32; self.lens_count as usize];
        let (gpu, first) = (self.gpu.clone(), self.lens_row(0) as usize);
        let trained = self.trained()?;
        trained.vignetting = Some(since);
        gpu.write(trained.parameters.values(), first, &rows);
        Ok(())
    }

    /// The row of a lens among the values.
    fn lens_row(&self, lens: u32) -> u32 {
        ROWS as u32 * self.photos.len() as u32 + lens
    }

    /// Whether what was measured is to be judged before a step is recorded. All earlier ones must be done.
    pub fn is_judged_at(&self, step: u32) -> bool {
        self.measuring.as_ref().is_some_and(|measuring| measuring.until == step)
    }

    /// Trains from now on what differs by what was measured; says what.
    pub fn judge(&mut self) -> Result<()> {
        let Some(Measuring { until, measured, .. }) = self.measuring.take() else { return Ok(()) };
        let measured = self.gpu.read(&measured)?;
        let exposed = self.trained.as_ref().is_some_and(|trained| trained.exposure.is_some());
        if self.exposure != Choice::Off && !exposed {
            self.judge_exposure(until, &measured)?;
        }
        if self.vignetting != Choice::Off {
            self.judge_vignetting(until, falloff(&measured))?;
        }
        Ok(())
    }

    fn judge_exposure(&mut self, until: u32, measured: &[Vec4]) -> Result<()> {
        let found = compare(measured);
        let Spread { stops, times_chance } = found.spread;
        log::debug!("exposures differ by {stops:.3} stops, {times_chance:.1} times as much as by chance");
        let (asked_for, differ) = (self.exposure == Choice::On, found.spread.is_significant());
        let remedy = if asked_for { "" } else { " (--exposure off takes them as they are)" };
        if differ {
            log::info!(
                "exposure and white balance of each photo are trained from step {until} on, since photos differ by \
                 {stops:.2} stops in how bright they show the scene{remedy}"
            );
            self.train_exposure(until, &found.gains)?;
        } else if asked_for {
            log::info!("exposure and white balance of each photo are trained from step {until} on (--exposure on)");
            self.train_exposure(until, &[])?;
        } else {
            log::info!(
                "exposure and white balance are not trained, since photos agree to {stops:.2} stops in how bright they \
                 show the scene (--exposure on trains them)"
            );
        }
        Ok(())
    }

    fn judge_vignetting(&mut self, until: u32, found: Falloff) -> Result<()> {
        let stops = found.stops();
        log::debug!(
            "towards the corners photos lose {stops:.3} stops, {:.1} standard errors",
            -found.slope / found.error
        );
        if found.is_significant() {
            log::info!(
                "vignetting is trained from step {until} on, since photos are {stops:.2} stops darker in their corners than \
                 the scene is (--vignetting off takes them as they are)"
            );
            self.train_vignetting(until, found.slope)?;
        } else if self.vignetting == Choice::On {
            log::info!("vignetting is trained from step {until} on (--vignetting on)");
            self.train_vignetting(until, 0.0)?;
        }
        Ok(())
    }

    /// Sets the photo of the step recorded next, with its lens, and what is behind the scene.
    pub fn set_photo(&mut self, step: u32, shot: usize, lens: &Lens, target: &Target, background: Vec3) {
        if self.trained.is_none() && self.measuring.is_none() {
            return;
        }
        let (photos, lens) = (self.photos.len() as u32, lens.resized(target.width, target.height));
        (self.pixels, self.step) = (target.width * target.height, step);
        let rate = |since: u32| {
            let progress = f64::from(step - since) / f64::from((self.steps - since).max(1));
            (self.lr * LAST_RATE.powf(progress)) as f32
        };
        let mut settings = kernels::Appearance {
            photo: self.photos.get(&shot).copied().unwrap_or(0),
            photos,
            pixels: self.pixels,
            width: target.width,
            target_kind: target_kind(target.coverage),
            background: background.extend(0.0),
            axis_x: lens.principal.x as f32,
            axis_y: lens.principal.y as f32,
            reach: (1.0 / lens.corner_squared()) as f32,
            ..kernels::Appearance::default()
        };
        if let Some(since) = self.trained.as_ref().and_then(|trained| trained.exposure) {
            settings.lr = rate(since);
            // Every epoch shows each photo once.
            [settings.correction1, settings.correction2] = bias_corrections(step / photos - since / photos);
        }
        if let Some(since) = self.trained.as_ref().and_then(|trained| trained.vignetting) {
            settings.lens = self.lens_row(self.lenses[shot]);
            settings.lens_lr = LENS_RATE as f32 * rate(since);
            [settings.lens_correction1, settings.lens_correction2] = bias_corrections(step - since);
        }
        self.gpu.write(&self.settings, 0, &[settings]);
    }

    /// Records how a rendered image appears. The result is what the loss compares with the target, and where it writes its
    /// gradient.
    pub fn record<'a>(&'a self, recorder: &mut Recorder, rendered: Shown<'a>, target: &Target) -> Shown<'a> {
        if let Some(Measuring { until, pass, measured }) = &self.measuring {
            // Of the last epoch alone, which sees each photo once.
            if self.step < *until && self.step + self.photos.len() as u32 >= *until {
                recorder.stage("appearance", |compute| {
                    let (appearance, image, target_image) = (&self.settings, rendered.image, &target.pixels);
                    let kernel = MeasureAppearance { appearance, image, target_image, measured };
                    pass.dispatch_groups(compute, &kernel, (BANDS + RINGS) as u32);
                });
            }
        }
        let Some(Trained { pass, parameters, .. }) = &self.trained else { return rendered };
        pass.record(recorder, &self.settings, parameters.values(), rendered.image, self.pixels);
        pass.shown()
    }

    /// Records the way back from the loss's gradient to that of the rendered image, and the step of the parameters.
    pub fn record_backward(
        &self,
        recorder: &mut Recorder,
        rendered: Shown<'_>,
        step: &Buffer<Step>,
        status: &Buffer<FrameStatus>,
    ) {
        if let Some(Trained { pass, parameters, .. }) = &self.trained {
            let transforms = Transforms { values: parameters.values(), moments: parameters.moments() };
            pass.record_backward(recorder, &self.settings, transforms, rendered, self.pixels, (step, status));
        }
    }

    /// The transforms of all photos; `None` where photos are taken as they are.
    pub fn appearances(&self, capture: &Capture) -> Result<Option<Appearances>> {
        let Some(Trained { parameters, .. }) = &self.trained else { return Ok(None) };
        let values: Vec<f64> = parameters.download()?.into_iter().map(f64::from).collect();
        let (photos, lenses) = values.split_at(NUMBERS * self.photos.len());
        let raws = photos.as_chunks::<NUMBERS>().0.iter().copied();
        let by_shot: BTreeMap<usize, Raw> = self.photos.keys().copied().zip(raws).collect();
        let vignetting = |shot: usize| -> Vignetting {
            let first = 4 * self.lenses[shot] as usize;
            std::array::from_fn(|i| lenses[first + i])
        };
        Ok(Some(Appearances::new(capture, &by_shot, &self.stops, vignetting)))
    }

    /// Adds what a run goes on from to the tensors and the extra values of a checkpoint.
    pub fn save(&self, tensors: &mut BTreeMap<String, Tensor>, extra: &mut serde_json::Value) -> Result<()> {
        if let Some(Measuring { measured, .. }) = &self.measuring {
            let sums = self.gpu.read(measured)?.iter().flat_map(Vec4::to_array).collect();
            tensors.insert(MEASURED.into(), Tensor::f32(&[self.photos.len(), BANDS + RINGS, 8], sums));
        }
        if let Some(Trained { exposure, vignetting, parameters, .. }) = &self.trained {
            parameters.save(tensors, NAME)?;
            exposure.iter().for_each(|since| extra[SINCE] = (*since).into());
            vignetting.iter().for_each(|since| extra[LENS_SINCE] = (*since).into());
        }
        Ok(())
    }

    /// Takes from a checkpoint what [`Appearance::save`] put there.
    ///
    /// # Errors
    /// Tensors of another length.
    pub fn restore(&mut self, checkpoint: &Checkpoint) -> Result<()> {
        let since = |key: &str| checkpoint.extra[key].as_u64().map(|step| step as u32);
        let (exposure, vignetting) = (since(SINCE), since(LENS_SINCE));
        if exposure.is_some() || vignetting.is_some() {
            let trained = self.trained()?;
            (trained.exposure, trained.vignetting) = (exposure, vignetting);
            trained.parameters.restore(checkpoint, NAME)?;
        } else {
            self.trained = None;
        }
        if !checkpoint.tensors.contains_key(MEASURED) {
            self.measuring = None;
        } else if let Some(Measuring { measured, .. }) = &self.measuring {
            let sums = checkpoint.f32(MEASURED, &[self.photos.len(), BANDS + RINGS, 8])?;
            self.gpu.write(&measured.cast(), 0, sums);
        }
        Ok(())
    }
}

const _: () = assert!(4 * ROWS == NUMBERS);
