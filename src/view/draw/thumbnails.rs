//! The small pictures of a capture's images in its list.

use std::collections::BTreeMap;

use eframe::egui::{self, ColorImage, TextureHandle};

/// Most thumbnails that are kept.
const KEPT: usize = 400;

/// Thumbnails by the number of their shot; without a texture where the image cannot be read.
#[derive(Default)]
pub struct Thumbnails(BTreeMap<usize, Option<TextureHandle>>);

impl Thumbnails {
    pub fn get(&self, shot: usize) -> Option<&Option<TextureHandle>> {
        self.0.get(&shot)
    }

    /// Adds a shot's thumbnail; the one farthest from it goes where there are too many.
    pub fn add(&mut self, context: &egui::Context, shot: usize, image: Option<ColorImage>) {
        let texture = image.map(|image| context.load_texture(format!("shot {shot}"), image, Default::default()));
        if self.0.len() >= KEPT {
            let far = self.0.keys().copied().max_by_key(|known| known.abs_diff(shot));
            far.map(|far| self.0.remove(&far));
        }
        self.0.insert(shot, texture);
    }
}
