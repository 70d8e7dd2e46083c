//! The rectangle and the brush that select Gaussians.

use eframe::egui::{self, Color32, Rect, Stroke, StrokeKind};

use crate::view::state::edit::{Edit, Tool};
use crate::view::theme;

use super::place::Place;

/// Paints the rectangle that is being drawn, or the brush at the pointer.
pub fn paint(painter: &egui::Painter, edit: &Edit, place: &Place) {
    let painter = painter.with_clip_rect(place.rect);
    let Some(pointer) = painter.ctx().input(|input| input.pointer.latest_pos()) else { return };
    if let Some(start) = edit.rectangle_start {
        let fill = Color32::from_rgba_premultiplied(40, 30, 10, 40);
        let rect = Rect::from_two_pos(place.position(start), pointer);
        painter.rect(rect, 0.0, fill, Stroke::new(1.0, theme::WARM), StrokeKind::Inside);
    }
    if edit.tool == Tool::Brush {
        painter.circle_stroke(pointer, edit.brush_radius, Stroke::new(1.5, theme::WARM));
    }
}
