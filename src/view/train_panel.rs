//! The panel of training: options of a new run, the state of one in progress, and its curves.

use std::path::{Path, PathBuf};

use eframe::egui::{self, RichText, Sense, Stroke, vec2};

use crate::train::run::folder::{Record, RunFolder};

use super::app::Viewer;
use super::dialogs::Ask;
use super::document::Kind;
use super::leaving::Leave;
use super::live::{Command, Phase, Status};
use super::side::{row, rows};
use super::theme;
use super::training::Options;
use super::words::{grouped, whole};

impl Viewer {
    pub(super) fn training_section(&mut self, ui: &mut egui::Ui) {
        let Some((kind, path)) = self.document.as_ref().map(|document| (document.kind, document.path.clone())) else {
            return;
        };
        if let Some(status) = self.training.live.as_ref().map(|live| live.status().clone()) {
            return self.live_rows(ui, &status);
        }
        if kind == Kind::Capture {
            return self.start_rows(ui, &path);
        }
        self.training.look_at_records(&path);
        let config = self.document.as_ref().and_then(|document| document.config.as_ref());
        let (steps, capture) = config.map_or((0, None), |config| (config.steps, Some(config.capture.clone())));
        let options = config.map(Options::of);
        let step = self.training.step();
        progress(ui, step, steps);
        curves(ui, &self.training.records);
        if step < steps && RunFolder::exists(&path) {
            let hint = "Continue from its checkpoint; only if no other dapple trains this run";
            if ui.button("Go on training").on_hover_text(hint).clicked() {
                self.leave(ui.ctx(), Leave::Train);
            }
        }
        ui.label(RichText::new(format!("in {}", whole(&path))).small().color(theme::QUIET));
        if let Some(capture) = capture.filter(|capture| capture.exists())
            && ui.button("Train anew …").on_hover_text("Back to the capture, for a run with other options").clicked()
        {
            // What that run was asked for is where changes start from.
            self.training.options = options.unwrap_or_default();
            self.leave(ui.ctx(), Leave::Open(capture));
        }
    }

    /// A training in this window.
    fn live_rows(&mut self, ui: &mut egui::Ui, status: &Status) {
        // Until the checkpoint is read, what is known of the run before.
        let step = if status.phase == Phase::Starting { self.training.step() } else { status.step };
        progress(ui, step, status.steps);
        let quiet = |text: String| RichText::new(text).small().color(theme::QUIET);
        let doing = match status.phase {
            Phase::Starting => "getting ready …".into(),
            Phase::Running if status.pace > 0.0 => {
                let left = f64::from(status.steps - status.step.min(status.steps)) / status.pace;
                format!("{} · {} left", pace(status.pace), time(left))
            }
            Phase::Running => "training …".into(),
            Phase::Paused => "paused".into(),
            Phase::Ending => "saving …".into(),
        };
        ui.label(quiet(doing));
        ui.horizontal_wrapped(|ui| {
            let running = status.phase == Phase::Running;
            let live = running || status.phase == Phase::Paused;
            let word = if status.phase == Phase::Paused { "Go on" } else { "Pause" };
            if ui.add_enabled(live, egui::Button::new(word)).on_hover_text("The picture stays live").clicked() {
                self.ask_training(Command::Pause(running));
            }
            if ui.add_enabled(live, egui::Button::new("Step")).on_hover_text("One step, then pause").clicked() {
                self.ask_training(Command::Step);
            }
            let hint = "Save a checkpoint, from which it can go on at any time, and end";
            if ui.add_enabled(live, egui::Button::new("Stop")).on_hover_text(hint).clicked() {
                self.ask_training(Command::Stop);
            }
            let hint = "The scene as it is now; its extension chooses the format";
            if ui.add_enabled(live, egui::Button::new("Save as …")).on_hover_text(hint).clicked() {
                self.dialogs.ask(ui.ctx(), Ask::SaveScene, false, "scene.ply");
            }
        });
        if !self.is_growing() && status.phase != Phase::Starting {
            let name = self.training.live.as_ref().map(|live| live.out.display().to_string()).unwrap_or_default();
            if ui.button("Show the run in training").on_hover_text(name).clicked() {
                self.ask_training(Command::Show);
            }
        }
        curves(ui, &status.records);
    }

