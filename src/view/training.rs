//! Training watched, and started, from the window.
//!
//! The trainer is a process of its own that writes its run folder as always; the window reads what it saves there. So
//! neither can take the other down, and the window costs the trainer nothing while the scene on show stays the same.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use eframe::egui::{self, RichText, Sense, Stroke, vec2};

use crate::train::run_folder::{CHECKPOINT, CONFIG, METRICS, Record, RunFolder, read_records};

use super::app::Viewer;
use super::document::Kind;
use super::theme;
use super::words::grouped;

/// Time between two looks at the run's records.
const LOOK: Duration = Duration::from_millis(1000);
/// Scenes that a run started here saves for the window.
const SAVES: u32 = 40;

/// What a new run is asked for, the run that is watched, and its trainer if it was started here.
pub struct Training {
    steps: u32,
    cap_max: u32,
    max_resolution: u32,
    out: String,
    records: Vec<Record>,
    looked: Option<Instant>,
    child: Option<Child>,
    /// The last error line of the trainer.
    said: Arc<Mutex<String>>,
    /// The run folder to show once it is there.
    awaited: Option<PathBuf>,
}

impl Default for Training {
    fn default() -> Self {
        Self {
            steps: 7000,
            cap_max: 200_000,
            max_resolution: 800,
            out: String::new(),
            records: Vec::new(),
            looked: None,
            child: None,
            said: Arc::default(),
            awaited: None,
        }
    }
}

impl Training {
    /// Another document: its records are read anew. A trainer that runs goes on.
    pub fn turn(&mut self) {
        (self.records, self.looked) = (Vec::new(), None);
    }

    fn start(&mut self, words: &[String]) -> Result<()> {
        let program = std::env::current_exe().context("cannot tell where dapple is, to start the training")?;
        let mut command = Command::new(program);
        command.arg("train").args(words).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().context("cannot start the training")?;
        let said = Arc::<Mutex<String>>::default();
        if let Some(errors) = child.stderr.take() {
            let said = said.clone();
            std::thread::spawn(move || {
                for line in BufReader::new(errors).lines().map_while(Result::ok).filter(|l| l.starts_with("error: ")) {
                    *said.lock().unwrap_or_else(PoisonError::into_inner) = line;
                }
            });
        }
        (self.child, self.said) = (Some(child), said);
        Ok(())
    }

    fn is_running(&mut self) -> bool {
        self.child.as_mut().is_some_and(|child| matches!(child.try_wait(), Ok(None)))
    }

    /// Asks the trainer to save and end, as Ctrl-C does; where that is not to be had, its last checkpoint stays.
    fn stop(&mut self) -> Result<()> {
        let Some(child) = &mut self.child else { return Ok(()) };
        if cfg!(unix) {
            let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
            if sent.is_ok_and(|status| status.success()) {
                return Ok(());
            }
        }
        child.kill().context("cannot stop the training")
    }
}

impl Viewer {
    /// Shows the run that was started once its folder is there, and tells if the trainer failed.
    pub(super) fn watch_training(&mut self, context: &egui::Context) {
        if self.training.child.is_none() {
            return;
        }
        context.request_repaint_after(LOOK);
        if let Some(run) = self.training.awaited.clone().filter(|run| run.join(CONFIG).exists()) {
            self.training.awaited = None;
            self.open(context, &run);
        }
        if !self.training.is_running() {
            (self.training.child, self.training.awaited) = (None, None);
            let said = std::mem::take(&mut *self.training.said.lock().unwrap_or_else(PoisonError::into_inner));
            match said.strip_prefix("error: ") {
                Some(error) => self.fail(anyhow::anyhow!("{error}")),
                None => self.tell("the training has ended".into()),
            }
        }
    }

    pub(super) fn training_section(&mut self, ui: &mut egui::Ui) {
        let Some((kind, path)) = self.document.as_ref().map(|document| (document.kind, document.path.clone())) else {
            return;
        };
        let running = self.training.is_running();
        if kind == Kind::Capture {
            self.start_rows(ui, &path, running);
            return;
        }
        self.look_at_records(&path);
        let steps = self.document.as_ref().and_then(|document| document.config.as_ref()).map_or(0, |c| c.steps);
        let step = self.training.records.last().map_or(0, |record| record.step);
        ui.add(egui::ProgressBar::new(step as f32 / steps.max(1) as f32).text(format!("step {step} of {steps}")));
        self.curves(ui);
        ui.horizontal(|ui| {
            if running {
                if ui.button("Stop").on_hover_text("After a checkpoint, from which it can go on").clicked()
                    && let Err(error) = self.training.stop()
                {
                    self.fail(error);
                }
                ui.label(RichText::new("also goes on when the window closes").small().color(theme::QUIET));
            } else if step < steps && path.join(CHECKPOINT).exists() {
                let hint = "Continue from the checkpoint; only if no other dapple trains this run";
                if ui.button("Go on").on_hover_text(hint).clicked() {
                    let words = ["--out".into(), path.display().to_string(), "--resume".into()];
                    let started = self.training.start(&words);
                    started.unwrap_or_else(|error| self.fail(error));
                }
            }
        });
    }

