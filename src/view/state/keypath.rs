//! Camera paths through key frames: smooth in between, and saved as the JSON that `dapple render --path` takes.

use std::io::Write;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use glam::{DMat3, DQuat, DVec3};
use serde::{Deserialize, Serialize};

use crate::format::write_atomically;
use crate::render::path;

use super::navigation::Eye;

/// Size of the images where the window does not say another.
const SIZE: (u32, u32) = (1280, 720);

/// An eye, and in a scene in time the moment at which it looks.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Key {
    pub eye: Eye,
    /// Time within the clip, 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<f32>,
}

/// A path through keys, in space and time.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct KeyPath {
    pub keys: Vec<Key>,
    /// Duration of the whole path.
    pub seconds: f64,
    pub frames_per_second: f64,
    /// Whether it comes back to the first key.
    pub closed: bool,
    /// Width and height of its images.
    pub size: (u32, u32),
    #[serde(skip)]
    playing: Option<Instant>,
    /// The keys that a file holds.
    #[serde(skip)]
    saved: Vec<Key>,
}

impl Default for KeyPath {
    fn default() -> Self {
        Self {
            keys: Vec::new(),
            seconds: 6.0,
            frames_per_second: 30.0,
            closed: false,
            size: SIZE,
            playing: None,
            saved: Vec::new(),
        }
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
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<f32>,
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
    /// A path through some eyes, at whatever time is shown.
    pub fn new(eyes: Vec<Eye>, seconds: f64) -> Self {
        let keys = eyes.into_iter().map(|eye| Key { eye, time: None }).collect();
        Self { keys, seconds, ..Self::default() }
    }

    /// Whether there is a path that no file holds.
    pub fn is_unsaved(&self) -> bool {
        self.keys.len() > 1 && self.keys != self.saved
    }

    /// Takes note that a file holds the keys as they are.
    pub fn note_saved(&mut self) {
        self.saved = self.keys.clone();
    }

    /// The eye and its time at a share of the path, 0 to 1; `None` without keys. Times go evenly from key to key.
    pub fn at(&self, share: f64) -> Option<Key> {
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
        let keys = [-1, 0, 1, 2].map(|by| key(span + by));
        let time = match (keys[1].time, keys[2].time) {
            (Some(from), Some(to)) => Some(from + (to - from) * t as f32),
            (from, to) => from.or(to),
        };
        let [a, b, c, d] = keys.map(|key| key.eye);
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
        let (fov, orthographic) = (number(|eye| eye.fov), b.orthographic);
        Some(Key { eye: Eye { rotation, pivot, distance, up: b.up, fov, orthographic }, time })
    }

    /// Number of images that the path is saved as.
    fn frames(&self) -> usize {
        ((self.seconds * self.frames_per_second).round() as usize).clamp(1, 100_000)
    }

    /// Eye and time of each image. A closed path does not show its first image twice.
    pub fn moments(&self) -> Vec<Key> {
        let frames = self.frames();
        let last = if self.closed { frames } else { frames.saturating_sub(1).max(1) };
        (0..frames).filter_map(|i| self.at(i as f64 / last as f64)).collect()
    }

    /// # Errors
    /// No key, or a disk that does not take the file.
    pub fn save(&self, path: &Path, (width, height): (u32, u32)) -> Result<()> {
        ensure!(!self.keys.is_empty(), "the path has no key frames yet; add this view with K");
        let entry = |(i, Key { eye, time }): (usize, Key)| {
            let rows = eye.matrix().transpose();
            let lens = eye.camera(width, height).lens;
            Entry {
                name: format!("{i:05}"),
                transform_matrix: [rows.x_axis, rows.y_axis, rows.z_axis, rows.w_axis].map(|row| row.to_array()),
                time,
                fl_x: lens.focal.x,
                fl_y: lens.focal.y,
                cx: lens.principal.x,
                cy: lens.principal.y,
            }
        };
        let cameras = self.moments().into_iter().enumerate().map(entry).collect();
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
        let key = |stop: &path::Stop| Key { eye: Eye::of_camera(&stop.camera, focus, up), time: stop.time };
        let keys = cameras.iter().map(key).collect();
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

    pub fn is_playing(&self) -> bool {
        self.playing.is_some()
    }

    /// The key of the moment while the path plays. It follows the wall clock: slow pictures are dropped, and the path
    /// takes as long as it says.
    pub fn advance(&mut self) -> Option<Key> {
        let share = self.share_after(self.playing?.elapsed().as_secs_f64());
        if share >= 1.0 {
            self.stop();
        }
        self.at(share)
    }

    /// The share of the path after so many seconds of playing.
    fn share_after(&self, seconds: f64) -> f64 {
        let share = seconds / self.seconds.max(0.1);
        if self.closed { share.fract() } else { share.min(1.0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(closed: bool) -> KeyPath {
        let eye = |i: f64| {
            Eye::look_at(DVec3::new(4.0 * i.cos(), 0.3 * i, 4.0 * i.sin()), DVec3::ZERO, -DVec3::Y, 0.7 + 0.1 * i)
        };
        KeyPath { closed, ..KeyPath::new([0.0, 1.0, 2.2, 3.0].map(eye).to_vec(), 6.0) }
    }

    #[test]
    fn it_passes_through_its_keys_and_is_smooth() {
        for closed in [false, true] {
            let path = path(closed);
            let spans = if closed { 4.0 } else { 3.0 };
            for (i, Key { eye: key, .. }) in path.keys.iter().enumerate() {
                let eye = path.at(i as f64 / spans).expect("there are keys").eye;
                assert!(eye.centre().distance(key.centre()) < 1e-9);
                assert!(eye.rotation.abs_diff_eq(key.rotation, 1e-9));
                assert!((eye.fov - key.fov).abs() < 1e-12);
            }
            // No jump of the velocity at a key.
            let step = 1e-4;
            let at = |share: f64| path.at(share).expect("there are keys").eye.centre();
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
        let mut saved = KeyPath { seconds: 0.5, ..path(false) };
        for (key, time) in saved.keys.iter_mut().zip([0.25, 0.75, 0.5, 0.5]) {
            key.time = Some(time);
        }
        saved.save(&file, (640, 360)).expect("saves");
        let cameras = path::read(&file, None).expect("reads");
        assert_eq!(cameras.len(), 15);
        for (stop, key) in cameras.iter().zip(saved.moments()) {
            assert_eq!((stop.camera, stop.time), (key.eye.camera(640, 360), key.time));
        }
        assert_eq!(saved.at(1.0 / 6.0).and_then(|key| key.time), Some(0.5), "half-way from key to key");
        let again = KeyPath::open(&file, DVec3::ZERO, -DVec3::Y).expect("opens");
        assert_eq!((again.keys, again.seconds), (saved.keys, 0.5));
        assert!(KeyPath::default().save(&file, (64, 64)).is_err());
    }

    #[test]
    fn playing_drops_pictures_and_does_not_drift() {
        let path = path(false);
        // However irregular the pictures come, where the path is depends on the clock alone.
        for seconds in [0.0, 0.1, 2.9, 3.0, 5.999] {
            assert_eq!(path.share_after(seconds), seconds / 6.0);
        }
        assert_eq!(path.share_after(7.0), 1.0);
        assert_eq!(KeyPath { closed: true, ..path }.share_after(15.0), 0.5, "after two whole rounds");
    }
}
