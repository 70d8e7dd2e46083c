//! Camera paths through key frames: smooth in between, and saved as the JSON that `dapple render --path` takes.

use std::io::Write;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use eframe::egui::{self, RichText, Stroke};
use glam::{DMat3, DQuat, DVec3};
use serde::{Deserialize, Serialize};

use crate::camera::Camera;
use crate::format::write_atomically;
use crate::render::path;

use super::app::Viewer;
use super::dialogs::Ask;
use super::navigation::Eye;
use super::theme;
use super::viewport::Place;

/// Size of the images where the window does not say another.
const SIZE: (u32, u32) = (1280, 720);

/// A path through eyes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct KeyPath {
    pub keys: Vec<Eye>,
    /// Duration of the whole path.
    pub seconds: f64,
    pub frames_per_second: f64,
    /// Whether it comes back to the first key.
    pub closed: bool,
    #[serde(skip)]
    playing: Option<Instant>,
}

impl Default for KeyPath {
    fn default() -> Self {
        Self { keys: Vec::new(), seconds: 6.0, frames_per_second: 30.0, closed: false, playing: None }
    }
}

#[derive(Serialize)]
struct File<'a> {
    width: u32,
    height: u32,
    cameras: Vec<Entry>,
    /// For opening the path here again; other readers pass over it.
    dapple_keys: &'a KeyPath,
}

#[derive(Serialize)]
struct Entry {
    name: String,
    transform_matrix: [[f64; 4]; 4],
    fl_x: f64,
    fl_y: f64,
    cx: f64,
    cy: f64,
}

#[derive(Deserialize)]
struct Keys {
    dapple_keys: Option<KeyPath>,
}

/// The cubic through b and c at `t`, its slopes those of the neighbours a and d (Catmull-Rom).
fn cubic<T>(a: T, b: T, c: T, d: T, t: f64) -> T
where
    T: Copy + std::ops::Mul<f64, Output = T> + std::ops::Add<Output = T> + std::ops::Sub<Output = T>,
{
    let slope = (c - a, d - b);
    let (t2, t3) = (t * t, t * t * t);
    b * (2.0 * t3 - 3.0 * t2 + 1.0)
        + c * (3.0 * t2 - 2.0 * t3)
        + slope.0 * (0.5 * (t3 - 2.0 * t2 + t))
        + slope.1 * (0.5 * (t3 - t2))
}

impl KeyPath {
    /// A path through some eyes.
    pub fn new(keys: Vec<Eye>, seconds: f64) -> Self {
        Self { keys, seconds, ..Self::default() }
    }

    /// The eye at a share of the path, 0 to 1; `None` without keys.
    pub fn at(&self, share: f64) -> Option<Eye> {
        let n = self.keys.len() as isize;
        let spans = if self.closed { n } else { n - 1 };
        if spans < 1 {
            return self.keys.first().copied();
        }
        let place = share.clamp(0.0, 1.0) * spans as f64;
        let span = (place as isize).min(spans - 1);
        let t = place - span as f64;
        let key = |i: isize| {
            let i = if self.closed { i.rem_euclid(n) } else { i.clamp(0, n - 1) };
            self.keys[i as usize]
        };
        let [a, b, c, d] = [-1, 0, 1, 2].map(|by| key(span + by));
        let number = |of: fn(&Eye) -> f64| cubic(of(&a), of(&b), of(&c), of(&d), t);
        let centre = cubic(a.centre(), b.centre(), c.centre(), d.centre(), t);
        let mut turns = [a, b, c, d].map(|eye| DQuat::from_mat3(&eye.rotation));
        for i in 1..4 {
            // q and −q are the same turn; the way between neighbours is the short one.
            if turns[i - 1].dot(turns[i]) < 0.0 {
                turns[i] = -turns[i];
            }
        }
        let rotation = DMat3::from_quat(cubic(turns[0], turns[1], turns[2], turns[3], t).normalize());
        let distance = number(|eye| eye.distance.ln()).exp();
        let pivot = centre + distance * rotation.row(2);
        Some(Eye { rotation, pivot, distance, up: b.up, fov: number(|eye| eye.fov), orthographic: b.orthographic })
    }

