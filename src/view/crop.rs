//! The crop box: its numbers, and its sides that the mouse moves.

use eframe::egui::{self, CursorIcon, PointerButton, Pos2, RichText, Stroke, Vec2};
use glam::{DVec3, Vec3};

use crate::camera::Camera;

use super::app::Viewer;
use super::edit::State;
use super::side::{EDITING, reveal};
use super::theme;
use super::viewport::Place;

/// How near to a handle the pointer must be, points.
const REACH: f32 = 11.0;
/// Sides that move less than this many points while they cross the box cannot be held: they face the eye.
const SHORTEST: f32 = 12.0;

/// A side of the crop box.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Side {
    axis: usize,
    high: bool,
}

impl Side {
    fn all() -> impl Iterator<Item = Self> {
        (0..6).map(|i| Self { axis: i / 2, high: i % 2 == 1 })
    }

    fn value(self, (low, high): (Vec3, Vec3)) -> f32 {
        if self.high { high[self.axis] } else { low[self.axis] }
    }

    /// The box with this side moved, never through the opposite one.
    fn moved(self, (mut low, mut high): (Vec3, Vec3), value: f32, least: f32) -> (Vec3, Vec3) {
        if self.high {
            high[self.axis] = value.max(low[self.axis] + least);
        } else {
            low[self.axis] = value.min(high[self.axis] - least);
        }
        (low, high)
    }

    /// Where its handle is in the window, and how far that moves, in points, for one unit of the scene; `None` where it is
    /// behind the camera or faces it.
    fn handle(self, place: &Place, camera: &Camera, cropped: (Vec3, Vec3)) -> Option<(Pos2, Vec2)> {
        let (low, high) = cropped;
        let mut centre = low.midpoint(high).as_dvec3();
        centre[self.axis] = self.value(cropped).into();
        let size = f64::from((high - low)[self.axis]).max(1e-9);
        let step = 1e-3 * size;
        let mut beside = centre;
        beside[self.axis] += step;
        let at = place.point(camera, centre)?;
        let along = (place.point(camera, beside)? - at) / step as f32;
        (along.length() * size as f32 >= SHORTEST).then_some((at, along))
    }
}

/// A side that the mouse holds.
#[derive(Clone, Copy, Debug)]
pub struct Grip {
    side: Side,
    /// Where the mouse took it, the side's value then, and how it moves.
    from: Pos2,
    value: f32,
    along: Vec2,
}

impl Viewer {
    pub(super) fn toggle_crop(&mut self, context: &egui::Context) {
        if self.is_growing() {
            return self.tell("the scene is in training; stop that first, then crop it".into());
        }
        let crop = if self.edit.state.crop.is_some() { None } else { Some(self.edit.bounds) };
        self.edit.push(State { crop, ..self.edit.state.clone() });
        if crop.is_some() {
            reveal(context, EDITING);
        }
    }