    fn start_rows(&mut self, ui: &mut egui::Ui, capture: &Path) {
        let dynamic =
            self.document.as_ref().and_then(|document| document.capture.as_ref()).is_some_and(|c| c.is_dynamic());
        let options = &mut self.training.options;
        if options.out.is_empty() {
            let name = capture.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            options.out = free_name(&format!("{name}-run"));
        }
        let mut pick = false;
        rows(ui, "train", |ui| {
            for (name, value, low, high, hint) in [
                ("Steps", &mut options.steps, 10, 1_000_000, "One image each; more are sharper and take longer"),
                ("Gaussians", &mut options.cap_max, 100, 50_000_000, "Most that the scene may have"),
                (
                    "Image side",
                    &mut options.max_resolution,
                    32,
                    16_384,
                    "Larger images are averaged down to this, pixels",
                ),
            ] {
                let label = row(ui, name, hint);
                let speed = 0.01 * f64::from(*value);
                ui.add(egui::DragValue::new(value).range(low..=high).speed(speed)).labelled_by(label);
                ui.end_row();
            }
            let label =
                row(ui, "View colour", "Degree of the spherical harmonics: 0 is the same colour from all sides");
            ui.add(egui::Slider::new(&mut options.sh_degree, 0..=3)).labelled_by(label);
            ui.end_row();
            if dynamic {
                row(ui, "Motion", "The capture has times: learn how things move, or one still scene");
                ui.checkbox(&mut options.motion, "learn motion");
                ui.end_row();
            }
            let place = whole(Path::new(options.out.trim()));
            let label = row(ui, "Folder", &format!("The run is written to {place}"));
            ui.horizontal(|ui| {
                ui.add(egui::TextEdit::singleline(&mut options.out).desired_width(108.0)).labelled_by(label);
                pick = ui.small_button("…").on_hover_text("Choose the folder").clicked();
            });
            ui.end_row();
        });
        if pick {
            self.dialogs.ask(ui.ctx(), Ask::RunFolder, true, "");
        }
        let button = egui::Button::new(RichText::new("Train").strong().color(theme::GROUND)).fill(theme::ACCENT);
        if ui.add(button).on_hover_text("Learn the scene from these images and watch it grow").clicked() {
            self.start_training(ui.ctx());
        }
    }

    /// The folder that was chosen for a run: itself if it is empty or new, else a new one in it.
    pub(super) fn set_run_folder(&mut self, folder: PathBuf) {
        let full = std::fs::read_dir(&folder).is_ok_and(|mut entries| entries.next().is_some());
        let folder = if full { folder.join("run") } else { folder };
        self.training.options.out = free_name(&folder.display().to_string());
    }
}

/// The name, or with a number where a run of that name is there.
fn free_name(name: &str) -> String {
    let numbered = (2..1000).map(|i| format!("{name}-{i}"));
    std::iter::once(name.to_string())
        .chain(numbered)
        .find(|name| !RunFolder::exists(Path::new(name)))
        .unwrap_or_else(|| name.to_string())
}

fn progress(ui: &mut egui::Ui, step: u32, steps: u32) {
    let text = format!("step {} of {}", grouped(step.into()), grouped(steps.into()));
    ui.add(egui::ProgressBar::new(step as f32 / steps.max(1) as f32).text(text));
}

fn pace(steps_a_second: f64) -> String {
    if steps_a_second >= 10.0 { format!("{steps_a_second:.0} steps/s") } else { format!("{steps_a_second:.1} steps/s") }
}

/// A time span as a person says it.
fn time(seconds: f64) -> String {
    let seconds = seconds.round().clamp(0.0, 1e9) as u64;
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, s) => format!("{s} s"),
        (0, m, s) => format!("{m}:{s:02} min"),
        (h, m, _) => format!("{h} h {m} min"),
    }
}

fn curves(ui: &mut egui::Ui, records: &[Record]) {
    let Some(last) = records.last() else {
        ui.label(RichText::new("curves come with the first 10 steps or so").small().color(theme::QUIET));
        return;
    };
    let loss: Vec<(f64, f64)> = records.iter().map(|r| (r.step.into(), r.loss.max(1e-6).ln())).collect();
    curve(
        ui,
        &format!("loss {:.4}", last.loss),
        "How far the training images are missed, on a logarithmic scale; lower is better",
        &loss,
    );
    let psnr: Vec<(f64, f64)> =
        records.iter().filter_map(|r| r.test.as_ref().map(|test| (r.step.into(), test.psnr))).collect();
    if let Some((_, value)) = psnr.last() {
        curve(
            ui,
            &format!("PSNR {value:.2} dB"),
            "Likeness to the held-out images, on the mean; higher is better",
            &psnr,
        );
    }
    let facts = format!("{} Gaussians · trained for {}", grouped(last.gaussians), time(last.seconds));
    ui.label(RichText::new(facts).small().color(theme::QUIET));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_never_lands_on_another() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let name = folder.path().join("a-run").display().to_string();
        assert_eq!(free_name(&name), name);
        std::fs::create_dir(&name).expect("creates");
        std::fs::write(Path::new(&name).join(crate::train::run::folder::CONFIG), "").expect("writes");
        assert_eq!(free_name(&name), format!("{name}-2"));
    }

    #[test]
    fn spans_read_well() {
        assert_eq!((time(3.2), time(75.0), time(7260.0)), ("3 s".into(), "1:15 min".into(), "2 h 1 min".into()));
        assert_eq!((pace(0.42), pace(120.4)), ("0.4 steps/s".into(), "120 steps/s".into()));
    }
}
