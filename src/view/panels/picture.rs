//! Saving pictures of what the window shows.

use std::path::Path;

use eframe::egui;

use crate::view::action::{Action, FileAction};
use crate::view::state::ask::Ask;
use crate::view::text::full_path;

use super::inputs::Inputs;
use super::widgets::{button, edit};

/// The size that is suggested where it is not the window's.
const SIZE: (u32, u32) = (1920, 1080);

/// The rows of the section.
pub fn show(ui: &mut egui::Ui, inputs: &Inputs, actions: &mut Vec<Action>) {
    let size = inputs.state.picture_size;
    let check = |ui: &mut egui::Ui, own: &mut bool| ui.checkbox(own, "another size than the window's");
    edit(ui, actions, size.is_some(), check, |own| FileAction::SetPictureSize(own.then_some(SIZE)));
    if let Some(size) = size {
        ui.horizontal(|ui| {
            size_fields(ui, actions, size, ["Width", "Height"], |size| FileAction::SetPictureSize(Some(size)))
        });
    }
    ui.horizontal(|ui| {
        let hint = format!("As dapple-001.png, or the next number, in {}", full_path(Path::new(".")));
        button(ui, actions, "Save", &hint, FileAction::SaveNextPicture);
        button(ui, actions, "Save as …", "", FileAction::Ask(Ask::SavePicture));
    });
}

/// Fields for width and height in pixels, with a hint each.
pub fn size_fields<A: Into<Action>>(
    ui: &mut egui::Ui,
    actions: &mut Vec<Action>,
    (width, height): (u32, u32),
    hints: [&str; 2],
    action: impl Fn((u32, u32)) -> A,
) {
    let field = |hint: &str| {
        let hint = hint.to_string();
        move |ui: &mut egui::Ui, value: &mut u32| {
            ui.add(egui::DragValue::new(value).range(16..=8192)).on_hover_text(hint)
        }
    };
    edit(ui, actions, width, field(hints[0]), |width| action((width, height)));
    ui.label("×");
    edit(ui, actions, height, field(hints[1]), |height| action((width, height)));
    ui.label("pixels");
}
