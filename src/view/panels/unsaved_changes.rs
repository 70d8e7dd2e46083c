//! The question before work is lost: another scene, or the end, where edits or a camera path are not saved.

use eframe::egui::{self, RichText};

use crate::view::action::{Action, FileAction};
use crate::view::state::ask::Ask;
use crate::view::theme;

use super::inputs::Inputs;

/// The question, while it is open.
pub fn show(context: &egui::Context, inputs: &Inputs, actions: &mut Vec<Action>) {
    let Some(to) = &inputs.state.unsaved.asked else { return };
    let unsaved = inputs.state.unsaved_changes(to);
    let names: Vec<&str> = unsaved.iter().map(|&(name, _)| name).collect();
    let sent = actions.len();
    let modal = egui::Modal::new(egui::Id::unique("unsaved changes")).show(context, |ui| {
        ui.label(RichText::new("Not saved yet").strong().color(theme::ACCENT));
        ui.label(format!("{} would be lost.", names.join(" and ")));
        ui.add_space(8.0);
        ui.horizontal(|ui| {
            for &(_, ask) in &unsaved {
                let text = if ask == Ask::SavePath { "Save the path …" } else { "Save the scene …" };
                if ui.button(text).clicked() {
                    actions.push(FileAction::SaveAndLeave(ask).into());
                }
            }
            if ui.button("Leave without saving").clicked() {
                actions.push(FileAction::LeaveWithoutSaving.into());
            }
            if ui.button("Stay").on_hover_text("Esc").clicked() {
                actions.push(FileAction::Stay.into());
            }
        });
    });
    if actions.len() == sent && (unsaved.is_empty() || modal.should_close()) {
        actions.push(FileAction::Stay.into());
    }
}
