//! How the eye gets from one place to another, and the camera that it sees through.

use std::time::Instant;

use eframe::egui;
use glam::DVec3;

use crate::camera::Camera;

use super::app::Viewer;
use super::compare::Layout;
use super::navigation::{Eye, Side};

/// How long the eye takes from one place to another.
const FLIGHT: f64 = 0.45;

/// The way from one eye to another.
pub struct Flight {
    from: Eye,
    to: Eye,
    since: Instant,
    /// The shot that is looked through on arrival.
    through: Option<usize>,
}

impl Viewer {
    /// Flies to an eye.
    pub(super) fn go(&mut self, to: Eye, through: Option<usize>) {
        self.flight = Some(Flight { from: self.eye, to, since: Instant::now(), through });
        self.through = None;
    }

    /// Stops what moves the eye by itself: the hand on the mouse goes before.
    pub(super) fn take_over(&mut self) {
        (self.flight, self.through) = (None, None);
        self.keys.stop();
    }

    pub(super) fn fly_on(&mut self, context: &egui::Context) {
        if let Some(key) = self.keys.advance(context) {
            (self.eye, self.through) = (key.eye, None);
            if let Some(time) = key.time.filter(|_| self.is_dynamic()) {
                self.timeline.pause();
                self.timeline.seek(time);
                self.look.time = time;
            }
        }
        let Some(flight) = &self.flight else { return };
        let t = (flight.since.elapsed().as_secs_f64() / FLIGHT).min(1.0);
        let smooth = t * t * (3.0 - 2.0 * t);
        self.eye = Eye::between(&flight.from, &flight.to, smooth);
        if t >= 1.0 {
            self.eye = flight.to;
            self.through = flight.through;
            self.flight = None;
        }
        context.request_repaint();
    }

    /// Back to where the document was opened.
    pub(super) fn reset_view(&mut self) {
        if let Some(document) = &self.document {
            let mut eye = document.first_eye();
            eye.up = self.eye.up;
            self.go(eye, None);
        }
    }

    pub(super) fn show_side(&mut self, side: Side) {
        let mut eye = self.eye;
        if let Some(document) = &self.document {
            eye.pivot = document.centre();
            eye.distance = 1.2 * document.size();
        }
        eye.show(side);
        self.go(eye, None);
    }

    /// Another axis is up; the view is levelled to it.
    pub(super) fn set_up(&mut self, up: DVec3) {
        self.eye.up = up;
        self.eye.level();
        self.through = None;
    }

    /// Looks through a shot's lens.
    pub(super) fn visit(&mut self, shot: usize) {
        let Some(document) = &self.document else { return };
        let Some(found) = document.capture.as_ref().and_then(|capture| capture.shots.get(shot)) else { return };
        let mut eye = Eye::of_camera(&found.camera, document.ring.centre, self.eye.up);
        eye.orthographic = false;
        if let (true, Some(time)) = (self.is_dynamic(), found.time) {
            self.timeline.seek(time);
            self.look.time = time;
        }
        if self.stage.gaussians() == 0 && self.compare.layout == Layout::Off {
            // There is nothing but the photo to see.
            self.compare.layout = Layout::Side;
        }
        self.shots.chosen = Some(shot);
        self.go(eye, Some(shot));
    }

    /// The camera that the window looks through, for a picture of a size.
    pub(super) fn camera(&self, width: u32, height: u32) -> Camera {
        let shot = self.through.and_then(|shot| self.document.as_ref()?.capture.as_ref()?.shots.get(shot));
        match shot {
            Some(shot) => Camera { lens: crate::render::path::resize(&shot.camera.lens, width, height), ..shot.camera },
            None => self.eye.camera(width, height),
        }
    }
}
