//! The edits of a scene and their history.

use std::sync::Arc;

use glam::{DVec2, Vec3};

use crate::render::{DELETED, SELECTED};
use crate::scene::Scene;

use super::crop::{Corners, CropSide, Grip};
use super::document::Document;
use super::view_settings::ViewSettings;

/// Steps that can be undone.
const REMEMBERED: usize = 32;

/// The tool in hand, with which the mouse selects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tool {
    #[default]
    None,
    Rectangle,
    Brush,
    Sphere,
}

/// The way in which a new selection joins the old one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Join {
    Replace,
    Add,
    Remove,
}

/// All that can be undone.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EditState {
    /// `[N]` bits of deleted and selected; empty for none.
    pub flags: Arc<Vec<u32>>,
    pub crop: Option<Corners>,
}

impl EditState {
    /// The same with the flags of `count` Gaussians changed; `change` gets index and flags.
    fn with(&self, count: usize, change: impl Fn(usize, u32) -> u32) -> Self {
        let flag = |i: usize| self.flags.get(i).copied().unwrap_or(0);
        let flags: Vec<u32> = (0..count).map(|i| change(i, flag(i))).collect();
        let none = flags.iter().all(|&flag| flag == 0);
        Self { flags: Arc::new(if none { Vec::new() } else { flags }), crop: self.crop }
    }

    /// Number of Gaussians with a flag.
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

/// The edits since the scene was opened, and the tools for them.
#[derive(Default)]
pub struct Edit {
    pub tool: Tool,
    pub state: EditState,
    undone: Vec<EditState>,
    done: Vec<EditState>,
    /// The crop box when it is switched on first.
    pub bounds: Corners,
    /// The box around the inner Gaussians.
    pub inner: Corners,
    pub dim_outside: bool,
    /// The side of the crop box that the mouse holds.
    pub grip: Option<Grip>,
    /// The pixel where a rectangle was begun.
    pub rectangle_start: Option<DVec2>,
    /// Radius of the sphere, as a share of the scene's size.
    pub sphere_radius: f64,
    /// Radius of the brush, in points.
    pub brush_radius: f32,
    /// The state that was saved last.
    saved: EditState,
}

impl Edit {
    pub fn of(document: &Document) -> Self {
        Self {
            bounds: document.bounds,
            inner: document.inner,
            dim_outside: true,
            sphere_radius: 0.1,
            brush_radius: 24.0,
            ..Self::default()
        }
    }

    /// The settings with the crop box.
    pub fn apply(&self, settings: ViewSettings) -> ViewSettings {
        ViewSettings { crop: self.state.crop, dim_outside: self.dim_outside, ..settings }
    }

    /// Number of selected Gaussians.
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

    /// Whether saving would write another scene than was opened or saved last.
    pub fn is_unsaved(&self) -> bool {
        self.is_dirty() && !self.state.leaves_as(&self.saved)
    }

    /// Remembers that a file holds this state.
    pub fn note_saved(&mut self, state: EditState) {
        self.saved = state;
    }

    /// Takes a step that can be undone.
    pub fn push(&mut self, state: EditState) {
        if state != self.state {
            self.done.push(std::mem::replace(&mut self.state, state));
            let surplus = self.done.len().saturating_sub(REMEMBERED);
            self.done.drain(..surplus);
            self.undone.clear();
        }
    }

    /// Remembers the state as it is, before it is changed little by little.
    pub fn remember(&mut self) {
        self.done.push(self.state.clone());
        self.undone.clear();
    }

    /// Undoes a step, or does it again; whether there was one.
    pub fn step(&mut self, forward: bool) -> bool {
        let (from, to) = if forward { (&mut self.undone, &mut self.done) } else { (&mut self.done, &mut self.undone) };
        let Some(state) = from.pop() else { return false };
        to.push(std::mem::replace(&mut self.state, state));
        true
    }

    /// Selects the Gaussians, of `count`, for which `hit` is true and that are not deleted. Unless it is to be
    /// remembered, the change belongs to the last step.
    pub fn select(&mut self, count: usize, join: Join, hit: impl Fn(usize) -> bool, remember: bool) {
        let state = self.state.with(count, |i, flag| {
            if flag & DELETED != 0 {
                return DELETED;
            }
            let was = flag & SELECTED != 0;
            let now = match join {
                Join::Replace => hit(i),
                Join::Add => was || hit(i),
                Join::Remove => was && !hit(i),
            };
            if now { SELECTED } else { 0 }
        });
        if remember {
            self.push(state);
        } else {
            self.state = state;
        }
    }

    /// Deletes what is selected, of `count` Gaussians; returns how many.
    pub fn delete_selection(&mut self, count: usize) -> usize {
        let selected = self.selected();
        if selected > 0 {
            self.push(self.state.with(count, |_, flag| if flag & SELECTED != 0 { DELETED } else { flag }));
        }
        selected
    }

    /// Sets the crop box, or takes it off, as a step.
    pub fn set_crop(&mut self, crop: Option<Corners>) {
        self.push(EditState { crop, ..self.state.clone() });
    }

    /// Takes hold of a side of the crop box; moving it is one step.
    pub fn grab(&mut self, grip: Grip) {
        self.remember();
        self.grip = Some(grip);
    }

    /// Moves a side of the crop box, within the last step.
    pub fn move_side(&mut self, side: CropSide, value: f32) {
        let least = 1e-3 * (self.bounds.1 - self.bounds.0).max_element();
        self.state.crop = self.state.crop.map(|corners| side.moved(corners, value, least));
    }

    /// The scene without what is cropped and deleted.
    pub fn result(&self, scene: &Scene) -> Scene {
        let mut scene = scene.clone();
        let (flags, crop) = (&self.state.flags, self.state.crop);
        let inside = |p: Vec3| crop.is_none_or(|(low, high)| p.cmpge(low).all() && p.cmple(high).all());
        scene.retain(|scene, i| flags.get(i).is_none_or(|flag| flag & DELETED == 0) && inside(scene.means[i]));
        scene
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
        edit.push(EditState { crop: Some((Vec3::ZERO, Vec3::splat(2.5))), ..edit.state.clone() });
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
