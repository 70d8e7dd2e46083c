//! The mouse and held keys on the picture.

use eframe::egui::{self, CursorIcon, Key, Modifiers, PointerButton, Pos2, Rect, vec2};
use glam::{DVec3, dvec2};

use crate::view::action::{Action, CameraAction, EditAction, ViewAction};
use crate::view::draw::place::Place;
use crate::view::draw::{cameras, crop_box};
use crate::view::state::State;
use crate::view::state::compare::Layout;
use crate::view::state::crop::Grip;
use crate::view::state::edit::{Join, Tool};
use crate::view::state::navigation::angle_of;
use crate::view::state::select::Region;
use crate::view::theme;

use super::inputs::Inputs;

/// Limits of the factor on the speed of flight.
const SPEED: std::ops::RangeInclusive<f64> = 0.01..=100.0;

/// The picture's place in a part of the window: all of it, or the aspect ratio of the shot that is looked through.
pub fn place(ui: &egui::Ui, state: &State, part: Rect) -> Place {
    let aspect = state.shot().map(|shot| f64::from(shot.camera.lens.width) / f64::from(shot.camera.lens.height));
    Place::within(part, ui.ctx().pixels_per_point(), aspect)
}

/// Sends the actions of mouse and held keys on the picture.
pub fn interact(ui: &egui::Ui, inputs: &Inputs, response: &egui::Response, place: &Place, actions: &mut Vec<Action>) {
    let state = inputs.state;
    if drag_wipe(state, response, place, actions) || drag_crop_side(state, response, place, actions) {
        return;
    }
    let modifiers = ui.input(|input| input.modifiers);
    let selects = select(state, response, place, modifiers, actions);
    let drag = response.drag_delta();
    let height = f64::from(place.rect.height());
    let primary = response.dragged_by(PointerButton::Primary) && !selects;
    if primary && !modifiers.shift {
        actions.push(CameraAction::Orbit(dvec2(angle_of(drag.x), angle_of(drag.y))).into());
    }
    if primary && modifiers.shift || response.dragged_by(PointerButton::Middle) {
        actions.push(CameraAction::Pan { drag: dvec2(drag.x.into(), drag.y.into()), height }.into());
    }
    if response.dragged_by(PointerButton::Secondary) {
        // As far as the field of view says, so that what is looked at stays under the pointer.
        let angle = state.eye.fov / height;
        actions.push(CameraAction::LookAround(-angle * dvec2(drag.x.into(), drag.y.into())).into());
    }
    if let Some(pointer) = response.hover_pos() {
        wheel(ui, state, place, pointer, actions);
        if !selects {
            click(state, response, place, pointer, actions);
        }
    }
    // A key that has opened a dialog (Ctrl + S) may still be down when Ctrl no longer is.
    if !ui.ctx().egui_wants_keyboard_input() && !inputs.jobs.dialogs.is_open() {
        fly(ui, state, actions);
    }
}

fn click(state: &State, response: &egui::Response, place: &Place, pointer: Pos2, actions: &mut Vec<Action>) {
    if state.probe.on && response.clicked() {
        let at = (pointer - place.rect.min) / place.rect.size();
        actions.push(ViewAction::PinProbe(dvec2(at.x.into(), at.y.into())).into());
    } else if response.double_clicked() {
        let pixel = place.whole_pixel(pointer);
        actions.push(CameraAction::PivotAt { pixel, picture: place.size() }.into());
    } else if response.clicked() {
        let beside = state.compare.layout == Layout::Side && state.through.is_some();
        if !state.shots.visible || beside {
            return;
        }
        let camera = state.camera(place.size());
        let shot = cameras::shot_at(state, place, &camera, pointer);
        actions.extend(shot.map(|shot| CameraAction::VisitShot(shot).into()));
    }
}

/// The wheel, two fingers or a pinch: nearer and farther, or the speed of flight while flying.
fn wheel(ui: &egui::Ui, state: &State, place: &Place, pointer: Pos2, actions: &mut Vec<Action>) {
    let (scroll, pinch, flies) = ui.input(|input| {
        let flies = input.pointer.button_down(PointerButton::Secondary) || flight_direction(input) != DVec3::ZERO;
        (f64::from(input.smooth_scroll_delta().y), f64::from(input.zoom_delta()), flies)
    });
    if flies && scroll != 0.0 {
        let speed = state.flight_speed * (scroll * 0.004).exp();
        actions.push(CameraAction::SetFlightSpeed(speed.clamp(*SPEED.start(), *SPEED.end())).into());
    } else if !flies && (scroll != 0.0 || pinch != 1.0) {
        let offset = pointer - place.rect.center();
        let (offset, height) = (dvec2(offset.x.into(), offset.y.into()), place.rect.height().into());
        let factor = (-scroll * 0.0025).exp() / pinch;
        actions.push(CameraAction::Zoom { factor, offset, height }.into());
    }
}

fn fly(ui: &egui::Ui, state: &State, actions: &mut Vec<Action>) {
    let (direction, fast, passed) =
        ui.input(|input| (flight_direction(input), input.modifiers.shift, f64::from(input.stable_dt.min(0.1))));
    if direction != DVec3::ZERO {
        let pace = 0.6 * state.size() * state.flight_speed * if fast { 4.0 } else { 1.0 };
        actions.push(CameraAction::Fly(direction.normalize() * pace * passed).into());
    }
}

