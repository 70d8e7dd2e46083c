//! What is changed about a scene: its history with undo, and saving what is left.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};

use anyhow::{Result, ensure};
use eframe::egui::{self, Key, Pos2, RichText};
use glam::Vec3;

use crate::format;
use crate::render::{DELETED, SELECTED};
use crate::scene::Scene;

use super::app::Viewer;
use super::crop::Grip;
use super::dialogs::Ask;
use super::document::Document;
use super::live::Command;
use super::probe::PixelProbe;
use super::select::{Join, Tool};
use super::stage::Look;
use super::theme;
use super::words::{grouped, whole};

/// Steps that can be undone.
const REMEMBERED: usize = 32;
/// All that can be undone.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct State {
    /// `[N]` bits of deleted and selected; empty for none.
    pub flags: Arc<Vec<u32>>,
    pub crop: Option<(Vec3, Vec3)>,
}

impl State {
    pub fn with(&self, count: usize, change: impl Fn(usize, u32) -> u32) -> Self {
        let flag = |i: usize| self.flags.get(i).copied().unwrap_or(0);
        let flags: Vec<u32> = (0..count).map(|i| change(i, flag(i))).collect();
        let none = flags.iter().all(|&flag| flag == 0);
        Self { flags: Arc::new(if none { Vec::new() } else { flags }), crop: self.crop }
    }

    pub fn count(&self, bit: u32) -> usize {
        self.flags.iter().filter(|&&flag| flag & bit != 0).count()
    }

    /// Whether both leave the same of the scene.
    fn leaves_as(&self, other: &Self) -> bool {
        let deleted = |state: &Self, i: usize| state.flags.get(i).is_some_and(|flag| flag & DELETED != 0);
        let count = self.flags.len().max(other.flags.len());
        self.crop == other.crop && (0..count).all(|i| deleted(self, i) == deleted(other, i))
    }
}

/// What is changed about the scene since it was opened.
#[derive(Default)]
pub struct Edit {
    pub tool: Tool,
    pub state: State,
    undone: Vec<State>,
    done: Vec<State>,
    /// The crop box when it is switched on first, and one around the inner Gaussians.
    pub bounds: (Vec3, Vec3),
    pub inner: (Vec3, Vec3),
    pub ghost: bool,
    /// The side of the crop box that the mouse holds.
    pub grip: Option<Grip>,
    /// Where a rectangle was begun.
    pub start: Option<Pos2>,
    /// Radius of the sphere, against the scene's size, and of the brush, in points.
    pub sphere: f64,
    pub brush: f32,
    saving: Option<Saving>,
    /// The state that was saved last.
    saved: State,
}

/// A scene that is being written.
struct Saving {
    result: Receiver<Result<String>>,
    state: State,
}

impl Edit {
    pub fn of(document: &Document) -> Self {
        Self {
            bounds: document.bounds,
            inner: document.inner,
            ghost: true,
            sphere: 0.1,
            brush: 24.0,
            ..Self::default()
        }
    }

    /// The look with the crop box.
    pub fn apply(&self, look: Look) -> Look {
        Look { crop: self.state.crop, ghost: self.ghost, ..look }
    }

    pub fn selected(&self) -> usize {
        self.state.count(SELECTED)
    }

    pub fn is_cropped(&self) -> bool {
        self.state.crop.is_some()
    }

    pub fn can_undo(&self) -> bool {
        !self.done.is_empty()
    }

    pub fn can_redo(&self) -> bool {
        !self.undone.is_empty()
    }

    /// Whether saving would write another scene than was opened.
    pub fn is_dirty(&self) -> bool {
        self.state.crop.is_some() || self.state.count(DELETED) > 0
    }

    /// Whether a scene is being written.
    pub fn is_saving(&self) -> bool {
        self.saving.is_some()
    }

    /// Whether saving would write another scene than was opened or saved last.
    pub fn is_unsaved(&self) -> bool {
        self.is_dirty() && !self.state.leaves_as(&self.saved)
    }

    /// Takes a step that can be undone.
    pub fn push(&mut self, state: State) {
        if state != self.state {
            self.done.push(std::mem::replace(&mut self.state, state));
            let surplus = self.done.len().saturating_sub(REMEMBERED);
            self.done.drain(..surplus);
            self.undone.clear();
        }
    }

