//! A run in progress: the trainer, its folder, and what is due after each step. The command line and the window drive the
//! same session.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use crate::dataset::{Capture, FlowChoice, Shot, Split};
use crate::gpu::Gpu;
use crate::image::png::{save_png, to_image};
use crate::model::Model;
use crate::render::Rendered;
use crate::scene::{Normalisation, Scene};

use crate::train::config::Config;
use crate::train::evaluate::{Mean, Rules, View, evaluate, shots_of};
use crate::train::floaters;
use crate::train::motion_scores::Flicker;
use crate::train::poses::Poses;
use crate::train::trainer::Trainer;
use crate::train::trainer::statistics::Statistics;

use super::folder::{REPORT, Record, RunFolder, picture_names};
use super::manifest::{Manifest, scene_file};
use super::report::{Facts, Film, Gallery, html};

/// Training views that the report shows where none is held out.
const FALLBACK_VIEWS: usize = 8;
/// Steps between statistics that are reported and not recorded: reading them makes the device wait.
const STATISTICS_EVERY: u32 = 50;

/// The mean over views; `None` without any.
fn mean_of(views: &[View]) -> Option<Mean> {
    (!views.is_empty()).then(|| Mean::of(views))
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
    pub(super) fn new(config: Config, gpu: Gpu, trainer: Trainer, (run, manifest): (RunFolder, Manifest)) -> Self {
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

    fn rules(&self, thorough: bool) -> Rules {
        Rules { background: self.config.background.fixed(), strict: self.config.strict, thorough }
    }

    /// The mean over the held-out views; `None` where none can be compared.
    fn evaluate(&mut self) -> Result<Option<Mean>> {
        let rules = self.rules(false);
        let appearances = self.trainer.appearances()?;
        let poses = self.trainer.poses(true)?;
        let capture = Poses::posed(poses.as_ref(), &self.capture);
        let render = |shot: &Shot| self.trainer.render_view(&shot.camera, shot.time.unwrap_or(0.0));
        let views = evaluate(&capture, &self.held_out, rules, appearances.as_ref(), render, |_| Ok(()))?;
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
        self.trainer.poses(false)?.map_or(Ok(()), |poses| poses.write(&root))?;
        on_event(Event::Saved(self.trainer.step_index()));
        Ok(())
    }

    /// Everything that the finished run leaves: also after a kill between the last checkpoint and the report.
    pub fn finish(&mut self, on_event: &mut dyn FnMut(Event)) -> Result<()> {
        let poses = self.trainer.poses(true)?;
        let capture = Poses::posed(poses.as_ref(), &self.capture);
        let shots = match self.held_out.as_slice() {
            [] => {
                let train = shots_of(&self.capture, Split::Train);
                train.iter().copied().step_by(train.len().div_ceil(FALLBACK_VIEWS)).collect()
            }
            held_out => held_out.to_vec(),
        };
        let (views, gallery, flicker) = self.look_at(&capture, &shots)?;
        let mean = mean_of(&views).filter(|_| !self.held_out.is_empty());
        if self.run.records().last().is_none_or(|record| record.step < self.config.step_count()) {
            let statistics = self.trainer.statistics()?;
            on_event(Event::Statistics(statistics));
            self.run.record(Record::new(&statistics, self.spent_now().as_secs_f64(), mean))?;
        }
        self.save(on_event)?;
        poses.as_ref().map_or(Ok(()), |poses| poses.tell(&self.run.path("")))?;
        if let Some(mean) = mean {
            on_event(Event::Evaluated(self.config.step_count(), mean));
        }
        let floaters = floaters::share(&self.trainer.scene()?, &capture)?;
        floaters.into_iter().for_each(|share| log::info!("{}", floaters::words(share)));
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
            floaters,
            poses: poses.as_ref(),
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

    /// Renders views into the run's folder, and scores those that have photos.
    fn look_at<'a>(&mut self, capture: &'a Capture, shots: &[usize]) -> Result<(Vec<View>, Gallery, Flicker<'a>)> {
        let names: Vec<&str> = shots.iter().map(|&shot| capture.shots[shot].name.as_str()).collect();
        let names = picture_names(&names);
        let (mut gallery, mut flicker) = (Gallery::new(shots.len()), Flicker::new(capture));
        let picture = |rendered: &Rendered| {
            to_image(rendered.width, rendered.height, rendered.pixels.iter().map(|pixel| pixel.truncate()))
        };
        if capture.is_blank() {
            for (&shot, name) in shots.iter().zip(&names) {
                let rendered = self.trainer.render_view(&capture.shots[shot].camera, 0.0)?;
                save_png(&self.run.render_path(name)?, &picture(&rendered))?;
            }
            return Ok((Vec::new(), gallery, flicker));
        }
        let rules = self.rules(true);
        let appearances = self.trainer.appearances()?;
        let render = |shot: &Shot| self.trainer.render_view(&shot.camera, shot.time.unwrap_or(0.0));
        let views = evaluate(capture, shots, rules, appearances.as_ref(), render, |comparison| {
            let image = picture(comparison.render);
            let name = shots.iter().position(|&shot| shot == comparison.shot).map_or("view", |i| names[i].as_str());
            save_png(&self.run.render_path(name)?, &image)?;
            flicker.add(&comparison);
            gallery.add(comparison, &image)
        })?;
        Ok((views, gallery, flicker))
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
