//! The help sheet: the table of keys and gestures.

use eframe::egui::{self, Align2, RichText, vec2};

use crate::view::action::{Action, ViewAction};
use crate::view::keys::HELP;
use crate::view::theme;

use super::inputs::Inputs;

/// The help sheet, while it is open.
pub fn show(context: &egui::Context, inputs: &Inputs, actions: &mut Vec<Action>) {
    let mut open = inputs.state.help;
    egui::Window::new("Mouse and keys")
        .open(&mut open)
        .collapsible(false)
        .resizable(false)
        .anchor(Align2::CENTER_CENTER, vec2(0.0, 0.0))
        .show(context, |ui| {
            egui::Grid::new("help").num_columns(2).spacing(vec2(36.0, 16.0)).show(ui, |ui| {
                for (index, (title, rows)) in HELP.iter().enumerate() {
                    ui.vertical(|ui| {
                        ui.label(RichText::new(*title).strong().color(theme::ACCENT));
                        egui::Grid::new(title).num_columns(2).spacing(vec2(14.0, 4.0)).show(ui, |ui| {
                            for row in *rows {
                                ui.label(RichText::new(row.how()).monospace().color(theme::WARM));
                                ui.label(row.what);
                                ui.end_row();
                            }
                        });
                    });
                    if index % 2 == 1 {
                        ui.end_row();
                    }
                }
            });
        });
    if inputs.state.help && !open {
        actions.push(ViewAction::ToggleHelp.into());
    }
}