    /// Remembers the state as it is, before it is changed bit by bit.
    pub fn remember(&mut self) {
        self.done.push(self.state.clone());
        self.undone.clear();
    }

    fn step(&mut self, forward: bool) -> bool {
        let (from, to) = if forward { (&mut self.undone, &mut self.done) } else { (&mut self.done, &mut self.undone) };
        let Some(state) = from.pop() else { return false };
        to.push(std::mem::replace(&mut self.state, state));
        true
    }

    /// What is left of a scene.
    fn result(&self, scene: &Scene) -> Scene {
        let mut scene = scene.clone();
        let (flags, crop) = (&self.state.flags, self.state.crop);
        let inside = |p: Vec3| crop.is_none_or(|(low, high)| p.cmpge(low).all() && p.cmple(high).all());
        scene.retain(|scene, i| flags.get(i).is_none_or(|flag| flag & DELETED == 0) && inside(scene.means[i]));
        scene
    }
}

impl Viewer {
    /// Shows the changed state.
    pub(super) fn show_edit(&mut self) {
        self.stage.set_state(self.edit.state.flags.to_vec());
        self.redraw();
    }

    pub(super) fn delete_selection(&mut self) {
        let count = self.edit.selected();
        if count == 0 {
            return;
        }
        let total = self.stage.gaussians();
        let state = self.edit.state.with(total, |_, flag| if flag & SELECTED != 0 { DELETED } else { flag });
        self.edit.push(state);
        self.show_edit();
        self.tell(format!("deleted {} Gaussians; Ctrl + Z brings them back", grouped(count as u64)));
    }

    pub(super) fn undo(&mut self, forward: bool) {
        if self.edit.step(forward) {
            self.show_edit();
        }
    }

    /// Drops the selection, and puts the tool and the probe away.
    pub(super) fn escape(&mut self) {
        self.probe = PixelProbe::default();
        if self.edit.selected() > 0 {
            self.select(Join::Replace, |_, _| false, true);
        }
        (self.edit.tool, self.edit.start) = (Tool::None, None);
    }

    pub(super) fn edit_keys(&mut self, context: &egui::Context, pressed: &impl Fn(Key) -> bool) {
        for (key, tool) in [(Key::B, Tool::Rectangle), (Key::G, Tool::Brush), (Key::N, Tool::Sphere)] {
            if pressed(key) {
                self.edit.tool = if self.edit.tool == tool { Tool::None } else { tool };
            }
        }
        if pressed(Key::C) {
            self.toggle_crop(context);
        }
        if pressed(Key::Delete) || pressed(Key::Backspace) {
            self.delete_selection();
        }
    }

    pub(super) fn edit_section(&mut self, ui: &mut egui::Ui) {
        if self.is_growing() {
            let hint = "The scene is in training. Stop that, and it can be cropped, cleaned and saved here.";
            ui.label(RichText::new(hint).small().color(theme::QUIET));
            return;
        }
        let mut crops = self.edit.state.crop.is_some();
        if ui.checkbox(&mut crops, "crop box").on_hover_text("Only what is inside is shown and saved (C)").changed() {
            self.toggle_crop(ui.ctx());
        }
        if let Some((low, high)) = self.edit.state.crop {
            self.crop_rows(ui, low, high);
        }
        ui.separator();
        ui.horizontal_wrapped(|ui| {
            for (tool, name, hint) in [
                (Tool::None, "move", "The mouse moves the view (Esc)"),
                (Tool::Rectangle, "rectangle", "Select by a rectangle on the picture, all the way through (B)"),
                (Tool::Brush, "brush", "Select by painting on the picture, all the way through (G)"),
                (Tool::Sphere, "sphere", "Select around a point of the surface (N)"),
            ] {
                ui.selectable_value(&mut self.edit.tool, tool, name).on_hover_text(hint);
            }
        });
        match self.edit.tool {
            Tool::Sphere => {
                let slider = egui::Slider::new(&mut self.edit.sphere, 0.005..=1.0).logarithmic(true);
                ui.add(slider.text("radius")).on_hover_text("Against the scene's size");
            }
            Tool::Brush => {
                ui.add(egui::Slider::new(&mut self.edit.brush, 4.0..=120.0).fixed_decimals(0).text("radius"));
            }
            Tool::None | Tool::Rectangle => {}
        }
        let (selected, deleted) = (self.edit.selected(), self.edit.state.count(DELETED));
        let count = format!("{} selected, {} deleted", grouped(selected as u64), grouped(deleted as u64));
        ui.label(RichText::new(count).small().color(theme::QUIET));
        ui.horizontal(|ui| {
            let button = |text: &str| egui::Button::new(text.to_string());
            if ui.add_enabled(selected > 0, button("Delete")).on_hover_text("The selection (Delete)").clicked() {
                self.delete_selection();
            }
            if ui.add_enabled(self.edit.can_undo(), button("Undo")).on_hover_text("Ctrl + Z").clicked() {
                self.undo(false);
            }
            if ui.add_enabled(self.edit.can_redo(), button("Redo")).on_hover_text("Ctrl + Y").clicked() {
                self.undo(true);
            }
        });
        if ui.button("Save the scene as …").on_hover_text("Without what is cropped and deleted (Ctrl + S)").clicked()
        {
            self.dialogs.ask(ui.ctx(), Ask::SaveScene, false, "scene.ply");
        }
    }