    /// The side under the pointer: of those at one place the nearest to the eye.
    fn side_at(&self, place: &Place, camera: &Camera, pointer: Pos2) -> Option<(Side, Vec2)> {
        let cropped = self.edit.state.crop?;
        let near = Side::all().filter_map(|side| {
            let (at, along) = side.handle(place, camera, cropped)?;
            (at.distance(pointer) <= REACH).then(|| (at.distance(pointer), side, along))
        });
        near.min_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, side, along)| (side, along))
    }

    /// Moves the side of the box that the mouse holds; whether it holds one.
    pub(super) fn crop_drag(&mut self, response: &egui::Response, place: &Place) -> bool {
        let Some(cropped) = self.edit.state.crop else { return false };
        let Some(pointer) = response.interact_pointer_pos().or(response.hover_pos()) else { return false };
        let camera = self.camera(place.width, place.height);
        if response.drag_started_by(PointerButton::Primary) {
            let from = response.ctx.input(|input| input.pointer.press_origin()).unwrap_or(pointer);
            if let Some((side, along)) = self.side_at(place, &camera, from) {
                self.edit.remember();
                self.edit.grip = Some(Grip { side, from, value: side.value(cropped), along });
            }
        }
        let Some(Grip { side, from, value, along }) = self.edit.grip else {
            if self.side_at(place, &camera, pointer).is_some() {
                response.ctx.set_cursor_icon(CursorIcon::Grab);
            }
            return false;
        };
        response.ctx.set_cursor_icon(CursorIcon::Grabbing);
        let moved = (pointer - from).dot(along) / along.length_sq();
        let least = 1e-3 * (self.edit.bounds.1 - self.edit.bounds.0).max_element();
        self.edit.state.crop = Some(side.moved(cropped, value + moved, least));
        if !response.dragged_by(PointerButton::Primary) {
            self.edit.grip = None;
        }
        true
    }

    pub(super) fn crop_rows(&mut self, ui: &mut egui::Ui, mut low: Vec3, mut high: Vec3) {
        let size = (self.edit.bounds.1 - self.edit.bounds.0).max_element().max(1e-6);
        let (mut changed, mut begun) = (false, false);
        ui.label(RichText::new("drag the dots on its sides; zoom out to see them").small().color(theme::QUIET));
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
        ui.checkbox(&mut self.edit.ghost, "show the rest faintly").on_hover_text("What the box leaves out");
        ui.horizontal(|ui| {
            ui.label(RichText::new("box around").color(theme::QUIET));
            for (name, corners, hint) in [
                ("the middle", self.edit.inner, "The inner eight tenths of the Gaussians, along each axis"),
                ("all", self.edit.bounds, "Nearly the whole scene, as at first"),
            ] {
                if ui.button(name).on_hover_text(hint).clicked() {
                    self.edit.push(State { crop: Some(corners), ..self.edit.state.clone() });
                }
            }
        });
        if begun {
            // One drag is one step, from before it.
            self.edit.remember();
        }
        if changed {
            self.edit.state.crop = Some((low.min(high), high.max(low)));
        }
    }

    /// The box's edges, and a dot on each side that can be moved.
    pub(super) fn paint_crop(&self, painter: &egui::Painter, place: &Place, camera: &Camera) {
        let Some((low, high)) = self.edit.state.crop else { return };
        let painter = painter.with_clip_rect(place.rect);
        let corner = |i: usize| {
            let pick = |bit: usize, a: f32, b: f32| f64::from(if i >> bit & 1 == 0 { a } else { b });
            DVec3::new(pick(0, low.x, high.x), pick(1, low.y, high.y), pick(2, low.z, high.z))
        };
        for (a, b) in (0..8).flat_map(|i| (0..3).map(move |bit| (i, i | 1 << bit))).filter(|(a, b)| a != b) {
            if let Some(line) = place.line(camera, corner(a), corner(b)) {
                painter.line_segment(line, Stroke::new(1.5, theme::ACCENT));
            }
        }
        let pointer = painter.ctx().input(|input| input.pointer.latest_pos());
        let held = self.edit.grip.map(|grip| grip.side);
        let hovered = pointer.and_then(|pointer| self.side_at(place, camera, pointer)).map(|(side, _)| side);
        for side in Side::all() {
            let Some((at, along)) = side.handle(place, camera, (low, high)) else { continue };
            let lit = held.or(hovered) == Some(side);
            let (fill, radius) = if lit { (theme::WARM, 7.0) } else { (theme::ACCENT, 5.0) };
            if lit {
                let way = along.normalized() * 22.0;
                painter.line_segment([at - way, at + way], Stroke::new(2.0, theme::WARM));
            }
            painter.circle(at, radius, fill, Stroke::new(1.5, theme::GROUND));
        }
    }
}

#[cfg(test)]
mod tests {
    use eframe::egui::{Rect, pos2};

    use super::*;
    use crate::view::navigation::Eye;

    #[test]
    fn a_handle_moves_with_the_mouse_and_not_through_the_box() {
        let eye = Eye::look_at(DVec3::new(0.4, 0.3, -4.0), DVec3::ZERO, -DVec3::Y, 0.8);
        let place = Place::within(Rect::from_min_max(pos2(0.0, 0.0), pos2(400.0, 300.0)), 1.0, None);
        let camera = eye.camera(place.width, place.height);
        let cropped = (Vec3::splat(-1.0), Vec3::splat(1.0));
        let right = Side { axis: 0, high: true };
        let (at, along) = right.handle(&place, &camera, cropped).expect("it is seen");
        // Half a unit to the right, as the mouse would go.
        let pointer = at + 0.5 * along;
        let moved = (pointer - at).dot(along) / along.length_sq();
        let (low, high) = right.moved(cropped, 1.0 + moved, 1e-3);
        assert!((high.x - 1.5).abs() < 1e-5 && low == cropped.0);
        let (now, _) = right.handle(&place, &camera, (low, high)).expect("it is seen");
        assert!(now.distance(pointer) < 3.0, "the handle is under the pointer: {now} {pointer}");
        assert_eq!(right.moved(cropped, -7.0, 0.1).1.x, -0.9);
        // A side that faces the eye straight on does not move along the screen.
        let facing = Eye::look_at(DVec3::new(0.0, 0.0, -4.0), DVec3::ZERO, -DVec3::Y, 0.8).camera(400, 300);
        assert!(Side { axis: 2, high: true }.handle(&place, &facing, cropped).is_none());
    }
}
