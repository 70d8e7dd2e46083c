//! The picture in the middle of the window, and what mouse and keys do to it.

use eframe::egui::{self, Key, PointerButton, Pos2, Rect, Sense, pos2, vec2};
use glam::{DVec2, DVec3, dvec2};

use crate::camera::Camera;

use super::app::Viewer;
use super::compare::Layout;
use super::navigation::{FOV, angle_of};
use super::select::Tool;
use super::theme;

/// Where the picture lies in the window, and its size in pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Place {
    pub rect: Rect,
    pub width: u32,
    pub height: u32,
}

impl Place {
    /// All of a rectangle of the window, or the largest part of it with an aspect ratio; on whole pixels, so that each
    /// pixel of the picture is one of the screen.
    pub fn within(rect: Rect, pixels_per_point: f32, aspect: Option<f64>) -> Self {
        let (mut width, mut height) = (f64::from(rect.width()), f64::from(rect.height()));
        if let Some(aspect) = aspect {
            (width, height) = if width > height * aspect { (height * aspect, height) } else { (width, width / aspect) };
        }
        let pixels = |points: f64| (points * f64::from(pixels_per_point)).floor().clamp(1.0, 8192.0);
        let (width, height) = (pixels(width), pixels(height));
        let size = vec2(width as f32, height as f32) / pixels_per_point;
        let corner = (rect.center() - 0.5 * size) * pixels_per_point;
        let corner = pos2(corner.x.round(), corner.y.round()) / pixels_per_point;
        Self { rect: Rect::from_min_size(corner, size), width: width as u32, height: height as u32 }
    }

    /// From the window to the picture, in its pixels.
    pub fn pixel(&self, position: Pos2) -> DVec2 {
        let inside = (position - self.rect.min) / self.rect.size();
        dvec2(f64::from(inside.x) * f64::from(self.width), f64::from(inside.y) * f64::from(self.height))
    }

    /// From the picture to the window.
    pub fn position(&self, pixel: DVec2) -> Pos2 {
        let inside = pixel / dvec2(f64::from(self.width), f64::from(self.height));
        self.rect.min + vec2(inside.x as f32, inside.y as f32) * self.rect.size()
    }

    /// The part of a world line that lies in front of the camera, in the window.
    pub fn line(&self, camera: &Camera, a: DVec3, b: DVec3) -> Option<[Pos2; 2]> {
        let local = |point: DVec3| camera.pose.rotation * point + camera.pose.translation;
        let (mut a, mut b) = (local(a), local(b));
        let near = 1e-3 * a.z.abs().max(b.z.abs()).max(1e-9);
        if a.z < near && b.z < near {
            return None;
        }
        if a.z < near {
            a = a.lerp(b, (near - a.z) / (b.z - a.z));
        } else if b.z < near {
            b = b.lerp(a, (near - b.z) / (a.z - b.z));
        }
        let seen = |p: DVec3| self.position(camera.lens.focal * p.truncate() / p.z + camera.lens.principal);
        Some([seen(a), seen(b)])
    }

    /// A world point in the window.
    pub fn point(&self, camera: &Camera, point: DVec3) -> Option<Pos2> {
        camera.project(point).map(|(pixel, _)| self.position(pixel))
    }
}

impl Viewer {
    pub(super) fn viewport(&mut self, ui: &mut egui::Ui) {
        egui::CentralPanel::default().frame(egui::Frame::new()).show(ui, |ui| {
            let full = ui.available_rect_before_wrap();
            if self.document.is_none() || self.is_loading().is_some() {
                ui.painter().rect_filled(full, 0.0, theme::GROUND);
                self.welcome(ui, full);
            } else {
                self.scene_view(ui, full);
            }
            self.notice_cards(ui, full);
        });
    }

