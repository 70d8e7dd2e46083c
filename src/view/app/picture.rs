//! Drawing the picture, reading its pixels, comparing it and saving it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use eframe::egui;
use glam::{Vec3, Vec4};

use crate::camera::Camera;
use crate::image::png::save_png;
use crate::view::draw::photo::Outcome;
use crate::view::draw::place::Place;
use crate::view::state::compare::Layout;
use crate::view::text::full_path;

use super::viewer::{Drawn, Viewer};

/// Longest time that the window waits for a step of the training before it keeps the old picture. Coming back for it
/// costs both sides: the window is composed again, and the training waits for it.
const PATIENCE: Duration = Duration::from_millis(200);
/// Size of a saved picture where none was drawn yet.
const SIZE: (u32, u32) = (960, 540);
/// Gaussians that the probe lists.
const LISTED: usize = 8;

impl Viewer {
    /// Draws if anything has changed since the last picture.
    pub(super) fn draw(&mut self, context: &egui::Context, camera: &Camera) {
        let (settings, timed) = (self.state.picture_settings(), self.state.figures);
        let drawn = Drawn { camera: *camera, settings, timed, generation: self.generation };
        if self.drawn == Some(drawn) || !self.state.has_scene() {
            return;
        }
        // Between two steps; where one takes long, the last picture stays a little longer and the window alive.
        let device = match &self.jobs.training {
            Some(training) if self.state.is_growing() => match training.live.device.lock_for_window(PATIENCE) {
                Some(device) => Some(device),
                None => return context.request_repaint(),
            },
            _ => None,
        };
        let cost = self.canvas.draw(camera, &settings, timed);
        drop(device);
        match cost {
            Ok(cost) => {
                log::debug!("a picture of {} x {} in {:.2} ms", camera.lens.width, camera.lens.height, cost.frame);
                self.cost = cost;
            }
            Err(error) => self.fail(error),
        }
        self.pictures_drawn += 1;
        // Also after an error, which would otherwise come back with every frame of the window.
        self.drawn = Some(drawn);
    }

    /// Compares the render with the photo of the shot that is looked through, once for a view.
    pub(super) fn compare(&mut self, context: &egui::Context) {
        let (Some(shot), true) = (self.state.through, self.state.compare.layout != Layout::Off) else { return };
        if let Err(error) = self.compare_with(context, shot) {
            (self.comparison.unreadable, self.comparison.photo) = (Some(shot), None);
            self.fail(error);
        }
    }

    fn compare_with(&mut self, context: &egui::Context, shot: usize) -> Result<()> {
        let settings = self.state.picture_settings();
        let is_same = |outcome: &Outcome| outcome.shot == shot && outcome.settings == settings;
        let Some(photo) = self.comparison.photo_of(shot) else { return Ok(()) };
        if self.comparison.outcome.as_ref().is_some_and(is_same) {
            return Ok(());
        }
        let camera = self.state.camera((photo.target.width, photo.target.height));
        self.canvas.draw(&camera, &settings, false)?;
        let picture = self.canvas.picture()?;
        let colour = |pixel: &image::Rgb<u8>| (Vec3::from_array(pixel.0.map(f32::from)) / 255.0).extend(0.0);
        let render: Vec<Vec4> = picture.pixels().map(colour).collect();
        self.comparison.outcome = Some(Outcome::new(context, photo, settings, &render));
        // The window's own picture was drawn over.
        self.redraw();
        context.request_repaint();
        Ok(())
    }

    /// Reads the pixel of the probe, at a position of the window.
    pub(super) fn read_probe(&mut self, context: &egui::Context, place: &Place, at: egui::Pos2) {
        let (x, y) = place.whole_pixel(at);
        let pixel = (x.min(place.width - 1), y.min(place.height - 1));
        match self.state.probe.wants(pixel, self.pictures_drawn) {
            Ok(false) => {}
            Ok(true) => match self.canvas.probe(pixel, LISTED) {
                Ok(found) => self.state.probe.found = Some(found),
                Err(error) => self.fail(error),
            },
            Err(wait) => context.request_repaint_after(wait),
        }
    }

    /// Saves what the window shows, at its own or the chosen size.
    pub(super) fn save_picture(&mut self, path: &Path) {
        let window = self.drawn.map_or(SIZE, |drawn| (drawn.camera.lens.width, drawn.camera.lens.height));
        let (width, height) = self.state.picture_size.unwrap_or(window);
        let (camera, settings) = (self.state.camera((width, height)), self.state.picture_settings());
        let drawn = self.canvas.draw(&camera, &settings, false);
        let saved = drawn.and_then(|_| save_png(path, &self.canvas.picture()?));
        self.redraw();
        let text = format!("saved {} ({width} × {height})", full_path(path));
        self.notify_result(
            saved.map(|()| text).with_context(|| format!("cannot save a picture of {width} x {height}")),
        );
    }

    /// Saves a picture in the working directory, under the first free name.
    pub(super) fn save_next_picture(&mut self) {
        if !self.state.has_scene() {
            return;
        }
        let name = |i: u32| PathBuf::from(format!("dapple-{i:03}.png"));
        let free = (1..1000).map(name).find(|path| !path.exists()).unwrap_or_else(|| name(1000));
        self.save_picture(&free);
    }
}
