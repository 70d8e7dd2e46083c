//! A run in progress: the trainer, its folder, and what is due after each step. The command line and the window drive the
//! same session.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::dataset::{Capture, FlowChoice, Shot, Split};
use crate::gpu::{Gpu, GpuError};
use crate::image::png::{save_png, to_image};
use crate::model::Model;
use crate::scene::{Normalisation, Scene};

use crate::train::budget::budgeted;
use crate::train::config::Config;
use crate::train::evaluate::{Mean, View, evaluate, shots_of};
use crate::train::motion_scores::Flicker;
use crate::train::trainer::{Statistics, Trainer};

use super::checkpoint::Checkpoint;
use super::folder::{REPORT, Record, RunFolder, picture_names};
use super::manifest::{self, Manifest, Sitting, scene_file};
use super::report::{Facts, Film, Gallery, html};

/// Training views that the report shows where none is held out.
const FALLBACK_VIEWS: usize = 8;
/// Steps between statistics that are reported and not recorded: reading them makes the device wait.
const STATISTICS_EVERY: u32 = 50;

/// Bytes that the largest buffer of a step has for each pixel: a plane of the loss.
const BYTES_A_PIXEL: u64 = 3 * 16;

/// The mean over views; `None` without any.
fn mean_of(views: &[View]) -> Option<Mean> {
    (!views.is_empty()).then(|| Mean::of(views))
}

/// The options of a run to start or resume, and its checkpoint.
pub struct Start {
    pub out: PathBuf,
    pub config: Config,
    pub checkpoint: Option<Checkpoint>,
    /// Whether the folder holds the run already.
    pub resumes: bool,
}

impl Start {
    /// A new run.
    ///
    /// # Errors
    /// Options that contradict each other, or a folder that holds a run already.
    pub fn fresh(out: PathBuf, config: Config) -> Result<Self> {
        RunFolder::check_free(&out)?;
        config.validate()?;
        Ok(Self { out, config, checkpoint: None, resumes: false })
    }

    /// The run in a folder, from its checkpoint on if it came that far.
    ///
    /// # Errors
    /// A folder without a run, or one whose files cannot be read.
    pub fn resumed(out: PathBuf) -> Result<Self> {
        let (config, checkpoint) = RunFolder::read(&out)?;
        config.validate()?;
        Ok(Self { out, config, checkpoint, resumes: true })
    }

    /// Reads the capture, chooses what the options leave to it, and makes the trainer and the run's folder.
    ///
    /// # Errors
    /// Those of [`Capture::open`], [`Trainer::new`] and [`RunFolder`].
    pub fn open(self, gpu: &Gpu) -> Result<Session> {
        let Self { out, config, checkpoint, resumes } = self;
        let capture = Capture::open(&config.capture, &config.capture_options())?;
        let (capture, config) = if resumes { (capture, config) } else { within(gpu, capture, config)? };
        let facts = capture.facts();
        facts.lines().iter().for_each(|line| log::info!("{line}"));
        if config.resolved(facts.transparent) != config {
            log::info!(
                "the background is of a new random colour at each step, so that they become solid (--background)"
            );
        }
        if let Some(line) = config.paths_line(&capture) {
            log::info!("{line}");
        }
        facts.warnings[capture.warnings.len()..].iter().for_each(|line| log::warn!("{line}"));
        let capture = Arc::new(capture);
        let config = budgeted(&config, &capture)?;
        let step = checkpoint.as_ref().map_or(0, |checkpoint| checkpoint.step);
        let trainer = match checkpoint {
            Some(checkpoint) => {
                let trainer = Trainer::resume(gpu, capture.clone(), checkpoint);
                trainer.with_context(|| format!("cannot resume {}", out.display()))?
            }
            None => Trainer::new(gpu, capture.clone(), config.clone())
                .map_err(|error| with_fitting_cap(error, config.cap()))?,
        };
        // The folder last: a run that cannot start leaves none behind.
        let run = if resumes { RunFolder::open(&out, step)? } else { RunFolder::create(&out, &config)? };
        let shift = trainer.capture().shift;
        if shift != glam::DVec3::ZERO {
            run.write_shift(shift)?;
        }
        if resumes {
            run.write_config(&config)?;
        }
        let manifest = account(&out, &config, &capture, Sitting::now(gpu, trainer.step_index())?)?;
        Ok(Session::new(config, gpu.clone(), trainer, (run, manifest)))
    }
}