    fn scene_view(&mut self, ui: &mut egui::Ui, full: Rect) {
        let response = ui.allocate_rect(full, Sense::click_and_drag());
        let (photo, part) = self.compare_parts(full);
        let aspect = self.through_aspect();
        let place = Place::within(part, ui.ctx().pixels_per_point(), aspect);
        self.interact(ui, &response, &place);
        let camera = self.camera(place.width, place.height);
        self.draw(ui.ctx(), &camera);
        let painter = ui.painter_at(full);
        let is_drawn = self.drawn.is_some() && self.stage.gaussians() > 0;
        let picture = is_drawn.then(|| self.canvas.shape(self.stage.presenter(), place.rect)).flatten();
        // A software adapter feels every pixel that is filled twice.
        let beside = (full.size() - place.rect.size()).max_elem() >= 1.0;
        if beside || picture.is_none() {
            painter.rect_filled(full, 0.0, theme::GROUND);
        }
        painter.extend(picture);
        if self.stage.gaussians() == 0 && self.training.live.is_none() {
            self.paint_empty(&painter, &place);
        }
        self.paint_photo(ui, &painter, &place, photo);
        if self.through.is_none() || self.compare.layout == Layout::Off {
            let pointer = response.hover_pos().filter(|_| !ui.input(|input| input.pointer.any_down()));
            self.paint_shots(&painter, &place, &camera, pointer);
            self.paint_keys(&painter, &place, &camera);
            self.paint_crop(&painter, &place, &camera);
            self.paint_edit(&painter, &place);
            self.paint_axes(&painter, full, &camera);
        }
        self.paint_probe(ui, &place, response.hover_pos());
        self.cards(ui, full);
    }

