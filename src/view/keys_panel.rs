//! The camera path in the window: its keys, its settings, and where it is saved and exported to.

use std::path::Path;

use eframe::egui::{self, RichText, Stroke};
use glam::DVec3;

use crate::camera::Camera;

use super::app::Viewer;
use super::dialogs::Ask;
use super::keypath::{Key, KeyPath};
use super::theme;
use super::viewport::Place;
use super::words::whole;

impl Viewer {
    /// This view, at this moment if things move.
    fn key_here(&self) -> Key {
        Key { eye: self.eye, time: self.is_dynamic().then_some(self.look.time) }
    }

    /// Shows a key.
    fn visit_key(&mut self, key: Key) {
        if let Some(time) = key.time.filter(|_| self.is_dynamic()) {
            self.timeline.seek(time);
            self.look.time = time;
        }
        self.go(key.eye, None);
    }

    pub(super) fn add_key(&mut self) {
        let key = self.key_here();
        self.keys.keys.push(key);
        self.tell(format!("key frame {} added to the camera path", self.keys.keys.len()));
    }

    pub(super) fn save_keys(&mut self, path: &Path) {
        match self.keys.save(path, self.keys.size) {
            Ok(()) => {
                self.keys.note_saved();
                self.tell(format!("saved {}; dapple render --path takes it too", whole(path)));
            }
            Err(error) => self.fail(error),
        }
    }

    pub(super) fn open_keys(&mut self, path: &Path) {
        let focus = self.document.as_ref().map_or(DVec3::ZERO, |document| document.ring.centre);
        match KeyPath::open(path, focus, self.eye.up) {
            Ok(keys) => {
                self.keys = keys;
                self.keys.note_saved();
            }
            Err(error) => self.fail(error),
        }
    }

    pub(super) fn keys_section(&mut self, ui: &mut egui::Ui) {
        let count = self.keys.keys.len();
        if count == 0 {
            let hint =
                "Move to a view and press K; do so again elsewhere. The camera then flies smoothly through them.";
            ui.label(RichText::new(hint).small().color(theme::QUIET));
        }
        ui.horizontal(|ui| {
            if ui.button("Add this view").on_hover_text("As the last key frame (K)").clicked() {
                self.add_key();
            }
            let word = if self.keys.is_playing() { "Stop" } else { "Preview" };
            if ui.add_enabled(count > 1, egui::Button::new(word)).on_hover_text("Space").clicked() {
                self.keys.toggle();
            }
        });
        let (mut remove, mut visit) = (None, None);
        for index in 0..count {
            ui.horizontal(|ui| {
                let name = match self.keys.keys[index].time {
                    Some(time) => format!("key {} at {time:.3}", index + 1),
                    None => format!("key {}", index + 1),
                };
                if ui.link(name).on_hover_text("Go there").clicked() {
                    visit = Some(index);
                }
                // Far from "Add this view", under which a list that grows may come to lie.
                ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                    if ui.small_button("×").on_hover_text("Remove it").clicked() {
                        remove = Some(index);
                    }
                    if ui.small_button("replace").on_hover_text("By this view").clicked() {
                        self.keys.keys[index] = self.key_here();
                        self.tell(format!("key frame {} is this view now", index + 1));
                    }
                });
            });
        }
        if let Some(index) = visit {
            self.visit_key(self.keys.keys[index]);
        }
        remove.map(|index| self.keys.keys.remove(index));
        self.keys_settings(ui);
        ui.horizontal(|ui| {
            let able = count > 0 && self.film.is_none() && self.stage.gaussians() > 0;
            let images = ui.add_enabled(able, egui::Button::new("Export images …"));
            if images.on_hover_text("A PNG for each image of the path, in a folder").clicked() {
                self.dialogs.ask(ui.ctx(), Ask::Frames, true, "frames");
            }
            let video = ui.add_enabled(able, egui::Button::new("Export video …"));
            if video.on_hover_text("MP4, WebM or MKV, with the system's ffmpeg").clicked() {
                self.dialogs.ask(ui.ctx(), Ask::Video, false, "path.mp4");
            }
        });
        self.film_row(ui);
        ui.horizontal(|ui| {
            let save = ui.add_enabled(count > 0, egui::Button::new("Save path …"));
            if save.on_hover_text("JSON for dapple render --path, one camera an image").clicked() {
                self.dialogs.ask(ui.ctx(), Ask::SavePath, false, "path.json");
            }
            if ui.button("Open path …").on_hover_text("A path saved here, or any that dapple render takes").clicked()
            {
                self.dialogs.ask(ui.ctx(), Ask::OpenPath, false, "");
            }
        });
    }

    fn keys_settings(&mut self, ui: &mut egui::Ui) {
        let keys = &mut self.keys;
        ui.horizontal(|ui| {
            ui.add(
                egui::DragValue::new(&mut keys.seconds).range(0.1..=600.0).speed(0.05).prefix("lasts ").suffix(" s"),
            )
            .on_hover_text("How long the whole path takes");
            ui.add(egui::DragValue::new(&mut keys.frames_per_second).range(1.0..=240.0).suffix(" images/s"))
                .on_hover_text("Images in a second of the path");
            ui.checkbox(&mut keys.closed, "closed").on_hover_text("Come back to the first key frame");
        });
        ui.horizontal(|ui| {
            let (width, height) = (&mut keys.size.0, &mut keys.size.1);
            ui.add(egui::DragValue::new(width).range(16..=8192)).on_hover_text("Width of the images");
            ui.label("×");
            ui.add(egui::DragValue::new(height).range(16..=8192)).on_hover_text("Height of the images");
            ui.label("pixels");
        });
    }

    pub(super) fn paint_keys(&self, painter: &egui::Painter, place: &Place, camera: &Camera) {
        if self.keys.keys.is_empty() || self.keys.is_playing() {
            return;
        }
        let painter = painter.with_clip_rect(place.rect);
        let steps = 24 * self.keys.keys.len();
        let centres: Vec<DVec3> =
            (0..=steps).filter_map(|i| self.keys.at(i as f64 / steps as f64)).map(|key| key.eye.centre()).collect();
        for pair in centres.windows(2) {
            if let Some(line) = place.line(camera, pair[0], pair[1]) {
                painter.line_segment(line, Stroke::new(2.0, theme::WARM));
            }
        }
        for (index, Key { eye, .. }) in self.keys.keys.iter().enumerate() {
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
}