/// Says how many Gaussians would fit, where their buffers exceed a limit of the adapter.
fn with_fitting_cap(error: anyhow::Error, cap: usize) -> anyhow::Error {
    let fitting = match error.downcast_ref() {
        Some(GpuError::TooLarge { buffer, bytes, value, .. })
            if buffer.starts_with("gaussians: ") || buffer.starts_with("moments: ") =>
        {
            (cap as u128 * u128::from(*value) / u128::from((*bytes).max(1))) as usize
        }
        _ => return error,
    };
    error.context(format!("--cap-max {cap} is more than the adapter holds, and about {fitting} would fit"))
}

/// The account of a run that starts, or goes on: it says where that is on another adapter or by another program.
fn account(out: &Path, config: &Config, capture: &Capture, sitting: Sitting) -> Result<Manifest> {
    let (step, inputs) = (sitting.from_step, manifest::inputs(capture, config)?);
    let manifest = match Manifest::read(out)? {
        Some(mut earlier) => {
            let differences = earlier.go_on(config.clone(), sitting, step);
            if !differences.is_empty() && step > 0 {
                log::warn!("{}: the bytes will differ from those of a run of one piece", differences.join("; "));
            }
            let changed = earlier.inputs.iter().zip(&inputs).find(|(old, new)| old != new);
            if let Some((_, new)) = changed.filter(|_| step > 0) {
                log::warn!("the {} {} is not what the run was trained on so far", new.kind, new.name);
            }
            Manifest { inputs, ..earlier }
        }
        None => Manifest::new(config.clone(), sitting, inputs),
    };
    manifest.write(out)?;
    Ok(manifest)
}

/// The capture and options with photos reduced to what the device can hold, where --max-resolution does not say a size.
fn within(gpu: &Gpu, capture: Capture, config: Config) -> Result<(Capture, Config)> {
    let most = gpu.largest_buffer() / BYTES_A_PIXEL;
    let pixels = |shot: &&Shot| u64::from(shot.camera.lens.width) * u64::from(shot.camera.lens.height);
    let Some(largest) = capture.shots.iter().max_by_key(pixels) else { return Ok((capture, config)) };
    if config.max_resolution.is_some() || pixels(&largest) <= most {
        return Ok((capture, config));
    }
    let (width, height) = (largest.camera.lens.width, largest.camera.lens.height);
    let reduced = (f64::from(width.max(height)) * (most as f64 / pixels(&largest) as f64).sqrt()) as u32;
    log::warn!(
        "photos of {width} x {height} are above what {} holds in one buffer; they are reduced to {reduced} pixels, as by \
         --max-resolution {reduced}",
        gpu.info().name
    );
    let config = Config { max_resolution: Some(reduced), ..config };
    Ok((Capture::open(&config.capture, &config.capture_options())?, config))
}

/// Something that happened in a run.
#[derive(Clone, Copy, Debug)]
pub enum Event {
    /// The run is about to start or go on, up to so many steps.
    Opened(u32),
    Statistics(Statistics),
    /// Means over the held-out views after a number of steps.
    Evaluated(u32, Mean),
    /// Scene and checkpoint were written after a number of steps.
    Saved(u32),
}

/// A run in progress.
pub struct Session {
    config: Config,
    capture: Arc<Capture>,
    gpu: Gpu,
    trainer: Trainer,
    run: RunFolder,
    manifest: Manifest,
    held_out: Vec<usize>,
    /// Time of training and evaluation before `since`; a pause does not count.
    spent: Duration,
    since: Option<Instant>,
    /// Whether values that are not finite have been reported, and that no held-out view can be compared.
    warned: bool,
    unmeasured: bool,
}