    /// What to do where there are only cameras.
    fn paint_empty(&self, painter: &egui::Painter, place: &Place) {
        let text = match self.through {
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

    /// The aspect ratio of the shot that is looked through.
    fn through_aspect(&self) -> Option<f64> {
        let shot = self.document.as_ref()?.capture.as_ref()?.shots.get(self.through?)?;
        Some(f64::from(shot.camera.lens.width) / f64::from(shot.camera.lens.height))
    }

    fn interact(&mut self, ui: &egui::Ui, response: &egui::Response, place: &Place) {
        let context = ui.ctx();
        let modifiers = context.input(|input| input.modifiers);
        let drag = response.drag_delta();
        if self.compare_drag(response, place) || self.crop_drag(response, place) {
            return;
        }
        let selects = self.edit.tool != Tool::None && self.edit_drag(response, place, modifiers);
        if response.dragged_by(PointerButton::Primary) && !modifiers.shift && !selects {
            self.take_over();
            self.eye.orbit(angle_of(drag.x), angle_of(drag.y));
        }
        let pans = response.dragged_by(PointerButton::Primary) && modifiers.shift && !selects;
        if pans || response.dragged_by(PointerButton::Middle) {
            self.take_over();
            self.eye.pan(dvec2(drag.x.into(), drag.y.into()), place.rect.height().into());
        }
        if response.dragged_by(PointerButton::Secondary) {
            self.take_over();
            // As far as the field of view says, so that what is looked at stays under the pointer.
            let angle = self.eye.fov / f64::from(place.rect.height());
            self.eye.look(-f64::from(drag.x) * angle, -f64::from(drag.y) * angle);
        }
        if let Some(pointer) = response.hover_pos() {
            self.wheel(context, place, pointer);
            if self.probe.on && response.clicked() && !selects {
                self.pin_probe(place, pointer);
            } else if response.double_clicked() && !selects {
                self.pivot_at(place, pointer);
            } else if response.clicked() && !selects {
                self.click_shot(place, pointer);
            }
        }
        self.fly_keys(context);
    }

    /// The wheel, two fingers or a pinch: nearer and farther, or the speed of flight while flying.
    fn wheel(&mut self, context: &egui::Context, place: &Place, pointer: Pos2) {
        let (scroll, pinch, flies) = context.input(|input| {
            let flies = input.pointer.button_down(PointerButton::Secondary) || flight(input) != DVec3::ZERO;
            (f64::from(input.smooth_scroll_delta().y), f64::from(input.zoom_delta()), flies)
        });
        if flies {
            self.speed = (self.speed * (scroll * 0.004).exp()).clamp(0.01, 100.0);
        } else if scroll != 0.0 || pinch != 1.0 {
            self.take_over();
            let offset = pointer - place.rect.center();
            let factor = (-scroll * 0.0025).exp() / pinch;
            self.eye.zoom(factor, dvec2(offset.x.into(), offset.y.into()), place.rect.height().into());
        }
    }

    fn fly_keys(&mut self, context: &egui::Context) {
        // A key that has opened a dialog (Ctrl + S) may still be down when Ctrl no longer is.
        if context.egui_wants_keyboard_input() || self.dialogs.is_open() {
            return;
        }
        let (direction, fast, passed) =
            context.input(|input| (flight(input), input.modifiers.shift, f64::from(input.stable_dt.min(0.1))));
        if direction == DVec3::ZERO {
            return;
        }
        self.take_over();
        let size = self.document.as_ref().map_or(1.0, |document| document.size());
        let pace = 0.6 * size * self.speed * if fast { 4.0 } else { 1.0 };
        self.eye.fly(direction.normalize() * pace * passed);
        context.request_repaint();
    }

    /// Turns to the surface under the pointer.
    fn pivot_at(&mut self, place: &Place, pointer: Pos2) {
        let camera = self.camera(place.width, place.height);
        let pixel = place.pixel(pointer);
        let look = self.edit.apply(self.look);
        let found = self.stage.surface(&camera, &look, (pixel.x as u32, pixel.y as u32));
        self.redraw();
        match found {
            Ok(Some(point)) => {
                let mut eye = self.eye;
                eye.focus(point);
                self.go(eye, None);
            }
            Ok(None) => self.tell("nothing solid is there to turn around; double-click on a surface".into()),
            Err(error) => self.fail(error),
        }
    }

    /// Bounds what sliders and files may ask for.
    pub(super) fn set_fov(&mut self, fov: f64) {
        self.eye.fov = fov.clamp(*FOV.start(), *FOV.end());
        self.through = None;
    }
}

/// The direction in which held keys fly: x right, y down, z forward.
fn flight(input: &egui::InputState) -> DVec3 {
    if input.modifiers.command || input.modifiers.alt {
        return DVec3::ZERO;
    }
    let axis = |plus: Key, minus: Key| f64::from(input.key_down(plus)) - f64::from(input.key_down(minus));
    DVec3::new(axis(Key::D, Key::A), axis(Key::Q, Key::E), axis(Key::W, Key::S))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_picture_lies_on_whole_pixels() {
        let rect = Rect::from_min_max(pos2(3.3, 41.7), pos2(803.9, 641.2));
        for scale in [1.0, 1.25, 1.5, 2.0] {
            let place = Place::within(rect, scale, None);
            assert_eq!(place.width, (rect.width() * scale) as u32);
            let corner = place.rect.min * scale;
            assert!((corner.x - corner.x.round()).abs() < 1e-3 && (corner.y - corner.y.round()).abs() < 1e-3);
            let pixel = dvec2(17.0, 31.0);
            assert!((place.pixel(place.position(pixel)) - pixel).length() < 1e-2);
        }
        let wide = Place::within(rect, 1.0, Some(2.0));
        assert_eq!((wide.width, wide.height), (800, 400));
        let tall = Place::within(rect, 1.0, Some(0.5));
        assert_eq!((tall.width, tall.height), (299, 599));
    }

    #[test]
    fn lines_end_at_the_camera() {
        let eye = crate::view::navigation::Eye::look_at(DVec3::new(0.0, 0.0, -2.0), DVec3::ZERO, -DVec3::Y, 0.8);
        let place = Place::within(Rect::from_min_max(pos2(0.0, 0.0), pos2(100.0, 100.0)), 1.0, None);
        let camera = eye.camera(place.width, place.height);
        assert!(place.line(&camera, DVec3::new(0.0, 0.0, -3.0), DVec3::new(1.0, 0.0, -5.0)).is_none());
        let [a, b] = place.line(&camera, DVec3::ZERO, DVec3::new(0.1, 0.0, -9.0)).expect("half of it is in front");
        assert!((a - pos2(50.0, 50.0)).length() < 1e-3 && b.x.is_finite());
    }
}
