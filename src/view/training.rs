//! Training from the window: what is asked for, what the run shows of itself, and its curves.

use std::path::{Path, PathBuf};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use eframe::egui;

use crate::model::Model;
use crate::scene::Normalisation;
use crate::train::Start;
use crate::train::config::Config;
use crate::train::run::folder::{METRICS, Record, RunFolder, read_records};

use super::app::Viewer;
use super::document::Document;
use super::live::{Command, End, Hooks, Live, News, Phase};
use super::words::whole;

/// Time between two looks at the records of a run that another process trains.
const LOOK: Duration = Duration::from_millis(1000);
/// The window draws a growing scene by itself at most so often, and such that it trains [`SHARE`] times as long as it
/// draws. While the view is moved, that goes before.
const REFRESH: Duration = Duration::from_millis(500);
const SHARE: f64 = 10.0;
/// Time between two looks at how far the training is; they cost no picture of the scene.
const STATUS: Duration = Duration::from_millis(1000);

/// What a new run is asked for.
pub struct Options {
    pub steps: u32,
    pub cap_max: u32,
    pub max_resolution: u32,
    pub sh_degree: u32,
    /// Whether a capture in time is learnt in motion.
    pub motion: bool,
    pub out: String,
}

impl Default for Options {
    fn default() -> Self {
        Self { steps: 7000, cap_max: 200_000, max_resolution: 800, sh_degree: 3, motion: true, out: String::new() }
    }
}

/// What a new run is asked for, the run that is watched, and its training if that is in this window.
#[derive(Default)]
pub struct Training {
    pub options: Options,
    pub records: Vec<Record>,
    /// After which step the run that is shown was stopped here; its records end somewhat before that.
    stopped: Option<u32>,
    looked: Option<Instant>,
    pub live: Option<Live>,
    /// Absent where the training outlives the window.
    thread: Option<JoinHandle<Result<End>>>,
    /// When the growing scene was last drawn because it grew, and after how many steps.
    refreshed: Option<(Instant, u32)>,
    /// Whether the window shows the model in training.
    pub on_stage: bool,
}

impl Training {
    /// Another document: its records are read anew, and a run of it gets a folder of its own.
    pub fn turn(&mut self) {
        self.options.out.clear();
        (self.records, self.stopped, self.looked) = (Vec::new(), None, None);
    }

    /// How far the run that is shown is known to be, in steps.
    pub fn step(&self) -> u32 {
        self.records.last().map_or(0, |record| record.step).max(self.stopped.unwrap_or(0))
    }

    /// Has a training that belongs to the window save and end, and waits for that.
    pub fn leave(&mut self) {
        let (Some(live), Some(thread)) = (&self.live, self.thread.take()) else { return };
        live.ask(Command::Stop);
        match thread.join() {
            Ok(Ok(End::Stopped(step))) => {
                log::info!(
                    "the training stopped after step {step}; continue with --resume --out {}",
                    live.out.display()
                );
            }
            Ok(Ok(End::Done)) => {}
            Ok(Err(error)) => log::error!("{error:#}"),
            Err(_) => log::error!("the training broke off"),
        }
        self.live = None;
    }

    /// Reads the records of a run that is trained elsewhere.
    pub fn look_at_records(&mut self, run: &Path) {
        if self.looked.is_some_and(|looked| looked.elapsed() < LOOK) {
            return;
        }
        self.looked = Some(Instant::now());
        match read_records(&run.join(METRICS)) {
            Ok(records) => self.records = records,
            Err(error) => log::debug!("{error:#}"),
        }
    }
}

impl Options {
    /// What a run was asked for, without its folder.
    pub fn of(config: &Config) -> Self {
        let usual = Self::default();
        Self {
            steps: config.steps,
            cap_max: config.cap_max,
            max_resolution: config.max_resolution.unwrap_or(usual.max_resolution),
            sh_degree: config.sh_degree,
            motion: !config.r#static,
            out: usual.out,
        }
    }

    /// The run of a capture, in its folder.
    fn start(&self, capture: &Path) -> Result<Start> {
        let out = self.out.trim();
        ensure!(!out.is_empty(), "name a folder for the run");
        let config = Config {
            capture: std::path::absolute(capture).context("cannot resolve the capture's path")?,
            steps: self.steps,
            cap_max: self.cap_max,
            max_resolution: Some(self.max_resolution),
            sh_degree: self.sh_degree,
            r#static: !self.motion,
            ..Config::default()
        };
        Start::fresh(PathBuf::from(out), config)
    }
}

/// When the growing scene is next drawn by itself, after a picture that took so many milliseconds.
fn refresh_after(milliseconds: f64) -> Duration {
    REFRESH.max(Duration::from_secs_f64((milliseconds * SHARE * 1e-3).clamp(0.0, 60.0)))
}

impl Viewer {
    /// Follows a training that somebody else has started, and who outlives the window with it.
    pub(super) fn follow(&mut self, live: Live) {
        self.training.live = Some(live);
    }

    /// Starts a run of the capture that is shown.
    pub(super) fn start_training(&mut self, context: &egui::Context) {
        let Some(capture) = self.document.as_ref().map(|document| document.path.clone()) else { return };
        let start = self.training.options.start(&capture);
        self.begin(context, start);
    }

    /// Goes on with the run that is shown.
    pub(super) fn resume_training(&mut self, context: &egui::Context) {
        let Some(run) = self.document.as_ref().map(|document| document.path.clone()) else { return };
        self.begin(context, Start::resumed(run));
    }

