//! Pictures of what the window shows, saved at its own or another size.

use std::path::{Path, PathBuf};

use anyhow::Context;
use eframe::egui;

use crate::image::png::save_png;

use super::app::Viewer;
use super::dialogs::Ask;
use super::words::whole;

impl Viewer {
    /// Saves what the window shows, at its own or the chosen size.
    pub(super) fn save_picture(&mut self, path: &Path) {
        let window = self.drawn.map_or((960, 540), |drawn| (drawn.camera.lens.width, drawn.camera.lens.height));
        let (width, height) = self.picture_size.unwrap_or(window);
        let camera = self.camera(width, height);
        let look = self.edit.apply(self.look);
        let saved = self.stage.draw(&camera, &look, false).and_then(|_| save_png(path, &self.stage.picture()?));
        self.redraw();
        match saved.with_context(|| format!("cannot save a picture of {width} x {height}")) {
            Ok(()) => self.tell(format!("saved {} ({width} × {height})", whole(path))),
            Err(error) => self.fail(error),
        }
    }

    /// Saves a picture beside the others in the working directory, under the first free name.
    pub(super) fn quick_picture(&mut self) {
        if self.stage.gaussians() == 0 {
            return;
        }
        let name = |i: u32| PathBuf::from(format!("dapple-{i:03}.png"));
        let free = (1..1000).map(name).find(|path| !path.exists()).unwrap_or_else(|| name(1000));
        self.save_picture(&free);
    }

    pub(super) fn picture_section(&mut self, ui: &mut egui::Ui) {
        let mut own = self.picture_size.is_some();
        if ui.checkbox(&mut own, "another size than the window's").changed() {
            self.picture_size = own.then_some((1920, 1080));
        }
        if let Some((width, height)) = &mut self.picture_size {
            ui.horizontal(|ui| {
                ui.add(egui::DragValue::new(width).range(16..=8192)).on_hover_text("Width");
                ui.label("×");
                ui.add(egui::DragValue::new(height).range(16..=8192)).on_hover_text("Height");
                ui.label("pixels");
            });
        }
        ui.horizontal(|ui| {
            let hint = format!("As dapple-001.png, or the next number, in {} (P)", whole(Path::new(".")));
            if ui.button("Save").on_hover_text(hint).clicked() {
                self.quick_picture();
            }
            if ui.button("Save as …").clicked() {
                self.dialogs.ask(ui.ctx(), Ask::SavePicture, false, "picture.png");
            }
        });
    }
}