impl Session {
    fn new(config: Config, gpu: Gpu, trainer: Trainer, (run, manifest): (RunFolder, Manifest)) -> Self {
        let capture = trainer.capture().clone();
        let held_out = shots_of(&capture, Split::Test);
        let earlier = run.records().last().map_or(0.0, |record| record.seconds);
        let spent = Duration::try_from_secs_f64(earlier).unwrap_or_default();
        let since = Some(Instant::now());
        let (warned, unmeasured) = (false, false);
        Self { config, capture, gpu, trainer, run, manifest, held_out, spent, since, warned, unmeasured }
    }

    pub fn config(&self) -> &Config {
        &self.config
    }

    pub fn capture(&self) -> &Arc<Capture> {
        &self.capture
    }

    /// Steps submitted.
    pub fn step_index(&self) -> u32 {
        self.trainer.step_index()
    }

    pub fn is_done(&self) -> bool {
        self.trainer.step_index() >= self.config.step_count()
    }

    /// The run's folder, or a file in it.
    pub fn path(&self, file: &str) -> PathBuf {
        self.run.path(file)
    }

    /// Records so far, in order of their steps.
    pub fn records(&self) -> &[Record] {
        self.run.records()
    }

    /// The model as it is trained, on the device, and the frame that it is in.
    pub fn shared_model(&self) -> (Model, Normalisation) {
        self.trainer.shared_model()
    }

    /// Gaussians that the model has room for without another memory.
    pub fn capacity(&self) -> usize {
        self.trainer.capacity()
    }

    /// The scene as it is now, in the capture's frame.
    pub fn scene(&mut self) -> Result<Scene> {
        self.trainer.scene()
    }

    /// Waits until the submitted steps are done; the number of Gaussians then.
    pub fn wait(&mut self) -> Result<usize> {
        self.trainer.wait()
    }

    /// Stops or starts the clock of the run.
    pub fn pause(&mut self, paused: bool) {
        self.spent = self.spent_now();
        self.since = (!paused).then(Instant::now);
    }

    fn spent_now(&self) -> Duration {
        self.spent + self.since.map_or(Duration::ZERO, |since| since.elapsed())
    }

    /// Does a step and what is due after it; the last step's evaluation comes with [`Session::finish`].
    pub fn advance(&mut self, on_event: &mut dyn FnMut(Event)) -> Result<()> {
        self.trainer.step()?;
        let step = self.trainer.step_index();
        if step < self.config.step_count() {
            self.look(step, on_event)?;
            if self.config.saves_at(step) {
                self.save(on_event)?;
            }
        }
        Ok(())
    }

    /// Statistics and evaluation, where they are due. What is recorded depends on the step alone, not on time.
    fn look(&mut self, step: u32, on_event: &mut dyn FnMut(Event)) -> Result<()> {
        if self.config.records_at(step) {
            let statistics = self.trainer.statistics()?;
            on_event(Event::Statistics(statistics));
            if statistics.non_finite > 0 && !std::mem::replace(&mut self.warned, true) {
                log::warn!("step {step}: {} updates of Gaussians were not finite and left out", statistics.non_finite);
            }
            let test = self.config.evaluates_at(step) && !self.held_out.is_empty();
            let test = if test { self.evaluate()? } else { None };
            if let Some(mean) = test {
                on_event(Event::Evaluated(step, mean));
            }
            self.run.record(Record::new(&statistics, self.spent_now().as_secs_f64(), test))?;
        } else if step.is_multiple_of(STATISTICS_EVERY) {
            on_event(Event::Statistics(self.trainer.statistics()?));
        }
        Ok(())
    }

    /// The mean over the held-out views; `None` where none can be compared.
    fn evaluate(&mut self) -> Result<Option<Mean>> {
        let rules = (self.config.background.fixed(), self.config.strict);
        let appearances = self.trainer.appearances()?;
        let render = |shot: &Shot| self.trainer.render_view(&shot.camera, shot.time.unwrap_or(0.0));
        let views = evaluate(&self.capture, &self.held_out, rules, appearances.as_ref(), render, |_| Ok(()))?;
        if views.is_empty() && !std::mem::replace(&mut self.unmeasured, true) {
            log::warn!("no held-out view can be compared; the run has no score");
        }
        Ok(mean_of(&views))
    }

