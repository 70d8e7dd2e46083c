//! Messages on the picture.

use eframe::egui::{self, Align2, Rect, RichText, vec2};

use crate::view::action::{Action, FileAction};
use crate::view::theme;

use super::inputs::Inputs;
use super::overlays::overlay;

/// The messages, the last one lowest, in a corner of a rectangle.
pub fn show(ui: &egui::Ui, inputs: &Inputs, full: Rect, actions: &mut Vec<Action>) {
    let notices = inputs.state.notices.list();
    if notices.is_empty() {
        return;
    }
    overlay(ui, "notices", full.right_top() + vec2(-12.0, 12.0), Align2::RIGHT_TOP, |ui| {
        ui.set_max_width(400.0);
        for (index, notice) in notices.iter().enumerate() {
            ui.horizontal_top(|ui| {
                let colour = if notice.is_error { theme::BAD } else { theme::TEXT };
                if ui.small_button("×").on_hover_text("Close").clicked() {
                    actions.push(FileAction::CloseNotice(index).into());
                }
                ui.add(egui::Label::new(RichText::new(&notice.text).color(colour)).wrap());
            });
        }
    });
}
