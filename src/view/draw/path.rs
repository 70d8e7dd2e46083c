//! The camera path in the scene.

use eframe::egui::{self, Stroke};
use glam::DVec3;

use crate::camera::Camera;
use crate::view::state::keypath::{Key, KeyPath};
use crate::view::theme;

use super::place::Place;

/// Paints the path and its key frames, unless it plays.
pub fn paint(painter: &egui::Painter, keys: &KeyPath, place: &Place, camera: &Camera) {
    if keys.keys.is_empty() || keys.is_playing() {
        return;
    }
    let painter = painter.with_clip_rect(place.rect);
    let steps = 24 * keys.keys.len();
    let centres: Vec<DVec3> =
        (0..=steps).filter_map(|i| keys.at(i as f64 / steps as f64)).map(|key| key.eye.centre()).collect();
    for pair in centres.windows(2) {
        if let Some(line) = place.line(camera, pair[0], pair[1]) {
            painter.line_segment(line, Stroke::new(2.0, theme::WARM));
        }
    }
    for (index, Key { eye, .. }) in keys.keys.iter().enumerate() {
        // The key that the window looks through would cover the picture.
        if eye.centre().distance(camera.pose.centre()) < 1e-3 * eye.distance {
            continue;
        }
        if let Some(at) = place.point(camera, eye.centre()) {
            painter.circle_filled(at, 7.0, theme::WARM);
            let font = egui::FontId::proportional(10.0);
            painter.text(at, egui::Align2::CENTER_CENTER, index + 1, font, theme::GROUND);
        }
    }
}
