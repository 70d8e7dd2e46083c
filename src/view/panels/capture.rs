//! The cameras of a capture: their list with thumbnails, and the comparison with their photos.

use eframe::egui::{self, Align2, Color32, FontId, RichText, vec2};

use crate::dataset::{Capture, Split};
use crate::view::action::{Action, CameraAction, ViewAction};
use crate::view::keys::hint_with_key;
use crate::view::state::compare::Layout;
use crate::view::theme;
use crate::view::work::photos::THUMBNAIL;

use super::inputs::Inputs;
use super::widgets::{button, choice, edit};

/// Height of the list of cameras, points.
const LIST: f32 = 230.0;
/// Time between two turns of the wheel that belong together, in seconds.
const SAME_TURN: f64 = 0.6;

/// The rows of the section.
pub fn show(ui: &mut egui::Ui, inputs: &Inputs, actions: &mut Vec<Action>) {
    let state = inputs.state;
    let Some(capture) = state.capture() else { return };
    let held_out = capture.shots.iter().filter(|shot| shot.split == Split::Test).count();
    ui.label(RichText::new(format!("{} images, {held_out} held out", capture.shots.len())).color(theme::QUIET))
        .on_hover_text(format!(
            "{}\nHeld out, and orange here: not learnt from, but compared with, to tell how good a scene is",
            capture.root.display()
        ));
    let hint = hint_with_key("In the scene; click one to go there", &ViewAction::ToggleCameras.into());
    let check = |ui: &mut egui::Ui, on: &mut bool| ui.checkbox(on, "show the cameras' frames").on_hover_text(hint);
    edit(ui, actions, state.shots.visible, check, |_| ViewAction::ToggleCameras);
    ui.horizontal(|ui| {
        button(ui, actions, "<", "Previous camera", CameraAction::VisitNext(-1));
        button(ui, actions, ">", "Next camera", CameraAction::VisitNext(1));
        let name = state.shot().map_or("not at a camera", |shot| shot.name.as_str());
        ui.add(egui::Label::new(RichText::new(name).small()).truncate());
    });
    comparison(ui, inputs, actions);
    list(ui, inputs, capture, actions);
}

fn comparison(ui: &mut egui::Ui, inputs: &Inputs, actions: &mut Vec<Action>) {
    let state = inputs.state;
    ui.horizontal_wrapped(|ui| {
        for (layout, name, hint) in Layout::ALL {
            let hint = hint_with_key(hint, &ViewAction::NextLayout.into());
            choice(ui, actions, (state.compare.layout == layout, name), &hint, ViewAction::SetLayout(layout));
        }
    });
    if state.compare.layout != Layout::Off && state.through.is_none() {
        ui.label(RichText::new("go to a camera to compare with its photo").small().color(theme::WARM));
    }
    if let (Some(outcome), Some(shot)) = (&inputs.comparison.outcome, state.through)
        && outcome.shot == shot
        && state.has_score()
    {
        ui.label(format!("PSNR of this view: {:.2} dB", outcome.psnr))
            .on_hover_text("Peak signal-to-noise ratio against the photo, at the photo's size; higher is better");
    }
}

fn list(ui: &mut egui::Ui, inputs: &Inputs, capture: &Capture, actions: &mut Vec<Action>) {
    let height = THUMBNAIL as f32 * 0.5 + 8.0;
    // A list that slides under the pointer while the panel is turned does not take the wheel over.
    let turned = ui.input(|input| input.time) - scrolled_at(ui).1 < SAME_TURN;
    let source = egui::scroll_area::ScrollSource { mouse_wheel: !turned, ..Default::default() };
    egui::ScrollArea::vertical()
        .id_salt("shots")
        .scroll_source(source)
        .max_height(LIST)
        .min_scrolled_height(LIST)
        .auto_shrink([false, true])
        .show_rows(ui, height, capture.shots.len(), |ui, range| {
            if inputs.state.shots.listed != range {
                actions.push(CameraAction::ListShots(range.clone()).into());
            }
            for shot in range {
                if shot_row(ui, inputs, capture, shot, height) {
                    actions.push(CameraAction::VisitShot(shot).into());
                }
            }
        });
}

/// Offset to which the side panel is scrolled, in points, and time when it was last scrolled, in seconds.
fn scrolled_at(ui: &egui::Ui) -> (f32, f64) {
    ui.data(|data| data.get_temp(egui::Id::unique("side panel scrolled"))).unwrap_or((0.0, f64::NEG_INFINITY))
}

/// Notes where the side panel, in which the list lies, is scrolled to.
pub fn note_scrolling(ui: &egui::Ui, offset: f32) {
    if scrolled_at(ui).0 != offset {
        let now = ui.input(|input| input.time);
        ui.data_mut(|data| data.insert_temp(egui::Id::unique("side panel scrolled"), (offset, now)));
    }
}

/// A row of the list; whether it is clicked.
fn shot_row(ui: &mut egui::Ui, inputs: &Inputs, capture: &Capture, shot: usize, height: f32) -> bool {
    let chosen = inputs.state.through == Some(shot);
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), height), egui::Sense::click());
    let fill = match (chosen, response.hovered()) {
        (true, _) => ui.visuals().selection.bg_fill,
        (false, true) => theme::RAISED,
        (false, false) => Color32::TRANSPARENT,
    };
    ui.painter().rect_filled(rect, 5.0, fill);
    let picture = egui::Rect::from_min_size(rect.min + vec2(4.0, 4.0), vec2(THUMBNAIL as f32 * 0.7, height - 8.0));
    match inputs.thumbnails.get(shot) {
        Some(Some(texture)) => {
            let size = texture.size_vec2();
            let scale = (picture.width() / size.x).min(picture.height() / size.y);
            let place = egui::Rect::from_center_size(picture.center(), size * scale);
            egui::Image::new(texture).corner_radius(3.0).paint_at(ui, place);
        }
        Some(None) => {
            let font = FontId::proportional(10.0);
            ui.painter().text(picture.center(), Align2::CENTER_CENTER, "no image", font, theme::BAD);
        }
        None => drop(ui.painter().rect_filled(picture, 3.0, theme::GROUND)),
    }
    let name = &capture.shots[shot].name;
    let short = name.rsplit('/').next().unwrap_or(name);
    let at = egui::pos2(picture.right() + 8.0, rect.center().y);
    let held_out = capture.shots[shot].split == Split::Test;
    response.widget_info(|| egui::WidgetInfo::selected(egui::Role::ListBoxOption, true, chosen, short));
    let colour = if held_out { theme::WARM } else { theme::TEXT };
    let clip = ui.painter().with_clip_rect(rect);
    clip.text(at, Align2::LEFT_CENTER, short, FontId::proportional(12.0), colour);
    let note = if held_out { ", held out" } else { "" };
    response.on_hover_text(format!("{name}{note}: click to look through it")).clicked()
}
