//! Moving the eye.

use eframe::egui;

use crate::view::action::{CameraAction, Size};
use crate::view::state::compare::Layout;
use crate::view::state::navigation::{Eye, FOV, Side};

use super::viewer::Viewer;

impl Viewer {
    pub(super) fn apply_camera(&mut self, context: &egui::Context, action: CameraAction) {
        let state = &mut self.state;
        match action {
            CameraAction::Orbit(angles) => {
                state.take_over();
                state.eye.orbit(angles.x, angles.y);
            }
            CameraAction::LookAround(angles) => {
                state.take_over();
                state.eye.look(angles.x, angles.y);
            }
            CameraAction::Pan { drag, height } => {
                state.take_over();
                state.eye.pan(drag, height);
            }
            CameraAction::Zoom { factor, offset, height } => {
                state.take_over();
                state.eye.zoom(factor, offset, height);
            }
            CameraAction::Fly(by) => {
                state.take_over();
                state.eye.fly(by);
                context.request_repaint();
            }
            CameraAction::SetFlightSpeed(speed) => state.flight_speed = speed,
            CameraAction::PivotAt { pixel, picture } => self.pivot_at(pixel, picture),
            CameraAction::FirstView => {
                if let Some(document) = &state.document {
                    let eye = Eye { up: state.eye.up, ..document.first_eye() };
                    state.go(eye, None);
                }
            }
            CameraAction::ViewFrom(side) => self.view_from(side),
            CameraAction::ToggleOrthographic => state.eye.orthographic = !state.eye.orthographic,
            CameraAction::SetFieldOfView(angle) => {
                state.eye.fov = angle.clamp(*FOV.start(), *FOV.end());
                state.through = None;
            }
            CameraAction::SetUp(up) => {
                state.eye.up = up;
                state.eye.level();
                state.through = None;
            }
            CameraAction::VisitShot(shot) => self.visit(shot),
            CameraAction::VisitNext(by) => self.visit_next(by),
            CameraAction::ListShots(range) => state.shots.listed = range,
        }
    }

    /// Turns to the surface at a pixel.
    fn pivot_at(&mut self, pixel: (u32, u32), picture: Size) {
        let (camera, settings) = (self.state.camera(picture), self.state.picture_settings());
        let found = self.canvas.surface(&camera, &settings, pixel);
        self.redraw();
        match found {
            Ok(Some(point)) => {
                let mut eye = self.state.eye;
                eye.focus(point);
                self.state.go(eye, None);
            }
            Ok(None) => self.notify("nothing solid is there to turn around; double-click on a surface"),
            Err(error) => self.fail(error),
        }
    }

    fn view_from(&mut self, side: Side) {
        let mut eye = self.state.eye;
        if let Some(document) = &self.state.document {
            eye.pivot = document.centre();
            eye.distance = 1.2 * document.size();
        }
        eye.show(side);
        self.state.go(eye, None);
    }

    /// Goes to the shot so many places after the one visited last.
    pub(super) fn visit_next(&mut self, by: isize) {
        let count = self.state.capture().map_or(0, |capture| capture.shots.len());
        if let Some(shot) = self.state.shots.next(by, count) {
            self.visit(shot);
        }
    }

    /// Looks through a shot's lens.
    fn visit(&mut self, shot: usize) {
        let state = &mut self.state;
        let Some(document) = &state.document else { return };
        let Some(found) = document.capture.as_ref().and_then(|capture| capture.shots.get(shot)) else { return };
        let eye = Eye { orthographic: false, ..Eye::of_camera(&found.camera, document.ring.centre, state.eye.up) };
        if let (true, Some(time)) = (state.is_dynamic(), found.time) {
            state.seek(time);
        }
        if !state.has_scene() && state.compare.layout == Layout::Off {
            // There is nothing but the photo to see.
            state.compare.layout = Layout::Side;
        }
        state.shots.chosen = Some(shot);
        state.go(eye, Some(shot));
    }
}
