//! The bar that plays a clip.

use eframe::egui;

use crate::view::action::{Action, TimeAction};
use crate::view::state::timeline::{Ends, Timeline};

use super::inputs::Inputs;
use super::widgets::{button, choice, edit, quiet};

/// The bar, over the whole width of the window.
pub fn show(ui: &mut egui::Ui, inputs: &Inputs, actions: &mut Vec<Action>) {
    let clock = &inputs.state.timeline;
    let bar = egui::Frame::new().inner_margin(egui::Margin::symmetric(12, 8));
    egui::Panel::bottom("transport").frame(bar).show(ui, |ui| {
        ui.horizontal(|ui| {
            let word = if clock.is_playing() { "pause" } else { "play" };
            button(ui, actions, word, "Play or pause", TimeAction::PlayPause);
            for (sign, forward, hint) in [("<", false, "A step back"), (">", true, "A step on")] {
                button(ui, actions, sign, hint, TimeAction::Step { forward });
            }
            let name = ui.label(quiet("time")).id;
            ui.spacing_mut().slider_width = (ui.available_width() - 560.0).max(80.0);
            let slider = |ui: &mut egui::Ui, time: &mut f32| {
                let slider = egui::Slider::new(time, 0.0..=1.0).fixed_decimals(3);
                ui.add(slider.clamping(egui::SliderClamping::Edits))
                    .labelled_by(name)
                    .on_hover_text("Time within the clip, from 0 to 1: drag to scrub")
            };
            edit(ui, actions, clock.time(), slider, TimeAction::Seek);
            moment(ui, clock, actions);
            playing(ui, clock, actions);
        });
    });
}

/// Which moment it is, whether only moments are shown, and how many pictures come in a second.
fn moment(ui: &mut egui::Ui, clock: &Timeline, actions: &mut Vec<Action>) {
    if let Some((number, moments)) = clock.moment_of() {
        let hint = "Show the moments that the clip was taken at, and nothing between them";
        let check = |ui: &mut egui::Ui, snaps: &mut bool| {
            ui.checkbox(snaps, format!("{number} of {moments}")).on_hover_text(hint)
        };
        edit(ui, actions, clock.snaps, check, TimeAction::SetSnaps);
    }
    let rate = clock.rate().map_or_else(String::new, |rate| format!("{rate:.0} pictures/s"));
    let hint = "Pictures that are too late are left out, so that the clip keeps its rate";
    ui.label(quiet(rate)).on_hover_text(hint);
}

/// Speed, length, and behaviour at the ends.
fn playing(ui: &mut egui::Ui, clock: &Timeline, actions: &mut Vec<Action>) {
    let speed = |ui: &mut egui::Ui, speed: &mut f64| {
        let field = egui::DragValue::new(speed).range(0.05..=8.0).speed(0.02).suffix(" ×").prefix("speed ");
        ui.add(field).on_hover_text("How fast the clip plays; 1 is its own rate")
    };
    edit(ui, actions, clock.speed, speed, TimeAction::SetSpeed);
    let seconds = |ui: &mut egui::Ui, seconds: &mut f64| {
        let field = egui::DragValue::new(seconds).range(0.1..=600.0).speed(0.05).prefix("lasts ").suffix(" s");
        ui.add(field).on_hover_text("How long the clip lasts at speed 1; a scene does not say")
    };
    edit(ui, actions, clock.seconds, seconds, TimeAction::SetSeconds);
    for (ends, sign, hint) in [
        (Ends::Stop, "once", "Stop at the end"),
        (Ends::Loop, "loop", "Start again at the end"),
        (Ends::PingPong, "back", "Play backwards from the end (ping-pong)"),
    ] {
        choice(ui, actions, (clock.ends == ends, sign), hint, TimeAction::SetEnds(ends));
    }
}