/// The direction in which held keys fly: x right, y down, z forward.
fn flight_direction(input: &egui::InputState) -> DVec3 {
    if input.modifiers.command || input.modifiers.alt {
        return DVec3::ZERO;
    }
    let axis = |plus: Key, minus: Key| f64::from(input.key_down(plus)) - f64::from(input.key_down(minus));
    DVec3::new(axis(Key::D, Key::A), axis(Key::Q, Key::E), axis(Key::W, Key::S))
}

/// Moves the line of the wipe; whether the mouse does that.
fn drag_wipe(state: &State, response: &egui::Response, place: &Place, actions: &mut Vec<Action>) -> bool {
    let wipes = state.compare.layout == Layout::Wipe && state.through.is_some();
    if !wipes || !response.dragged_by(PointerButton::Primary) {
        return false;
    }
    if let Some(pointer) = response.interact_pointer_pos() {
        let share = (pointer.x - place.rect.left()) / place.rect.width();
        actions.push(ViewAction::MoveWipe(share.clamp(0.0, 1.0)).into());
    }
    true
}

/// Moves the side of the crop box that the mouse holds; whether it holds one.
fn drag_crop_side(state: &State, response: &egui::Response, place: &Place, actions: &mut Vec<Action>) -> bool {
    let Some(corners) = state.edit.state.crop else { return false };
    let Some(pointer) = response.interact_pointer_pos().or(response.hover_pos()) else { return false };
    let camera = state.camera(place.size());
    let mut grip = state.edit.grip;
    if response.drag_started_by(PointerButton::Primary) {
        let from = response.ctx.input(|input| input.pointer.press_origin()).unwrap_or(pointer);
        if let Some((side, along)) = crop_box::side_at(corners, place, &camera, from) {
            let (from, along) = (glam::vec2(from.x, from.y), glam::vec2(along.x, along.y));
            let taken = Grip { side, from, value: side.value(corners), along };
            actions.push(EditAction::GrabCropSide(taken).into());
            grip = Some(taken);
        }
    }
    let Some(grip) = grip else {
        if crop_box::side_at(corners, place, &camera, pointer).is_some() {
            response.ctx.set_cursor_icon(CursorIcon::Grab);
        }
        return false;
    };
    response.ctx.set_cursor_icon(CursorIcon::Grabbing);
    actions.push(EditAction::MoveCropSide(grip.value_at(glam::vec2(pointer.x, pointer.y))).into());
    if !response.dragged_by(PointerButton::Primary) {
        actions.push(EditAction::ReleaseCropSide.into());
    }
    true
}

/// Selects with the tool in hand; returns whether the mouse does nothing else.
fn select(
    state: &State,
    response: &egui::Response,
    place: &Place,
    modifiers: Modifiers,
    actions: &mut Vec<Action>,
) -> bool {
    let Some(pointer) = response.interact_pointer_pos().or(response.hover_pos()) else { return false };
    let (join, picture) = (join_of(modifiers), place.size());
    match state.edit.tool {
        Tool::None => return false,
        Tool::Rectangle => {
            if response.drag_started_by(PointerButton::Primary) {
                let start = response.ctx.input(|input| input.pointer.press_origin()).unwrap_or(pointer);
                actions.push(EditAction::BeginRectangle(place.pixel(start)).into());
            }
            if let Some(start) = state.edit.rectangle_start.filter(|_| response.drag_stopped_by(PointerButton::Primary))
            {
                let region = Region::rectangle(start, place.pixel(pointer));
                actions.push(EditAction::Select { region, picture, join, is_step: true }.into());
            }
        }
        Tool::Brush => {
            if response.dragged_by(PointerButton::Primary) || response.clicked() {
                let radius = f64::from(state.edit.brush_radius) * place.pixels_per_point();
                let region = Region::Disc { centre: place.pixel(pointer), radius };
                let join = if join == Join::Remove { Join::Remove } else { Join::Add };
                // One stroke is one step.
                let is_step = response.drag_started_by(PointerButton::Primary) || response.clicked();
                actions.push(EditAction::Select { region, picture, join, is_step }.into());
            }
        }
        Tool::Sphere => {
            if response.clicked() {
                let pixel = place.whole_pixel(pointer);
                actions.push(EditAction::SelectSphere { pixel, picture, join }.into());
            }
            return response.clicked();
        }
    }
    true
}

fn join_of(modifiers: Modifiers) -> Join {
    match (modifiers.shift, modifiers.alt || modifiers.command) {
        (_, true) => Join::Remove,
        (true, false) => Join::Add,
        (false, false) => Join::Replace,
    }
}

/// Paints a hint where there are only cameras.
pub fn paint_empty(painter: &egui::Painter, state: &State, place: &Place) {
    let text = match state.through {
        None => {
            "The frames are the capture's cameras; click one to see its photo. Press Train, and the scene grows here."
        }
        Some(_) => "Press Train, and the scene grows here.",
    };
    let font = egui::FontId::proportional(14.0);
    let galley = painter.layout(text.into(), font, theme::TEXT, (place.rect.width() - 40.0).clamp(100.0, 360.0));
    let at = place.rect.center_top() + vec2(0.0, 16.0);
    let rect = egui::Align2::CENTER_TOP.anchor_size(at, galley.size() + vec2(28.0, 20.0));
    painter.rect_filled(rect, 7.0, theme::VEIL);
    painter.galley(rect.min + vec2(14.0, 10.0), galley, theme::TEXT);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modifiers_say_how_selections_join() {
        assert!(join_of(Modifiers::NONE) == Join::Replace);
        assert!(join_of(Modifiers::SHIFT) == Join::Add);
        assert!(join_of(Modifiers::ALT) == Join::Remove);
    }
}
