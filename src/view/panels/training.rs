//! Training: a new run, the run in training, and the run that is shown.

use std::path::Path;

use eframe::egui::{self, RichText};

use crate::train::run::folder::RunFolder;
use crate::view::action::{Action, FileAction, TrainAction};
use crate::view::state::State;
use crate::view::state::ask::Ask;
use crate::view::state::document::Kind;
use crate::view::state::unsaved_changes::Leave;
use crate::view::text::{duration, full_path, grouped, pace};
use crate::view::theme;
use crate::view::work::training::{Live, Phase, Status};

use super::inputs::Inputs;
use super::widgets::{button, quiet, row, send, send_if};
use super::{curves, run_options};

/// The rows of the section.
pub fn show(ui: &mut egui::Ui, inputs: &Inputs, actions: &mut Vec<Action>) {
    let Some(document) = &inputs.state.document else { return };
    if let Some(training) = &inputs.jobs.training {
        live_rows(ui, inputs.state, &training.live, actions);
    } else if document.kind == Kind::Capture {
        start_rows(ui, inputs.state, actions);
    } else {
        run_rows(ui, inputs.state, &document.path, actions);
    }
}

/// A run on disk.
fn run_rows(ui: &mut egui::Ui, state: &State, path: &Path, actions: &mut Vec<Action>) {
    let config = state.document.as_ref().and_then(|document| document.config.as_ref());
    let steps = config.map_or(0, |config| config.step_count());
    let step = state.training.step();
    progress(ui, step, steps);
    curves::show(ui, &state.training.records);
    if step < steps && RunFolder::exists(path) {
        let hint = "Continue from its checkpoint; only if no other dapple trains this run";
        button(ui, actions, "Go on training", hint, FileAction::Leave(Leave::Train));
    }
    ui.label(quiet(format!("in {}", full_path(path))));
    if config.is_some_and(|config| config.capture.exists()) {
        let hint = "Back to the capture, for a run with other options";
        button(ui, actions, "Train anew …", hint, TrainAction::TrainAnew);
    }
}

/// A training in this window.
fn live_rows(ui: &mut egui::Ui, state: &State, live: &Live, actions: &mut Vec<Action>) {
    let status = live.status().clone();
    // Until the checkpoint is read, what is known of the run before.
    let step = if status.phase == Phase::Starting { state.training.step() } else { status.step };
    progress(ui, step, status.steps);
    ui.label(quiet(doing(&status)));
    ui.horizontal_wrapped(|ui| {
        let running = status.phase == Phase::Running;
        let able = running || status.phase == Phase::Paused;
        let word = egui::Button::new;
        let pause = if status.phase == Phase::Paused { "Go on" } else { "Pause" };
        send_if(ui, actions, able, word(pause), "The picture stays live", TrainAction::Pause(running));
        send_if(ui, actions, able, word("Step"), "One step, then pause", TrainAction::Step);
        let hint = "Save a checkpoint, from which it can go on at any time, and end";
        send_if(ui, actions, able, word("Stop"), hint, TrainAction::Stop);
        let hint = "The scene as it is now; its extension chooses the format";
        send_if(ui, actions, able, word("Save as …"), hint, FileAction::Ask(Ask::SaveScene));
    });
    if !state.is_growing() && status.phase != Phase::Starting {
        let name = live.out.display().to_string();
        button(ui, actions, "Show the run in training", &name, TrainAction::Show);
    }
    curves::show(ui, &status.records);
}

fn doing(status: &Status) -> String {
    match status.phase {
        Phase::Starting => "getting ready …".into(),
        Phase::Running if status.pace > 0.0 => {
            let left = f64::from(status.steps - status.step.min(status.steps)) / status.pace;
            format!("{} · {} left", pace(status.pace), duration(left))
        }
        Phase::Running => "training …".into(),
        Phase::Paused => "paused".into(),
        Phase::Ending => "saving …".into(),
    }
}

/// A new run of a capture.
fn start_rows(ui: &mut egui::Ui, state: &State, actions: &mut Vec<Action>) {
    run_options::show_usual(ui, state, actions);
    let mut folder = state.training.folder.clone();
    ui.horizontal(|ui| {
        let place = full_path(Path::new(folder.trim()));
        let label = row(ui, "Folder", &format!("The run is written to {place}"));
        let field = ui.add(egui::TextEdit::singleline(&mut folder).desired_width(150.0)).labelled_by(label);
        if field.changed() {
            actions.push(TrainAction::SetFolder(folder).into());
        }
        let dots = egui::Button::new("…").small();
        send(ui, actions, dots, "Choose the folder", FileAction::Ask(Ask::RunFolder));
    });
    let train = egui::Button::new(RichText::new("Train").strong().color(theme::GROUND)).fill(theme::ACCENT);
    send(ui, actions, train, "Learn the scene from these images and watch it grow", TrainAction::Start);
    run_options::show_all(ui, state, actions);
}

fn progress(ui: &mut egui::Ui, step: u32, steps: u32) {
    let text = format!("step {} of {}", grouped(step.into()), grouped(steps.into()));
    ui.add(egui::ProgressBar::new(step as f32 / steps.max(1) as f32).text(text));
}
