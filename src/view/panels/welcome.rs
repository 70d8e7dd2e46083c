//! The first screen: what can be opened.

use eframe::egui::{self, Rect, RichText, pos2, vec2};

use crate::view::action::{Action, FileAction};
use crate::view::state::State;
use crate::view::state::ask::Ask;
use crate::view::state::unsaved_changes::Leave;
use crate::view::text::file_name;
use crate::view::theme;

use super::inputs::Inputs;
use super::widgets::{quiet, send};

/// Most files in the list of those opened last.
const RECENT: usize = 6;

/// The ways to begin, for new users.
const WAYS: &[(&str, &str)] = &[
    (
        "Photos whose cameras are known (COLMAP, transforms.json)",
        "open their folder and press Train: the scene grows here",
    ),
    ("A scene (PLY, SPZ, SOG, splat, …) or a folder of PLY files in time", "look, crop, clean, save as any format"),
    ("A video of it", "press K at some views, then export images or a video under Camera path"),
];

/// The screen where nothing is open yet, or something is being opened.
pub fn show(ui: &mut egui::Ui, inputs: &Inputs, full: Rect, actions: &mut Vec<Action>) {
    let state = inputs.state;
    let column = Rect::from_center_size(full.center(), vec2(460.0_f32.min(full.width()), 520.0));
    ui.scope_builder(egui::UiBuilder::new().max_rect(column), |ui| {
        ui.vertical_centered(|ui| {
            ui.add_space(20.0);
            ui.label(RichText::new("Dapple").size(34.0).strong().color(theme::ACCENT));
            if let Some(path) = &state.opening {
                ui.add_space(24.0);
                ui.spinner();
                ui.label(RichText::new(format!("opening {}", path.display())).color(theme::QUIET));
                return;
            }
            ui.label("Drop a scene, a run or a capture here,");
            ui.label("or choose one:");
            ui.add_space(8.0);
            open_buttons(ui, actions);
            ui.add_space(10.0);
            path_field(ui, state, actions);
            recent_list(ui, state, actions);
            ui.add_space(14.0);
            for (what, how) in WAYS {
                ui.label(RichText::new(*what).small().color(theme::TEXT));
                ui.label(quiet(*how));
                ui.add_space(4.0);
            }
        });
    });
}

fn open_buttons(ui: &mut egui::Ui, actions: &mut Vec<Action>) {
    let row = ui.available_rect_before_wrap();
    let row = Rect::from_center_size(pos2(row.center().x, row.min.y + 16.0), vec2(252.0, 32.0));
    ui.scope_builder(egui::UiBuilder::new().max_rect(row), |ui| {
        ui.horizontal(|ui| {
            let button = |text: &str| egui::Button::new(text.to_string()).min_size(vec2(122.0, 30.0));
            let hint = "PLY, SPZ, SOG, splat, ksplat, glTF, USD, or a transforms.json";
            send(ui, actions, button("Open a file …"), hint, FileAction::Ask(Ask::OpenFile));
            let hint = "A run of dapple train, or a capture: COLMAP or transforms.json";
            send(ui, actions, button("Open a folder …"), hint, FileAction::Ask(Ask::OpenFolder));
        });
    });
}

fn path_field(ui: &mut egui::Ui, state: &State, actions: &mut Vec<Action>) {
    let hint = RichText::new("or type its path and press Enter").color(theme::QUIET);
    let mut text = state.typed_path.clone();
    let field = egui::TextEdit::singleline(&mut text).hint_text(hint).desired_width(360.0);
    let response = ui.add(field.background_color(theme::RAISED));
    if response.changed() {
        actions.push(FileAction::SetTypedPath(text.clone()).into());
    }
    if response.lost_focus() && ui.input(|input| input.key_pressed(egui::Key::Enter)) {
        actions.push(FileAction::Leave(Leave::Open(text.trim().into())).into());
    }
}

fn recent_list(ui: &mut egui::Ui, state: &State, actions: &mut Vec<Action>) {
    let recent: Vec<_> = state.recent.paths().iter().filter(|path| path.exists()).take(RECENT).collect();
    if recent.is_empty() {
        return;
    }
    ui.add_space(14.0);
    ui.label(quiet("Opened lately"));
    for path in recent {
        let link = egui::Link::new(file_name(path));
        send(ui, actions, link, &path.display().to_string(), FileAction::Leave(Leave::Open(path.clone())));
    }
}