    fn begin(&mut self, context: &egui::Context, start: Result<Start>) {
        let gpu = self.stage.gpu().clone();
        let live = start.and_then(|start| Live::start(start, &gpu, Hooks::default(), context.clone()));
        match live {
            Ok((live, thread)) => (self.training.live, self.training.thread) = (Some(live), Some(thread)),
            Err(error) => self.fail(error),
        }
    }

    /// Takes what the training has for the window, and has the growing scene drawn now and then.
    pub(super) fn watch_training(&mut self, context: &egui::Context) {
        loop {
            let Some(live) = &self.training.live else { return };
            match live.news.try_recv() {
                Ok(News::Ready(ready)) => {
                    let (document, model, frame) = *ready;
                    self.show_model(document, model, &frame);
                }
                Ok(News::Saved(result)) => match result {
                    Ok(text) => self.tell(text),
                    Err(error) => self.fail(error),
                },
                Ok(News::Ended(ended)) => self.training_ended(context, ended),
                Err(std::sync::mpsc::TryRecvError::Empty) => break,
                Err(std::sync::mpsc::TryRecvError::Disconnected) => {
                    self.training_ended(context, Err("the training broke off".into()));
                }
            }
        }
        let Some(live) = self.training.live.as_ref().filter(|_| self.training.on_stage) else { return };
        let (gaussians, step, phase) = {
            let status = live.status();
            (status.gaussians, status.step, status.phase)
        };
        let wait = refresh_after(self.cost.frame);
        if self.training.refreshed.is_none_or(|(since, seen)| seen != step && since.elapsed() >= wait) {
            self.training.refreshed = Some((Instant::now(), step));
            self.stage.set_len(gaussians);
            self.redraw();
        }
        // While it is paused, nothing changes but by what is asked for.
        if phase != Phase::Paused {
            context.request_repaint_after(wait.min(STATUS));
        }
    }

    /// Shows the model in training, without the cameras' frames, which would lie over it; the view stays where the same capture
    /// was shown before.
    fn show_model(&mut self, document: Document, model: Model, frame: &Normalisation) {
        let same = |shown: &Document| match (&shown.capture, &document.capture) {
            (Some(a), Some(b)) => a.root == b.root,
            _ => false,
        };
        // Of a capture without points, all cameras were seen from afar.
        let moved = |shown: &&Document| !shown.scene.is_empty() || shown.first_eye() != self.eye;
        let kept = self.document.as_ref().filter(|shown| same(shown)).filter(moved).map(|_| self.eye);
        let path = self.document.as_ref().filter(|shown| same(shown)).map(|_| std::mem::take(&mut self.keys));
        if let Err(error) = self.enter(document, false) {
            return self.fail(error);
        }
        self.eye = kept.unwrap_or(self.eye);
        self.keys = path.unwrap_or_default();
        if let Some(document) = &self.document {
            self.look.sh_degree = model.sh_degree();
            self.look.antialiased = document.config.as_ref().is_some_and(|config| config.antialiased);
        }
        self.stage.adopt(model, frame);
        (self.training.on_stage, self.training.refreshed) = (true, None);
        self.redraw();
    }

    fn training_ended(&mut self, context: &egui::Context, ended: Result<End, String>) {
        let Some(live) = self.training.live.take() else { return };
        self.training.thread = None;
        if (live.interrupted)() {
            context.send_viewport_cmd(egui::ViewportCommand::Close);
        }
        let stopped = ended.as_ref().ok().and_then(|end| match end {
            End::Stopped(step) => Some(*step),
            End::Done => None,
        });
        match ended {
            Ok(End::Done) => {
                self.tell(format!("the training is done; scene.ply and report.html are in {}", whole(&live.out)))
            }
            Ok(End::Stopped(step)) => self.tell(format!("stopped after step {step}; it can go on from there")),
            Err(error) => self.fail(anyhow::anyhow!("the training broke off: {error}")),
        }
        // From here on the run is what its folder holds.
        if std::mem::take(&mut self.training.on_stage) {
            self.training.turn();
            self.training.stopped = stopped;
            if RunFolder::exists(&live.out) {
                self.reopen(context, &live.out);
            }
        }
    }

    /// Whether the model in training is what is shown; it cannot be edited.
    pub(super) fn is_growing(&self) -> bool {
        self.training.on_stage
    }

    /// Asks the training for something.
    pub(super) fn ask_training(&mut self, command: Command) {
        if let Some(live) = &self.training.live {
            live.ask(command);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_takes_a_small_share() {
        assert_eq!(refresh_after(2.0), REFRESH);
        let long = refresh_after(100.0).as_secs_f64();
        assert!(0.1 / (0.1 + long) < 0.1 && long < 2.0);
        assert!(refresh_after(f64::MAX) <= Duration::from_secs(60), "it never stands still for good");
    }

    #[test]
    fn a_run_is_started_as_it_was_asked_for() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let out = folder.path().join("run");
        let options = Options { steps: 90, motion: false, out: out.display().to_string(), ..Options::default() };
        let start = options.start(Path::new("capture")).expect("starts");
        assert!(start.config.capture.is_absolute() && start.config.r#static && !start.resumes);
        assert_eq!((start.config.steps, start.config.max_resolution, start.out), (90, Some(800), out));
        assert!(Options::default().start(Path::new("capture")).is_err(), "a run has a folder");
        let again = Options::of(&start.config);
        assert_eq!((again.steps, again.motion, again.max_resolution, again.out.as_str()), (90, false, 800, ""));
    }
}
