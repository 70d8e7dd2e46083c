//! The camera that the window looks through.

use eframe::egui;
use glam::DVec3;

use crate::view::action::{Action, CameraAction};
use crate::view::state::State;
use crate::view::state::navigation::FOV;

use super::inputs::Inputs;
use super::widgets::{button, choice, edit, row, rows};

/// Axes that may be up.
const UPS: [(&str, DVec3); 6] = [
    ("+X", DVec3::X),
    ("-X", DVec3::NEG_X),
    ("+Y", DVec3::Y),
    ("-Y", DVec3::NEG_Y),
    ("+Z", DVec3::Z),
    ("-Z", DVec3::NEG_Z),
];

/// The rows of the section.
pub fn show(ui: &mut egui::Ui, inputs: &Inputs, actions: &mut Vec<Action>) {
    let state = inputs.state;
    rows(ui, "camera", |ui| {
        let label = row(ui, "Field of view", "Vertical angle that the picture spans");
        let range = FOV.start().to_degrees()..=FOV.end().to_degrees();
        let slider = |ui: &mut egui::Ui, degrees: &mut f64| {
            let slider = egui::Slider::new(degrees, range).suffix("°").fixed_decimals(0);
            ui.add(slider.clamping(egui::SliderClamping::Edits)).labelled_by(label)
        };
        let set = |degrees: f64| CameraAction::SetFieldOfView(degrees.to_radians());
        edit(ui, actions, state.eye.fov.to_degrees(), slider, set);
        ui.end_row();

        let label = row(ui, "Flight speed", "Factor on the speed of WASD; the wheel changes it while flying");
        let slider = |ui: &mut egui::Ui, speed: &mut f64| {
            let slider = egui::Slider::new(speed, 0.01..=100.0).logarithmic(true).fixed_decimals(2);
            ui.add(slider).labelled_by(label)
        };
        edit(ui, actions, state.flight_speed, slider, CameraAction::SetFlightSpeed);
        ui.end_row();

        let label = row(ui, "Up", "The axis that orbiting turns about; the first is that of the capture");
        ui.horizontal(|ui| {
            up_axis(ui, state, actions).labelled_by(label);
            button(ui, actions, "First view", "Back to where it began", CameraAction::FirstView);
        });
        ui.end_row();
    });
}

fn up_axis(ui: &mut egui::Ui, state: &State, actions: &mut Vec<Action>) -> egui::Response {
    let up = state.eye.up;
    let known = UPS.iter().find(|(_, axis)| axis.dot(up) > 0.9999);
    let name = known.map_or("capture's", |(name, _)| name);
    let combo = egui::ComboBox::from_id_salt("up").width(88.0).selected_text(name);
    let combo = combo.show_ui(ui, |ui| {
        let own = state.document.as_ref().map(|document| ("capture's", document.ring.up));
        for (name, axis) in own.into_iter().chain(UPS) {
            choice(ui, actions, (up == axis, name), "", CameraAction::SetUp(axis));
        }
    });
    combo.response
}
