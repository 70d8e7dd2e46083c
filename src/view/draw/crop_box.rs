//! The crop box over the picture, with a dot on each side that the mouse can move.

use eframe::egui::{self, Pos2, Stroke, Vec2};

use crate::camera::Camera;
use crate::view::state::crop::{Corners, CropSide, corner};
use crate::view::state::edit::Edit;
use crate::view::theme;

use super::place::Place;

/// Largest distance of the pointer from a dot that it is on, in points.
const REACH: f32 = 11.0;
/// Sides that move less than this many points while they cross the box cannot be held: they face the eye.
const SHORTEST: f32 = 12.0;

/// Position of a side's dot in the window, and its movement in points for one unit of the scene; `None` where it is
/// behind the camera or the side faces the camera.
fn handle(side: CropSide, place: &Place, camera: &Camera, corners: Corners) -> Option<(Pos2, Vec2)> {
    let centre = side.centre(corners);
    let size = f64::from((corners.1 - corners.0)[side.axis]).max(1e-9);
    let step = 1e-3 * size;
    let mut beside = centre;
    beside[side.axis] += step;
    let at = place.point(camera, centre)?;
    let along = (place.point(camera, beside)? - at) / step as f32;
    (along.length() * size as f32 >= SHORTEST).then_some((at, along))
}

/// The side whose dot is under the pointer, and how the dot moves.
pub fn side_at(corners: Corners, place: &Place, camera: &Camera, pointer: Pos2) -> Option<(CropSide, Vec2)> {
    let near = CropSide::all().filter_map(|side| {
        let (at, along) = handle(side, place, camera, corners)?;
        (at.distance(pointer) <= REACH).then(|| (at.distance(pointer), side, along))
    });
    near.min_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, side, along)| (side, along))
}

/// Paints the box's edges and dots.
pub fn paint(painter: &egui::Painter, edit: &Edit, place: &Place, camera: &Camera) {
    let Some(corners) = edit.state.crop else { return };
    let painter = painter.with_clip_rect(place.rect);
    for (a, b) in (0..8).flat_map(|i| (0..3).map(move |bit| (i, i | 1 << bit))).filter(|(a, b)| a != b) {
        if let Some(line) = place.line(camera, corner(corners, a), corner(corners, b)) {
            painter.line_segment(line, Stroke::new(1.5, theme::ACCENT));
        }
    }
    let pointer = painter.ctx().input(|input| input.pointer.latest_pos());
    let held = edit.grip.map(|grip| grip.side);
    let hovered = pointer.and_then(|pointer| side_at(corners, place, camera, pointer)).map(|(side, _)| side);
    for side in CropSide::all() {
        let Some((at, along)) = handle(side, place, camera, corners) else { continue };
        let lit = held.or(hovered) == Some(side);
        let (fill, radius) = if lit { (theme::WARM, 7.0) } else { (theme::ACCENT, 5.0) };
        if lit {
            let way = along.normalized() * 22.0;
            painter.line_segment([at - way, at + way], Stroke::new(2.0, theme::WARM));
        }
        painter.circle(at, radius, fill, Stroke::new(1.5, theme::GROUND));
    }
}

#[cfg(test)]
mod tests {
    use eframe::egui::{Rect, pos2};
    use glam::{DVec3, Vec3};

    use super::*;
    use crate::view::state::crop::Grip;
    use crate::view::state::navigation::Eye;

    #[test]
    fn a_handle_moves_with_the_mouse_and_not_through_the_box() {
        let eye = Eye::look_at(DVec3::new(0.4, 0.3, -4.0), DVec3::ZERO, -DVec3::Y, 0.8);
        let place = Place::within(Rect::from_min_max(pos2(0.0, 0.0), pos2(400.0, 300.0)), 1.0, None);
        let camera = eye.camera(place.width, place.height);
        let corners = (Vec3::splat(-1.0), Vec3::splat(1.0));
        let right = CropSide { axis: 0, high: true };
        let (at, along) = handle(right, &place, &camera, corners).expect("it is seen");
        // Half a unit to the right, as the mouse would go.
        let pointer = at + 0.5 * along;
        let glam = |v: Vec2| glam::vec2(v.x, v.y);
        let grip = Grip { side: right, from: glam(at.to_vec2()), value: 1.0, along: glam(along) };
        let (low, high) = right.moved(corners, grip.value_at(glam(pointer.to_vec2())), 1e-3);
        assert!((high.x - 1.5).abs() < 1e-5 && low == corners.0);
        let (now, _) = handle(right, &place, &camera, (low, high)).expect("it is seen");
        assert!(now.distance(pointer) < 3.0, "the handle is under the pointer: {now} {pointer}");
        assert_eq!(right.moved(corners, -7.0, 0.1).1.x, -0.9);
        // A side that faces the eye straight on does not move along the screen.
        let facing = Eye::look_at(DVec3::new(0.0, 0.0, -4.0), DVec3::ZERO, -DVec3::Y, 0.8).camera(400, 300);
        assert!(handle(CropSide { axis: 2, high: true }, &place, &facing, corners).is_none());
    }
}