    /// Writes scene and checkpoint.
    pub fn save(&mut self, on_event: &mut dyn FnMut(Event)) -> Result<()> {
        let scene = self.trainer.scene()?;
        let checkpoint = self.trainer.checkpoint()?;
        self.run.save(&scene, &checkpoint)?;
        let root = self.run.path("");
        self.manifest.saved(&root, scene_file(scene.motion.is_some()), &checkpoint)?;
        self.manifest.write(&root)?;
        self.trainer.appearances()?.map_or(Ok(()), |appearances| appearances.write(&root))?;
        on_event(Event::Saved(self.trainer.step_index()));
        Ok(())
    }

    /// Everything that the finished run leaves: also after a kill between the last checkpoint and the report.
    pub fn finish(&mut self, on_event: &mut dyn FnMut(Event)) -> Result<()> {
        let capture = self.capture.clone();
        let shots = match self.held_out.as_slice() {
            [] => {
                let train = shots_of(&self.capture, Split::Train);
                train.iter().copied().step_by(train.len().div_ceil(FALLBACK_VIEWS)).collect()
            }
            held_out => held_out.to_vec(),
        };
        let names: Vec<&str> = shots.iter().map(|&shot| self.capture.shots[shot].name.as_str()).collect();
        let names = picture_names(&names);
        let (mut gallery, mut flicker) = (Gallery::new(shots.len()), Flicker::new(&capture));
        let rules = (self.config.background.fixed(), self.config.strict);
        let appearances = self.trainer.appearances()?;
        let render = |shot: &Shot| self.trainer.render_view(&shot.camera, shot.time.unwrap_or(0.0));
        let views = evaluate(&self.capture, &shots, rules, appearances.as_ref(), render, |comparison| {
            let rendered = comparison.render;
            let colours = rendered.pixels.iter().map(|pixel| pixel.truncate());
            let image = to_image(rendered.width, rendered.height, colours);
            let name = shots.iter().position(|&shot| shot == comparison.shot).map_or("view", |i| names[i].as_str());
            save_png(&self.run.render_path(name)?, &image)?;
            flicker.add(&comparison);
            gallery.add(comparison, &image)
        })?;
        let mean = mean_of(&views).filter(|_| !self.held_out.is_empty());
        if self.run.records().last().is_none_or(|record| record.step < self.config.step_count()) {
            let statistics = self.trainer.statistics()?;
            on_event(Event::Statistics(statistics));
            self.run.record(Record::new(&statistics, self.spent_now().as_secs_f64(), mean))?;
        }
        self.save(on_event)?;
        if let Some(mean) = mean {
            on_event(Event::Evaluated(self.config.step_count(), mean));
        }
        let film =
            if capture.is_dynamic() && !views.is_empty() { Some(self.film(&shots, &views, flicker)?) } else { None };
        let facts = Facts {
            config: &self.config,
            capture: &self.capture,
            adapter: self.gpu.describe(),
            records: self.run.records(),
            views: &views,
            held_out: mean,
            gallery: &gallery,
            film: film.as_ref(),
            stages: self.trainer.stage_times()?,
            memory: self.trainer.gpu_bytes(),
        };
        self.run.write_report(&html(&facts)?)?;
        ensure!(
            !self.trainer.scene()?.is_empty(),
            "the scene is empty: all Gaussians have faded, as they do where masks hide nearly everything, photos are of one \
             flat colour, or poses do not fit the photos; {} shows what is left",
            self.run.path(REPORT).display()
        );
        Ok(())
    }

    /// The report's part about time. A run without flow supervision is compared with the capture's flow too.
    fn film(&mut self, shots: &[usize], views: &[View], flicker: Flicker) -> Result<Film> {
        let mut capture = (*self.capture).clone();
        if self.config.capture_options().flow == FlowChoice::Off {
            capture.find_flow(&FlowChoice::Auto)?;
        }
        Film::shoot(&self.gpu, self.trainer.scene()?, &self.config, &capture, (shots, views), flicker)
    }
}
