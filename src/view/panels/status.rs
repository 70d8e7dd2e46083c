//! The line at the bottom: what is shown, and what the mouse does.

use eframe::egui::{self, RichText};

use crate::view::state::State;
use crate::view::state::document::Kind;
use crate::view::state::edit::Tool;
use crate::view::text::grouped;

use super::inputs::Inputs;
use super::widgets::quiet;

/// The line at the bottom of the window.
pub fn show(ui: &mut egui::Ui, inputs: &Inputs) {
    let state = inputs.state;
    let bar = egui::Frame::new().inner_margin(egui::Margin::symmetric(12, 4));
    egui::Panel::bottom("status").frame(bar).show(ui, |ui| {
        ui.horizontal(|ui| {
            match &state.document {
                Some(document) => {
                    ui.label(RichText::new(document.title()).small().strong());
                    let count = grouped(state.scene.gaussians as u64);
                    ui.label(quiet(format!("{} · {} · {count} Gaussians", document.kind.name(), document.origin)))
                        .on_hover_text(document.path.display().to_string());
                }
                None => drop(ui.label(quiet("nothing is open"))),
            }
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                ui.label(quiet(hint(state, inputs.jobs.training.is_some())));
            });
        });
    });
}

fn hint(state: &State, is_training: bool) -> String {
    if state.document.is_none() {
        return "drop a file or a folder on the window".into();
    }
    match state.edit.tool {
        Tool::None => {}
        Tool::Rectangle => return "drag a rectangle · Shift adds, Alt removes · Delete · Esc".into(),
        Tool::Brush => return "paint over the Gaussians · Alt removes · Delete · Esc".into(),
        Tool::Sphere => return "click on a surface · Shift adds, Alt removes · Delete · Esc".into(),
    }
    if state.document.as_ref().is_some_and(|document| document.kind == Kind::Capture) && !is_training {
        return "press Train to learn the scene from these photos · drag: orbit · H: help".into();
    }
    if state.probe.on {
        return "point at a pixel · click: hold it · T or Esc: end the probe · H: help".into();
    }
    let speed = state.flight_speed;
    format!("drag: orbit · right drag: look · WASD: fly at {speed:.2} × · double-click: pivot · H: help")
}