    fn start_rows(&mut self, ui: &mut egui::Ui, capture: &Path, running: bool) {
        let training = &mut self.training;
        if training.out.is_empty() {
            let name = capture.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            training.out = format!("{name}-run");
        }
        egui::Grid::new("train").num_columns(2).spacing(vec2(10.0, 7.0)).show(ui, |ui| {
            for (name, value, low, high, hint) in [
                ("Steps", &mut training.steps, 10, 1_000_000, "One image each; more are sharper and take longer"),
                ("Gaussians", &mut training.cap_max, 100, 50_000_000, "Most that the scene may have"),
                ("Image side", &mut training.max_resolution, 32, 16_384, "Larger images are averaged down, pixels"),
            ] {
                let name = ui.label(RichText::new(name).color(theme::QUIET)).on_hover_text(hint);
                let speed = 0.01 * f64::from(*value);
                ui.add(egui::DragValue::new(value).range(low..=high).speed(speed)).labelled_by(name.id);
                ui.end_row();
            }
            let name = ui.label(RichText::new("Folder").color(theme::QUIET)).on_hover_text("Where the run is written");
            ui.add(egui::TextEdit::singleline(&mut training.out).desired_width(140.0)).labelled_by(name.id);
            ui.end_row();
        });
        let button = ui.add_enabled(!running, egui::Button::new("Train"));
        if button.on_hover_text("Start dapple train and watch the scene grow").clicked() {
            let out = PathBuf::from(training.out.trim());
            let words = [
                capture.display().to_string(),
                "--out".into(),
                out.display().to_string(),
                "--steps".into(),
                training.steps.to_string(),
                "--cap-max".into(),
                training.cap_max.to_string(),
                "--max-resolution".into(),
                training.max_resolution.to_string(),
                "--save-every".into(),
                (training.steps / SAVES).max(1).to_string(),
            ];
            let started = if training.out.trim().is_empty() {
                Err(anyhow::anyhow!("name a folder for the run"))
            } else {
                RunFolder::check_free(&out).and_then(|()| self.training.start(&words))
            };
            match started {
                Ok(()) => {
                    self.training.awaited = Some(out);
                    self.tell("the training starts; its scene is shown as soon as there is one".into());
                }
                Err(error) => self.fail(error),
            }
        }
    }

    fn look_at_records(&mut self, run: &Path) {
        if self.training.looked.is_some_and(|looked| looked.elapsed() < LOOK) {
            return;
        }
        self.training.looked = Some(Instant::now());
        match read_records(&run.join(METRICS)) {
            Ok(records) => self.training.records = records,
            Err(error) => log::debug!("{error:#}"),
        }
    }

    fn curves(&self, ui: &mut egui::Ui) {
        let records = &self.training.records;
        let Some(last) = records.last() else {
            ui.label(RichText::new("no step has been recorded yet").small().color(theme::QUIET));
            return;
        };
        let loss: Vec<(f64, f64)> = records.iter().map(|r| (r.step.into(), r.loss.max(1e-6).ln())).collect();
        curve(ui, &format!("loss {:.4}", last.loss), "Of the training images, on a logarithmic scale", &loss);
        let psnr: Vec<(f64, f64)> =
            records.iter().filter_map(|r| r.test.as_ref().map(|test| (r.step.into(), test.psnr))).collect();
        if let Some((_, value)) = psnr.last() {
            curve(ui, &format!("PSNR {value:.2} dB"), "Mean over the held-out images", &psnr);
        }
        let seconds = last.seconds as u64;
        let facts = format!("{} Gaussians · {}:{:02} min", grouped(last.gaussians), seconds / 60, seconds % 60);
        ui.label(RichText::new(facts).small().color(theme::QUIET));
    }
}

/// A small curve under its title.
fn curve(ui: &mut egui::Ui, title: &str, hint: &str, points: &[(f64, f64)]) {
    ui.label(RichText::new(title).small()).on_hover_text(hint);
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width().min(230.0), 46.0), Sense::hover());
    ui.painter().rect_filled(rect, 4.0, theme::GROUND);
    let range = |value: fn(&(f64, f64)) -> f64| {
        let values = || points.iter().map(value);
        (values().fold(f64::INFINITY, f64::min), values().fold(f64::NEG_INFINITY, f64::max))
    };
    let ((x0, x1), (y0, y1)) = (range(|p| p.0), range(|p| p.1));
    let area = rect.shrink(4.0);
    let place = |&(x, y): &(f64, f64)| {
        let share = |v: f64, low: f64, high: f64| if high > low { ((v - low) / (high - low)) as f32 } else { 0.5 };
        area.left_bottom() + vec2(share(x, x0, x1) * area.width(), -share(y, y0, y1) * area.height())
    };
    let line: Vec<egui::Pos2> = points.iter().map(place).collect();
    if line.len() == 1 {
        ui.painter().circle_filled(line[0], 2.5, theme::ACCENT);
    }
    ui.painter().line(line, Stroke::new(1.5, theme::ACCENT));
}

/// Opens a window on a run as a process of its own: for `dapple train --view`.
///
/// # Errors
/// A program that cannot be started.
pub fn open_beside(run: &Path) -> Result<()> {
    let program = std::env::current_exe().context("cannot tell where dapple is, to open the viewer")?;
    let mut command = Command::new(program);
    command.arg("view").arg(run).stdin(Stdio::null()).stdout(Stdio::null());
    match command.spawn() {
        Ok(_) => Ok(()),
        Err(error) => bail!("cannot open the viewer: {error}"),
    }
}
