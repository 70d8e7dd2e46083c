//! Crop, select, delete, with undo, and saving what is left.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};

use anyhow::{Result, ensure};
use eframe::egui::{self, Color32, Key, Modifiers, PointerButton, Pos2, Rect, RichText, Stroke, StrokeKind};
use glam::{DVec3, Vec3};

use crate::camera::Camera;
use crate::format::{self, WriteOptions};
use crate::render::{DELETED, SELECTED};
use crate::scene::{Scene, sigmoid};

use super::app::Viewer;
use super::document::Document;
use super::stage::Look;
use super::theme;
use super::viewport::Place;
use super::words::grouped;

/// Steps that can be undone.
const REMEMBERED: usize = 32;
/// Gaussians fainter than this are not selected on the screen: nobody sees them.
const SEEN: f32 = 1.0 / 255.0;

/// What the mouse selects with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tool {
    #[default]
    None,
    Rectangle,
    Brush,
    Sphere,
}

/// All that can be undone.
#[derive(Clone, Debug, Default, PartialEq)]
struct State {
    /// `[N]` bits of deleted and selected; empty for none.
    flags: Arc<Vec<u32>>,
    crop: Option<(Vec3, Vec3)>,
}

impl State {
    fn with(&self, count: usize, change: impl Fn(usize, u32) -> u32) -> Self {
        let flag = |i: usize| self.flags.get(i).copied().unwrap_or(0);
        let flags: Vec<u32> = (0..count).map(|i| change(i, flag(i))).collect();
        let none = flags.iter().all(|&flag| flag == 0);
        Self { flags: Arc::new(if none { Vec::new() } else { flags }), crop: self.crop }
    }

    fn count(&self, bit: u32) -> usize {
        self.flags.iter().filter(|&&flag| flag & bit != 0).count()
    }
}

/// How a new selection joins the old one.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Join {
    Replace,
    Add,
    Remove,
}

impl Join {
    fn of(modifiers: Modifiers) -> Self {
        match (modifiers.shift, modifiers.alt || modifiers.command) {
            (_, true) => Self::Remove,
            (true, false) => Self::Add,
            (false, false) => Self::Replace,
        }
    }
}

/// What is changed about the scene since it was opened.
#[derive(Default)]
pub struct Edit {
    pub tool: Tool,
    state: State,
    undone: Vec<State>,
    done: Vec<State>,
    /// The crop box when it is switched on first.
    bounds: (Vec3, Vec3),
    ghost: bool,
    /// Where a rectangle was begun.
    start: Option<Pos2>,
    /// Radius of the sphere, against the scene's size, and of the brush, in points.
    sphere: f64,
    brush: f32,
    saving: Option<Receiver<Result<String>>>,
}

impl Edit {
    pub fn of(document: &Document) -> Self {
        Self { bounds: document.bounds, ghost: true, sphere: 0.1, brush: 24.0, ..Self::default() }
    }

    /// The look with the crop box.
    pub fn apply(&self, look: Look) -> Look {
        Look { crop: self.state.crop, ghost: self.ghost, ..look }
    }

    pub fn selected(&self) -> usize {
        self.state.count(SELECTED)
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

    pub fn hint(&self) -> Option<&'static str> {
        match self.tool {
            Tool::None => None,
            Tool::Rectangle => Some("drag a rectangle · Shift adds, Alt removes · Delete · Esc"),
            Tool::Brush => Some("paint over the Gaussians · Alt removes · Delete · Esc"),
            Tool::Sphere => Some("click on a surface · Shift adds, Alt removes · Delete · Esc"),
        }
    }

