//! The camera path: its key frames, its settings, and where it is saved and exported to.

use eframe::egui;

use crate::view::action::{Action, FileAction, PathAction};
use crate::view::state::State;
use crate::view::state::ask::Ask;
use crate::view::work::path_export::PathExport;

use super::inputs::Inputs;
use super::picture::size_fields;
use super::widgets::{button, edit, quiet, send, send_if};

/// The rows of the section.
pub fn show(ui: &mut egui::Ui, inputs: &Inputs, actions: &mut Vec<Action>) {
    let state = inputs.state;
    let count = state.keys.keys.len();
    if count == 0 {
        let hint = "Move to a view and press K; do so again elsewhere. The camera then flies smoothly through them.";
        ui.label(quiet(hint));
    }
    ui.horizontal(|ui| {
        button(ui, actions, "Add this view", "As the last key frame", PathAction::AddKey);
        let word = if state.keys.is_playing() { "Stop" } else { "Preview" };
        send_if(ui, actions, count > 1, egui::Button::new(word), "Space", PathAction::TogglePreview);
    });
    for index in 0..count {
        ui.horizontal(|ui| key_row(ui, state, index, actions));
    }
    settings(ui, state, actions);
    ui.horizontal(|ui| {
        let able = count > 0 && inputs.jobs.export.is_none() && state.has_scene();
        let images = egui::Button::new("Export images …");
        let hint = "A PNG for each image of the path, in a folder";
        send_if(ui, actions, able, images, hint, FileAction::Ask(Ask::ExportImages));
        let video = egui::Button::new("Export video …");
        let hint = "MP4, WebM or MKV, with the system's ffmpeg";
        send_if(ui, actions, able, video, hint, FileAction::Ask(Ask::ExportVideo));
    });
    if let Some(export) = &inputs.jobs.export {
        ui.horizontal(|ui| export_row(ui, export, actions));
    }
    ui.horizontal(|ui| {
        let hint = "JSON for dapple render --path, one camera an image";
        send_if(ui, actions, count > 0, egui::Button::new("Save path …"), hint, FileAction::Ask(Ask::SavePath));
        let hint = "A path saved here, or any that dapple render takes";
        button(ui, actions, "Open path …", hint, FileAction::Ask(Ask::OpenPath));
    });
}

fn key_row(ui: &mut egui::Ui, state: &State, index: usize, actions: &mut Vec<Action>) {
    let name = match state.keys.keys[index].time {
        Some(time) => format!("key {} at {time:.3}", index + 1),
        None => format!("key {}", index + 1),
    };
    send(ui, actions, egui::Link::new(name), "Go there", PathAction::VisitKey(index));
    // Far from "Add this view", under which a list that grows may come to lie.
    ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
        send(ui, actions, egui::Button::new("×").small(), "Remove it", PathAction::RemoveKey(index));
        send(ui, actions, egui::Button::new("replace").small(), "By this view", PathAction::ReplaceKey(index));
    });
}

fn settings(ui: &mut egui::Ui, state: &State, actions: &mut Vec<Action>) {
    let keys = &state.keys;
    ui.horizontal(|ui| {
        let seconds = |ui: &mut egui::Ui, seconds: &mut f64| {
            let field = egui::DragValue::new(seconds).range(0.1..=600.0).speed(0.05);
            ui.add(field.prefix("lasts ").suffix(" s")).on_hover_text("How long the whole path takes")
        };
        edit(ui, actions, keys.seconds, seconds, PathAction::SetSeconds);
        let rate = |ui: &mut egui::Ui, rate: &mut f64| {
            ui.add(egui::DragValue::new(rate).range(1.0..=240.0).suffix(" images/s"))
                .on_hover_text("Images in a second of the path")
        };
        edit(ui, actions, keys.frames_per_second, rate, PathAction::SetFramesPerSecond);
        let closed = |ui: &mut egui::Ui, closed: &mut bool| {
            ui.checkbox(closed, "closed").on_hover_text("Come back to the first key frame")
        };
        edit(ui, actions, keys.closed, closed, PathAction::SetClosed);
    });
    let hints = ["Width of the images", "Height of the images"];
    ui.horizontal(|ui| size_fields(ui, actions, keys.size, hints, PathAction::SetSize));
}

/// The bar of an export, and the way to cancel it.
fn export_row(ui: &mut egui::Ui, export: &PathExport, actions: &mut Vec<Action>) {
    let (done, total) = (export.task.progress().done(), export.total);
    let hint = "Images that are exported so far stay; a video goes";
    button(ui, actions, "Cancel", hint, PathAction::CancelExport);
    let bar = egui::ProgressBar::new(done as f32 / total.max(1) as f32);
    ui.add(bar.text(format!("image {done} of {total}")));
}