    /// Writes what is left of the scene, on a thread. A format that holds no motion gets the moment that is shown.
    pub(super) fn save_scene(&mut self, path: &Path) {
        if self.is_growing() {
            return self.ask_training(Command::Save(path.to_path_buf()));
        }
        let Some(document) = &self.document else { return };
        let mut scene = self.edit.result(&document.scene);
        let (path, time) = (path.to_path_buf(), self.look.time);
        let (sender, result) = channel();
        std::thread::spawn(move || {
            let mut save = || {
                ensure!(!scene.is_empty(), "nothing is left of the scene; undo or move the crop box");
                let format = format::format_to_write(&path)?;
                let freezes = scene.motion.is_some() && !format.holds_motion();
                if freezes {
                    scene = scene.at(time);
                }
                format::write_scene(&path, &scene)?;
                let moment = if freezes { format!(", the moment {time:.3} of the clip,") } else { String::new() };
                Ok(format!("saved {} Gaussians{moment} in {}", grouped(scene.len() as u64), whole(&path)))
            };
            let _ = sender.send(save());
        });
        self.edit.saving = Some(Saving { result, state: self.edit.state.clone() });
    }

    /// Tells how saving went.
    pub(super) fn receive_saved(&mut self, context: &egui::Context) {
        let Some(saving) = self.edit.saving.take() else { return };
        match saving.result.try_recv() {
            Ok(Ok(text)) => {
                self.edit.saved = saving.state;
                self.tell(text);
            }
            Ok(Err(error)) => self.fail(error),
            Err(_) => {
                self.edit.saving = Some(saving);
                context.request_repaint_after(std::time::Duration::from_millis(100));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scene() -> Scene {
        Scene {
            means: (0..4).map(|i| Vec3::splat(i as f32)).collect(),
            quaternions: vec![[1.0, 0.0, 0.0, 0.0]; 4],
            log_scales: vec![Vec3::ZERO; 4],
            logits: vec![0.0; 4],
            sh: vec![0.0; 12],
            ..Scene::default()
        }
    }

    #[test]
    fn steps_are_undone_and_done_again() {
        let mut edit = Edit::default();
        let select = edit.state.with(4, |i, _| if i < 2 { SELECTED } else { 0 });
        edit.push(select.clone());
        edit.push(select.clone());
        let delete = edit.state.with(4, |_, flag| if flag == SELECTED { DELETED } else { flag });
        edit.push(delete);
        edit.push(State { crop: Some((Vec3::ZERO, Vec3::splat(2.5))), ..edit.state.clone() });
        assert!(edit.is_dirty());
        assert_eq!(edit.result(&scene()).means, [Vec3::splat(2.0)]);
        assert!(edit.step(false));
        assert_eq!(edit.result(&scene()).len(), 2);
        assert!(edit.step(false));
        assert_eq!((edit.selected(), edit.state.count(DELETED)), (2, 0));
        assert!(edit.step(false) && !edit.step(false), "an equal state is no step");
        assert!(!edit.is_dirty() && edit.state.flags.is_empty());
        assert!(edit.step(true) && edit.step(true) && edit.step(true) && !edit.step(true));
        assert_eq!(edit.result(&scene()).len(), 1);
    }
}