    /// Number of images that the path is saved as.
    fn frames(&self) -> usize {
        ((self.seconds * self.frames_per_second).round() as usize).clamp(1, 100_000)
    }

    /// The eye of each image. A closed path does not show its first image twice.
    pub fn eyes(&self) -> Vec<Eye> {
        let frames = self.frames();
        let last = if self.closed { frames } else { frames.saturating_sub(1).max(1) };
        (0..frames).filter_map(|i| self.at(i as f64 / last as f64)).collect()
    }

    /// # Errors
    /// No key, or a disk that does not take the file.
    pub fn save(&self, path: &Path, (width, height): (u32, u32)) -> Result<()> {
        ensure!(!self.keys.is_empty(), "the path has no key frames yet; add this view with K");
        let entry = |(i, eye): (usize, Eye)| {
            let rows = eye.matrix().transpose();
            let lens = eye.camera(width, height).lens;
            Entry {
                name: format!("{i:05}"),
                transform_matrix: [rows.x_axis, rows.y_axis, rows.z_axis, rows.w_axis].map(|row| row.to_array()),
                fl_x: lens.focal.x,
                fl_y: lens.focal.y,
                cx: lens.principal.x,
                cy: lens.principal.y,
            }
        };
        let cameras = self.eyes().into_iter().enumerate().map(entry).collect();
        let text = serde_json::to_string(&File { width, height, cameras, dapple_keys: self })?;
        write_atomically(path, |file| file.write_all(text.as_bytes()))
    }

    /// Reads what [`KeyPath::save`] wrote, or the cameras of another path as key frames.
    pub fn open(file: &Path, focus: DVec3, up: DVec3) -> Result<Self> {
        let cameras = path::read(file, Some(SIZE))?;
        let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
        if let Ok(Keys { dapple_keys: Some(keys) }) = serde_json::from_str(&text) {
            return Ok(keys);
        }
        let keys = cameras.iter().map(|(_, camera)| Eye::of_camera(camera, focus, up)).collect();
        Ok(Self { keys, ..Self::default() })
    }

    pub fn toggle(&mut self) {
        self.playing = match self.playing {
            None if self.keys.len() > 1 => Some(Instant::now()),
            _ => None,
        };
    }

    pub fn stop(&mut self) {
        self.playing = None;
    }

    /// The eye of the moment while the path plays.
    pub fn advance(&mut self, context: &egui::Context) -> Option<Eye> {
        let share = self.playing?.elapsed().as_secs_f64() / self.seconds.max(0.1);
        if share >= 1.0 && !self.closed {
            self.stop();
        }
        context.request_repaint();
        self.at(if self.closed { share.fract() } else { share })
    }
}

impl Viewer {
    pub(super) fn add_key(&mut self) {
        self.keys.keys.push(self.eye);
        self.tell(format!("key frame {} added to the camera path", self.keys.keys.len()));
    }

    pub(super) fn save_keys(&mut self, path: &Path) {
        match self.keys.save(path, self.picture_size.unwrap_or(SIZE)) {
            Ok(()) => self.tell(format!("saved {}; render it with dapple render --path", path.display())),
            Err(error) => self.fail(error),
        }
    }

