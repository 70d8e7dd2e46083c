//! Settings of how the scene is shown.

use eframe::egui;

use crate::view::action::{Action, ViewAction};

use super::inputs::Inputs;
use super::widgets::{edit, row, rows};

/// The rows of the section.
pub fn show(ui: &mut egui::Ui, inputs: &Inputs, actions: &mut Vec<Action>) {
    let settings = inputs.state.settings;
    let most = inputs.state.scene.sh_degree;
    rows(ui, "appearance", |ui| {
        let label = row(ui, "Splat size", "Factor on the size of every Gaussian");
        let slider = |ui: &mut egui::Ui, size: &mut f32| {
            ui.add(egui::Slider::new(size, 0.05..=2.0).fixed_decimals(2)).labelled_by(label)
        };
        edit(ui, actions, settings.splat_size, slider, ViewAction::SetSplatSize);
        ui.end_row();

        let hint = "Degree of the spherical harmonics: 0 is the same colour from all sides";
        let label = row(ui, "View colour", hint);
        let slider = |ui: &mut egui::Ui, degree: &mut u32| {
            ui.add_enabled(most > 0, egui::Slider::new(degree, 0..=most.max(1))).labelled_by(label)
        };
        edit(ui, actions, settings.sh_degree, slider, ViewAction::SetShDegree);
        ui.end_row();

        let label = row(ui, "Background", "What shines through where the scene is not opaque");
        ui.horizontal(|ui| {
            let picker = |ui: &mut egui::Ui, colour: &mut [f32; 3]| ui.color_edit_button_rgb(colour).labelled_by(label);
            edit(ui, actions, settings.background, picker, ViewAction::SetBackground);
            for (name, colour) in [("black", [0.0; 3]), ("white", [1.0; 3])] {
                if ui.small_button(name).clicked() {
                    actions.push(ViewAction::SetBackground(colour).into());
                }
            }
        });
        ui.end_row();

        row(ui, "Anti-aliasing", "Less opacity for Gaussians thinner than a pixel; right for scenes trained so");
        let check = |ui: &mut egui::Ui, on: &mut bool| ui.checkbox(on, "thin Gaussians fade");
        edit(ui, actions, settings.antialiased, check, ViewAction::SetAntialiased);
        ui.end_row();
    });
}
