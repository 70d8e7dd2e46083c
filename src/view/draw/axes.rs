//! The world's axes in the lower right corner.

use eframe::egui::{self, Align2, Color32, FontId, Pos2, Rect, Stroke, vec2};
use glam::DVec3;

use crate::camera::Camera;

/// Paints the axes as a camera sees them, in a corner of a rectangle.
pub fn paint(painter: &egui::Painter, full: Rect, camera: &Camera) {
    let centre = full.right_bottom() - vec2(44.0, 44.0);
    let mut axes = [
        (DVec3::X, "X", Color32::from_rgb(226, 96, 90)),
        (DVec3::Y, "Y", Color32::from_rgb(122, 200, 98)),
        (DVec3::Z, "Z", Color32::from_rgb(92, 150, 236)),
    ]
    .map(|(axis, name, colour)| (camera.pose.rotation * axis, name, colour));
    axes.sort_by(|a, b| b.0.z.total_cmp(&a.0.z));
    painter.circle_filled(centre, 32.0, Color32::from_rgba_premultiplied(12, 14, 17, 120));
    for (seen, name, colour) in axes {
        let tip: Pos2 = centre + 22.0 * vec2(seen.x as f32, seen.y as f32);
        painter.line_segment([centre, tip], Stroke::new(2.0, colour));
        painter.circle_filled(tip, 6.5, colour);
        painter.text(tip, Align2::CENTER_CENTER, name, FontId::proportional(9.0), Color32::from_rgb(16, 18, 22));
    }
}