    pub(super) fn open_keys(&mut self, path: &Path) {
        let focus = self.document.as_ref().map_or(DVec3::ZERO, |document| document.ring.centre);
        match KeyPath::open(path, focus, self.eye.up) {
            Ok(keys) => self.keys = keys,
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
            let word = if self.keys.playing.is_some() { "Stop" } else { "Preview" };
            if ui.add_enabled(count > 1, egui::Button::new(word)).on_hover_text("Space").clicked() {
                self.keys.toggle();
            }
        });
        let (mut remove, mut visit) = (None, None);
        for index in 0..count {
            ui.horizontal(|ui| {
                if ui.link(format!("key {}", index + 1)).on_hover_text("Go there").clicked() {
                    visit = Some(index);
                }
                if ui.small_button("here").on_hover_text("Replace it by this view").clicked() {
                    self.keys.keys[index] = self.eye;
                }
                if ui.small_button("×").on_hover_text("Remove it").clicked() {
                    remove = Some(index);
                }
            });
        }
        if let Some(index) = visit {
            self.go(self.keys.keys[index], None);
        }
        remove.map(|index| self.keys.keys.remove(index));
        ui.horizontal(|ui| {
            ui.add(egui::DragValue::new(&mut self.keys.seconds).range(0.1..=600.0).speed(0.05).suffix(" s"))
                .on_hover_text("How long the whole path takes");
            ui.add(egui::DragValue::new(&mut self.keys.frames_per_second).range(1.0..=240.0).suffix(" images/s"))
                .on_hover_text("How many images a second the path is saved as");
            ui.checkbox(&mut self.keys.closed, "closed").on_hover_text("Come back to the first key frame");
        });
        ui.horizontal(|ui| {
            let save = ui.add_enabled(count > 0, egui::Button::new("Save as …"));
            if save.on_hover_text("JSON for dapple render --path, one camera an image").clicked() {
                self.dialogs.ask(ui.ctx(), Ask::SavePath, false, "path.json");
            }
            if ui.button("Open …").on_hover_text("A path saved here, or any that dapple render takes").clicked() {
                self.dialogs.ask(ui.ctx(), Ask::OpenPath, false, "");
            }
        });
    }

    pub(super) fn paint_keys(&self, painter: &egui::Painter, place: &Place, camera: &Camera) {
        if self.keys.keys.is_empty() || self.keys.playing.is_some() {
            return;
        }
        let painter = painter.with_clip_rect(place.rect);
        let steps = 24 * self.keys.keys.len();
        let centres: Vec<DVec3> =
            (0..=steps).filter_map(|i| self.keys.at(i as f64 / steps as f64)).map(|eye| eye.centre()).collect();
        for pair in centres.windows(2) {
            if let Some(line) = place.line(camera, pair[0], pair[1]) {
                painter.line_segment(line, Stroke::new(2.0, theme::WARM));
            }
        }
        for (index, eye) in self.keys.keys.iter().enumerate() {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn path(closed: bool) -> KeyPath {
        let eye = |i: f64| {
            Eye::look_at(DVec3::new(4.0 * i.cos(), 0.3 * i, 4.0 * i.sin()), DVec3::ZERO, -DVec3::Y, 0.7 + 0.1 * i)
        };
        KeyPath { keys: [0.0, 1.0, 2.2, 3.0].map(eye).to_vec(), closed, ..KeyPath::default() }
    }

    #[test]
    fn it_passes_through_its_keys_and_is_smooth() {
        for closed in [false, true] {
            let path = path(closed);
            let spans = if closed { 4.0 } else { 3.0 };
            for (i, key) in path.keys.iter().enumerate() {
                let eye = path.at(i as f64 / spans).expect("there are keys");
                assert!(eye.centre().distance(key.centre()) < 1e-9);
                assert!(eye.rotation.abs_diff_eq(key.rotation, 1e-9));
                assert!((eye.fov - key.fov).abs() < 1e-12);
            }
            // No jump of the velocity at a key.
            let step = 1e-4;
            let at = |share: f64| path.at(share).expect("there are keys").centre();
            let key = 1.0 / spans;
            let before = (at(key) - at(key - step)) / step;
            let after = (at(key + step) - at(key)) / step;
            assert!((before - after).length() < 0.02 * before.length(), "{before} {after}");
        }
    }

    #[test]
    fn render_reads_what_was_saved_to_the_bit() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let file = folder.path().join("path.json");
        let saved = KeyPath { seconds: 0.5, ..path(false) };
        saved.save(&file, (640, 360)).expect("saves");
        let cameras = path::read(&file, None).expect("reads");
        assert_eq!(cameras.len(), 15);
        for ((_, camera), eye) in cameras.iter().zip(saved.eyes()) {
            assert_eq!(*camera, eye.camera(640, 360));
        }
        let again = KeyPath::open(&file, DVec3::ZERO, -DVec3::Y).expect("opens");
        assert_eq!((again.keys, again.seconds), (saved.keys, 0.5));
        assert!(KeyPath::default().save(&file, (64, 64)).is_err());
    }
}
