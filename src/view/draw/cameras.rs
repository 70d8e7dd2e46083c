//! The frames of a capture's cameras in the scene.

use eframe::egui::{self, Color32, Pos2, Stroke, vec2};
use glam::DVec3;

use crate::camera::Camera;
use crate::dataset::{Shot, Split};
use crate::view::state::State;
use crate::view::state::shots::{frame_corners, frame_depth};
use crate::view::theme;

use super::place::Place;

/// Paints the frames, and the name of the one under the pointer.
pub fn paint(painter: &egui::Painter, state: &State, place: &Place, camera: &Camera, pointer: Option<Pos2>) {
    let Some(capture) = state.capture().filter(|_| state.shots.visible) else { return };
    let depth = frame_depth(state.size());
    let pointed = pointer.and_then(|pointer| Some((pointer, shot_at(state, place, camera, pointer)?)));
    let painter = painter.with_clip_rect(place.rect);
    for (index, shot) in capture.shots.iter().enumerate() {
        if state.through == Some(index) {
            continue;
        }
        let held_out = shot.split == Split::Test;
        let lit = pointed.is_some_and(|(_, pointed)| pointed == index);
        let (width, colour) = match (lit || state.shots.chosen == Some(index), held_out) {
            (true, _) => (2.0, theme::ACCENT),
            (false, true) => (1.0, theme::WARM.gamma_multiply(0.75)),
            (false, false) => (1.0, Color32::from_rgb(150, 190, 235).gamma_multiply(0.75)),
        };
        let corners = frame_corners(&shot.camera, depth);
        for (a, b) in [(0, 1), (0, 2), (0, 3), (0, 4), (1, 2), (2, 3), (3, 4), (4, 1)] {
            if let Some(line) = place.line(camera, corners[a], corners[b]) {
                painter.line_segment(line, Stroke::new(width, colour));
            }
        }
    }
    if let Some((pointer, shot)) = pointed {
        painter.ctx().set_cursor_icon(egui::CursorIcon::PointingHand);
        let font = egui::FontId::proportional(12.0);
        let galley = painter.layout_no_wrap(capture.shots[shot].name.clone(), font, theme::TEXT);
        let rect = egui::Align2::LEFT_BOTTOM.anchor_size(pointer + vec2(12.0, -8.0), galley.size() + vec2(12.0, 6.0));
        painter.rect_filled(rect, 5.0, theme::VEIL);
        painter.galley(rect.min + vec2(6.0, 3.0), galley, theme::TEXT);
    }
}

/// The camera whose frame is under the pointer: the one whose middle is nearest, by the frame's own size. A frame that
/// the eye stands in cannot be pointed at.
pub fn shot_at(state: &State, place: &Place, camera: &Camera, pointer: Pos2) -> Option<usize> {
    let depth = frame_depth(state.size());
    let near = |(index, shot): (usize, &Shot)| {
        if shot.camera.pose.centre().distance(camera.pose.centre()) < depth {
            return None;
        }
        let middle = frame_corners(&shot.camera, depth).iter().sum::<DVec3>() / 5.0;
        let (pixel, distance) = camera.project(middle)?;
        let reach = (depth * camera.lens.focal.x / distance * 0.6).clamp(12.0, 60.0) as f32;
        let off = place.position(pixel).distance(pointer) / reach;
        (off <= 1.0).then_some((off, index))
    };
    let found = state.capture()?.shots.iter().enumerate().filter_map(near).min_by(|a, b| a.0.total_cmp(&b.0));
    found.map(|(_, shot)| shot)
}
