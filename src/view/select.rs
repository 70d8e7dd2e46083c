//! Selecting Gaussians by mouse: a rectangle, a brush, a sphere on the surface.

use eframe::egui::{self, Color32, Modifiers, PointerButton, Pos2, Rect, Stroke, StrokeKind};

use glam::Vec3;

use crate::camera::Camera;
use crate::render::{DELETED, SELECTED};
use crate::scene::{Motion, Scene, sigmoid};

use super::app::Viewer;
use super::document::Document;
use super::edit::Edit;
use super::theme;
use super::viewport::Place;

/// Gaussians fainter than this are not selected on the screen: nobody sees them.
const SEEN: f32 = 1.0 / 255.0;

/// What the mouse selects with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tool {
    #[default]
    None,
    Rectangle,
    Brush,
    Sphere,
}

/// How a new selection joins the old one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Join {
    Replace,
    Add,
    Remove,
}

impl Join {
    fn of(modifiers: Modifiers) -> Self {
        match (modifiers.shift, modifiers.alt || modifiers.command) {
            (_, true) => Self::Remove,
            (true, false) => Self::Add,
            (false, false) => Self::Replace,
        }
    }
}

impl Edit {
    pub fn hint(&self) -> Option<&'static str> {
        match self.tool {
            Tool::None => None,
            Tool::Rectangle => Some("drag a rectangle · Shift adds, Alt removes · Delete · Esc"),
            Tool::Brush => Some("paint over the Gaussians · Alt removes · Delete · Esc"),
            Tool::Sphere => Some("click on a surface · Shift adds, Alt removes · Delete · Esc"),
        }
    }
}

impl Viewer {
    /// Selects the Gaussians for which `hit` is true, of those not deleted.
    pub(super) fn select(&mut self, join: Join, hit: impl Fn(&Scene, usize) -> bool, remember: bool) {
        if self.is_growing() {
            return self.tell("the scene is in training; stop that first, then edit it".into());
        }
        let Some(document) = &self.document else { return };
        let scene = &document.scene;
        let state = self.edit.state.with(scene.len(), |i, flag| {
            if flag & DELETED != 0 {
                return DELETED;
            }
            let was = flag & SELECTED != 0;
            let now = match join {
                Join::Replace => hit(scene, i),
                Join::Add => was || hit(scene, i),
                Join::Remove => was && !hit(scene, i),
            };
            if now { SELECTED } else { 0 }
        });
        if remember {
            self.edit.push(state);
        } else {
            self.edit.state = state;
        }
        self.show_edit();
    }

    /// What the mouse does with a tool; whether that is all it does.
    pub(super) fn edit_drag(&mut self, response: &egui::Response, place: &Place, modifiers: Modifiers) -> bool {
        let Some(pointer) = response.interact_pointer_pos().or(response.hover_pos()) else { return false };
        let join = Join::of(modifiers);
        let camera = self.camera(place.width, place.height);
        let time = self.look.time;
        match self.edit.tool {
            Tool::None => return false,
            Tool::Rectangle => {
                if response.drag_started_by(PointerButton::Primary) {
                    self.edit.start = response.ctx.input(|input| input.pointer.press_origin()).or(Some(pointer));
                }
                if response.drag_stopped_by(PointerButton::Primary)
                    && let Some(start) = self.edit.start.take()
                {
                    let rect = Rect::from_two_pos(start, pointer);
                    let place = *place;
                    self.select(
                        join,
                        |scene, i| seen(scene, i, time, &camera, &place).is_some_and(|p| rect.contains(p)),
                        true,
                    );
                }
            }
            Tool::Brush => {
                let begins = response.drag_started_by(PointerButton::Primary);
                if response.dragged_by(PointerButton::Primary) || response.clicked() {
                    let (place, reach) = (*place, self.edit.brush);
                    let join = if join == Join::Remove { Join::Remove } else { Join::Add };
                    let hit = |scene: &Scene, i: usize| {
                        seen(scene, i, time, &camera, &place).is_some_and(|p| p.distance(pointer) <= reach)
                    };
                    // One stroke is one step.
                    self.select(join, hit, begins || response.clicked());
                }
            }
            Tool::Sphere => {
                if response.clicked() {
                    self.select_sphere(place, pointer, join);
                }
                return response.clicked();
            }
        }
        true
    }

    fn select_sphere(&mut self, place: &Place, pointer: Pos2, join: Join) {
        let camera = self.camera(place.width, place.height);
        let pixel = place.pixel(pointer);
        let look = self.edit.apply(self.look);
        let found = self.stage.surface(&camera, &look, (pixel.x as u32, pixel.y as u32));
        self.redraw();
        match found {
            Ok(Some(centre)) => {
                let radius = self.edit.sphere * self.document.as_ref().map_or(1.0, Document::size);
                let time = self.look.time;
                let near = |scene: &Scene, i: usize| mean_at(scene, i, time).as_dvec3().distance(centre) <= radius;
                self.select(join, near, true);
            }
            Ok(None) => self.tell("no surface is there".into()),
            Err(error) => self.fail(error),
        }
    }

    /// The rectangle that is being drawn, and the brush.
    pub(super) fn paint_edit(&self, painter: &egui::Painter, place: &Place) {
        let painter = painter.with_clip_rect(place.rect);
        let pointer = painter.ctx().input(|input| input.pointer.latest_pos());
        if let (Some(start), Some(pointer)) = (self.edit.start, pointer) {
            let fill = Color32::from_rgba_premultiplied(40, 30, 10, 40);
            painter.rect(
                Rect::from_two_pos(start, pointer),
                0.0,
                fill,
                Stroke::new(1.0, theme::WARM),
                StrokeKind::Inside,
            );
        }
        if let (Tool::Brush, Some(pointer)) = (self.edit.tool, pointer) {
            painter.circle_stroke(pointer, self.edit.brush, Stroke::new(1.5, theme::WARM));
        }
    }
}

/// Where a Gaussian's centre is in the window at a time of the clip, if it can be seen at all.
fn seen(scene: &Scene, i: usize, time: f32, camera: &Camera, place: &Place) -> Option<Pos2> {
    let fades = scene.motion.as_ref().map_or(1.0, |motion| motion.visibility(i, time));
    if sigmoid(scene.logits[i]) * fades < SEEN {
        return None;
    }
    place.point(camera, mean_at(scene, i, time).as_dvec3())
}

/// Where a Gaussian's centre is at a time of the clip.
fn mean_at(scene: &Scene, i: usize, time: f32) -> Vec3 {
    let moved = |motion: &Motion| motion.velocities[i] * (time - motion.centres[i]);
    scene.means[i] + scene.motion.as_ref().map_or(Vec3::ZERO, moved)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modifiers_say_how_selections_join() {
        assert!(Join::of(Modifiers::NONE) == Join::Replace);
        assert!(Join::of(Modifiers::SHIFT) == Join::Add);
        assert!(Join::of(Modifiers::ALT) == Join::Remove);
    }
}