    fn push(&mut self, state: State) {
        if state != self.state {
            self.done.push(std::mem::replace(&mut self.state, state));
            let surplus = self.done.len().saturating_sub(REMEMBERED);
            self.done.drain(..surplus);
            self.undone.clear();
        }
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
    /// Selects the Gaussians for which `hit` is true, of those not deleted.
    fn select(&mut self, join: Join, hit: impl Fn(&Scene, usize) -> bool, remember: bool) {
        let Some(document) = &self.document else { return };
        let scene = &document.scene;
        let state = self.edit.state.with(scene.len(), |i, flag| {
            if flag & DELETED != 0 {
                return DELETED;
            }
            let was = flag & SELECTED != 0;
            let now = match join {
                Join::Replace => hit(scene, i),
                Join::Add => was || hit(scene, i),
                Join::Remove => was && !hit(scene, i),
            };
            if now { SELECTED } else { 0 }
        });
        if remember {
            self.edit.push(state);
        } else {
            self.edit.state = state;
        }
        self.show_edit();
    }

    /// Shows the changed state.
    fn show_edit(&mut self) {
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

    /// Drops the selection and puts the tool away.
    pub(super) fn escape(&mut self) {
        if self.edit.selected() > 0 {
            self.select(Join::Replace, |_, _| false, true);
        }
        (self.edit.tool, self.edit.start) = (Tool::None, None);
    }

    pub(super) fn edit_keys(&mut self, pressed: &impl Fn(Key) -> bool) {
        for (key, tool) in [(Key::B, Tool::Rectangle), (Key::G, Tool::Brush), (Key::N, Tool::Sphere)] {
            if pressed(key) {
                self.edit.tool = if self.edit.tool == tool { Tool::None } else { tool };
            }
        }
        if pressed(Key::C) {
            self.toggle_crop();
        }
        if pressed(Key::Delete) || pressed(Key::Backspace) {
            self.delete_selection();
        }
    }

    fn toggle_crop(&mut self) {
        let crop = if self.edit.state.crop.is_some() { None } else { Some(self.edit.bounds) };
        self.edit.push(State { crop, ..self.edit.state.clone() });
    }

    /// What the mouse does with a tool; whether that is all it does.
    pub(super) fn edit_drag(&mut self, response: &egui::Response, place: &Place, modifiers: Modifiers) -> bool {
        let Some(pointer) = response.interact_pointer_pos().or(response.hover_pos()) else { return false };
        let join = Join::of(modifiers);
        let camera = self.camera(place.width, place.height);
        let time = self.look.time;
        match self.edit.tool {
            Tool::None => return false,
            Tool::Rectangle => {
                if response.drag_started_by(PointerButton::Primary) {
                    self.edit.start = response.ctx.input(|input| input.pointer.press_origin()).or(Some(pointer));
                }
                if response.drag_stopped_by(PointerButton::Primary)
                    && let Some(start) = self.edit.start.take()
                {
                    let rect = Rect::from_two_pos(start, pointer);
                    let place = *place;
                    self.select(
                        join,
                        |scene, i| seen(scene, i, time, &camera, &place).is_some_and(|p| rect.contains(p)),
                        true,
                    );
                }
            }
            Tool::Brush => {
                let begins = response.drag_started_by(PointerButton::Primary);
                if response.dragged_by(PointerButton::Primary) || response.clicked() {
                    let (place, reach) = (*place, self.edit.brush);
                    let join = if join == Join::Remove { Join::Remove } else { Join::Add };
                    let hit = |scene: &Scene, i: usize| {
                        seen(scene, i, time, &camera, &place).is_some_and(|p| p.distance(pointer) <= reach)
                    };
                    // One stroke is one step.
                    self.select(join, hit, begins || response.clicked());
                }
            }
            Tool::Sphere => {
                if response.clicked() {
                    self.select_sphere(place, pointer, join);
                }
                return response.clicked();
            }
        }
        true
    }

    fn select_sphere(&mut self, place: &Place, pointer: Pos2, join: Join) {
        let camera = self.camera(place.width, place.height);
        let pixel = place.pixel(pointer);
        let look = self.edit.apply(self.look);
        let found = self.stage.surface(&camera, &look, (pixel.x as u32, pixel.y as u32));
        self.redraw();
        match found {
            Ok(Some(centre)) => {
                let radius = self.edit.sphere * self.document.as_ref().map_or(1.0, Document::size);
                self.select(join, |scene, i| scene.means[i].as_dvec3().distance(centre) <= radius, true);
            }
            Ok(None) => self.tell("no surface is there".into()),
            Err(error) => self.fail(error),
        }
    }

    pub(super) fn edit_section(&mut self, ui: &mut egui::Ui) {
        let mut crops = self.edit.state.crop.is_some();
        if ui.checkbox(&mut crops, "crop box").on_hover_text("Only what is inside is shown and saved (C)").changed() {
            self.toggle_crop();
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
            self.dialogs.ask(ui.ctx(), super::dialogs::Ask::SaveScene, false, "scene.ply");
        }
    }

    fn crop_rows(&mut self, ui: &mut egui::Ui, mut low: Vec3, mut high: Vec3) {
        let size = (self.edit.bounds.1 - self.edit.bounds.0).max_element().max(1e-6);
        let (mut changed, mut begun) = (false, false);
        egui::Grid::new("crop").num_columns(3).show(ui, |ui| {
            for (axis, name) in ["X", "Y", "Z"].into_iter().enumerate() {
                ui.label(RichText::new(name).color(theme::QUIET));
                for (value, end) in [(&mut low[axis], "from"), (&mut high[axis], "to")] {
                    let drag = egui::DragValue::new(value).speed(0.003 * size).max_decimals(4);
                    let response = ui.add(drag).on_hover_text(format!("{name} {end}"));
                    changed |= response.changed();
                    begun |= response.drag_started() || response.gained_focus();
                }
                ui.end_row();
            }
        });
        ui.checkbox(&mut self.edit.ghost, "show the rest faintly").on_hover_text("What the box leaves out");
        if begun {
            // One drag is one step, from before it.
            self.edit.done.push(self.edit.state.clone());
            self.edit.undone.clear();
        }
        if changed {
            self.edit.state.crop = Some((low.min(high), high.max(low)));
        }
    }

    /// The crop box, the rectangle that is being drawn, and the brush.
    pub(super) fn paint_edit(&self, painter: &egui::Painter, place: &Place, camera: &Camera) {
        let painter = painter.with_clip_rect(place.rect);
        if let Some((low, high)) = self.edit.state.crop {
            let corner = |i: usize| {
                let pick = |bit: usize, a: f32, b: f32| f64::from(if i >> bit & 1 == 0 { a } else { b });
                DVec3::new(pick(0, low.x, high.x), pick(1, low.y, high.y), pick(2, low.z, high.z))
            };
            for (a, b) in (0..8).flat_map(|i| (0..3).map(move |bit| (i, i | 1 << bit))).filter(|(a, b)| a != b) {
                if let Some(line) = place.line(camera, corner(a), corner(b)) {
                    painter.line_segment(line, Stroke::new(1.5, theme::ACCENT));
                }
            }
        }
        let pointer = painter.ctx().input(|input| input.pointer.latest_pos());
        if let (Some(start), Some(pointer)) = (self.edit.start, pointer) {
            let fill = Color32::from_rgba_premultiplied(40, 30, 10, 40);
            painter.rect(
                Rect::from_two_pos(start, pointer),
                0.0,
                fill,
                Stroke::new(1.0, theme::WARM),
                StrokeKind::Inside,
            );
        }
        if let (Tool::Brush, Some(pointer)) = (self.edit.tool, pointer) {
            painter.circle_stroke(pointer, self.edit.brush, Stroke::new(1.5, theme::WARM));
        }
    }

    /// Writes what is left of the scene, on a thread.
    pub(super) fn save_scene(&mut self, path: &Path) {
        let Some(document) = &self.document else { return };
        let scene = self.edit.result(&document.scene);
        let path = path.to_path_buf();
        let (sender, saving) = channel();
        std::thread::spawn(move || {
            let save = || {
                ensure!(!scene.is_empty(), "nothing is left of the scene; undo or move the crop box");
                format::save(&path, &scene, &WriteOptions::default())?;
                Ok(format!("saved {} Gaussians in {}", grouped(scene.len() as u64), path.display()))
            };
            let _ = sender.send(save());
        });
        self.edit.saving = Some(saving);
    }

    /// Tells how saving went.
    pub(super) fn receive_saved(&mut self, context: &egui::Context) {
        let Some(saving) = &self.edit.saving else { return };
        match saving.try_recv() {
            Ok(result) => {
                self.edit.saving = None;
                match result {
                    Ok(text) => self.tell(text),
                    Err(error) => self.fail(error),
                }
            }
            Err(_) => context.request_repaint_after(std::time::Duration::from_millis(100)),
        }
    }
}

/// Where a Gaussian's centre is in the window at a time of the clip, if it can be seen at all.
fn seen(scene: &Scene, i: usize, time: f32, camera: &Camera, place: &Place) -> Option<Pos2> {
    let (mut mean, mut opacity) = (scene.means[i], sigmoid(scene.logits[i]));
    if let Some(motion) = &scene.motion {
        mean += motion.velocities[i] * (time - motion.centres[i]);
        opacity *= motion.visibility(i, time);
    }
    if opacity < SEEN {
        return None;
    }
    place.point(camera, mean.as_dvec3())
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

    #[test]
    fn modifiers_say_how_selections_join() {
        assert!(Join::of(Modifiers::NONE) == Join::Replace);
        assert!(Join::of(Modifiers::SHIFT) == Join::Add);
        assert!(Join::of(Modifiers::ALT) == Join::Remove);
    }
}
