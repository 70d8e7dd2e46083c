//! Cropping, selecting and deleting.

use eframe::egui::{self, RichText};

use crate::render::DELETED;
use crate::view::action::{Action, EditAction, FileAction, ViewAction};
use crate::view::keys::hint_with_key;
use crate::view::state::ask::Ask;
use crate::view::state::crop::Corners;
use crate::view::state::edit::{Edit, Tool};
use crate::view::text::grouped;
use crate::view::theme;

use super::inputs::Inputs;
use super::widgets::{button, choice, edit, quiet, send_if};

/// The tools with their names and hints.
const TOOLS: [(Tool, &str, &str); 4] = [
    (Tool::None, "move", "The mouse moves the view"),
    (Tool::Rectangle, "rectangle", "Select by a rectangle on the picture, all the way through"),
    (Tool::Brush, "brush", "Select by painting on the picture, all the way through"),
    (Tool::Sphere, "sphere", "Select around a point of the surface"),
];

/// The rows of the section.
pub fn show(ui: &mut egui::Ui, inputs: &Inputs, actions: &mut Vec<Action>) {
    if inputs.state.is_growing() {
        ui.label(quiet("The scene is in training. Stop that, and it can be cropped, cleaned and saved here."));
        return;
    }
    let state = &inputs.state.edit;
    let hint = hint_with_key("Only what is inside is shown and saved", &EditAction::ToggleCrop.into());
    let crops = |ui: &mut egui::Ui, on: &mut bool| ui.checkbox(on, "crop box").on_hover_text(hint);
    edit(ui, actions, state.is_cropped(), crops, |_| EditAction::ToggleCrop);
    if let Some(corners) = state.state.crop {
        crop_rows(ui, state, corners, actions);
    }
    ui.separator();
    ui.horizontal_wrapped(|ui| {
        for (tool, name, hint) in TOOLS {
            let key = match tool {
                Tool::None => Action::View(ViewAction::Escape),
                tool => Action::Edit(EditAction::ToggleTool(tool)),
            };
            choice(ui, actions, (state.tool == tool, name), &hint_with_key(hint, &key), EditAction::SetTool(tool));
        }
    });
    tool_settings(ui, state, actions);
    let (selected, deleted) = (state.selected(), state.state.count(DELETED));
    ui.label(quiet(format!("{} selected, {} deleted", grouped(selected as u64), grouped(deleted as u64))));
    ui.horizontal(|ui| {
        let word = egui::Button::new;
        send_if(ui, actions, selected > 0, word("Delete"), "The selection", EditAction::DeleteSelection);
        send_if(ui, actions, state.can_undo(), word("Undo"), "", EditAction::Undo);
        send_if(ui, actions, state.can_redo(), word("Redo"), "", EditAction::Redo);
    });
    let hint = "Without what is cropped and deleted";
    button(ui, actions, "Save the scene as …", hint, FileAction::Ask(Ask::SaveScene));
}

fn tool_settings(ui: &mut egui::Ui, state: &Edit, actions: &mut Vec<Action>) {
    match state.tool {
        Tool::Sphere => {
            let slider = |ui: &mut egui::Ui, radius: &mut f64| {
                let slider = egui::Slider::new(radius, 0.005..=1.0).logarithmic(true).text("radius");
                ui.add(slider).on_hover_text("As a share of the scene's size")
            };
            edit(ui, actions, state.sphere_radius, slider, EditAction::SetSphereRadius);
        }
        Tool::Brush => {
            let slider = |ui: &mut egui::Ui, radius: &mut f32| {
                ui.add(egui::Slider::new(radius, 4.0..=120.0).fixed_decimals(0).text("radius"))
            };
            edit(ui, actions, state.brush_radius, slider, EditAction::SetBrushRadius);
        }
        Tool::None | Tool::Rectangle => {}
    }
}

fn crop_rows(ui: &mut egui::Ui, state: &Edit, corners: Corners, actions: &mut Vec<Action>) {
    ui.label(quiet("drag the dots on its sides; zoom out to see them"));
    crop_fields(ui, state, corners, actions);
    let dims = |ui: &mut egui::Ui, dims: &mut bool| {
        ui.checkbox(dims, "show the rest faintly").on_hover_text("What the box leaves out")
    };
    edit(ui, actions, state.dim_outside, dims, EditAction::SetDimOutside);
    ui.horizontal(|ui| {
        ui.label(RichText::new("box around").color(theme::QUIET));
        for (name, corners, hint) in [
            ("the middle", state.inner, "The inner eight tenths of the Gaussians, along each axis"),
            ("all", state.bounds, "Nearly the whole scene, as at first"),
        ] {
            button(ui, actions, name, hint, EditAction::SetCrop(corners));
        }
    });
}

fn crop_fields(ui: &mut egui::Ui, state: &Edit, (mut low, mut high): Corners, actions: &mut Vec<Action>) {
    let size = (state.bounds.1 - state.bounds.0).max_element().max(1e-6);
    let (mut changed, mut begun) = (false, false);
    egui::Grid::new("crop").num_columns(3).show(ui, |ui| {
        for (axis, name) in ["X", "Y", "Z"].into_iter().enumerate() {
            ui.label(RichText::new(name).color(theme::QUIET));
            for (value, end) in [(&mut low[axis], "from"), (&mut high[axis], "to")] {
                let drag = egui::DragValue::new(value).speed(0.003 * size).max_decimals(4);
                let response = ui.add(drag).on_hover_text(format!("{name} {end}"));
                changed |= response.changed();
                begun |= response.drag_started() || response.gained_focus();
            }
            ui.end_row();
        }
    });
    if begun {
        // One drag is one step, from before it.
        actions.push(EditAction::BeginCropChange.into());
    }
    if changed {
        actions.push(EditAction::ChangeCrop((low.min(high), high.max(low))).into());
    }
}
