//! Cropping, selecting and deleting.

use crate::scene::Scene;
use crate::view::action::{EditAction, Size};
use crate::view::state::edit::{Join, Tool};
use crate::view::state::select::is_near;
use crate::view::state::viewer_state::Section;
use crate::view::text::grouped;

use super::viewer::Viewer;

impl Viewer {
    pub(super) fn apply_edit(&mut self, action: EditAction) {
        let edit = &mut self.state.edit;
        match action {
            EditAction::SetTool(tool) => edit.tool = tool,
            EditAction::ToggleTool(tool) => edit.tool = if edit.tool == tool { Tool::None } else { tool },
            EditAction::ToggleCrop => self.toggle_crop(),
            EditAction::SetCrop(corners) => edit.set_crop(Some(corners)),
            EditAction::BeginCropChange => edit.remember(),
            EditAction::ChangeCrop(corners) => edit.state.crop = Some(corners),
            EditAction::GrabCropSide(grip) => edit.grab(grip),
            EditAction::MoveCropSide(value) => {
                if let Some(grip) = edit.grip {
                    edit.move_side(grip.side, value);
                }
            }
            EditAction::ReleaseCropSide => edit.grip = None,
            EditAction::SetDimOutside(dims) => edit.dim_outside = dims,
            EditAction::SetSphereRadius(radius) => edit.sphere_radius = radius,
            EditAction::SetBrushRadius(radius) => edit.brush_radius = radius,
            EditAction::BeginRectangle(pixel) => edit.rectangle_start = Some(pixel),
            EditAction::Select { region, picture, join, is_step } => {
                edit.rectangle_start = None;
                let (camera, time) = (self.state.camera(picture), self.state.settings.time);
                self.select(join, |scene, i| region.holds(scene, i, time, &camera), is_step);
            }
            EditAction::SelectSphere { pixel, picture, join } => self.select_sphere(pixel, picture, join),
            EditAction::DeleteSelection => {
                let count = edit.delete_selection(self.state.scene.gaussians);
                if count > 0 {
                    self.show_edits();
                    self.notify(format!("deleted {} Gaussians; Ctrl + Z brings them back", grouped(count as u64)));
                }
            }
            EditAction::Undo => self.step(false),
            EditAction::Redo => self.step(true),
        }
    }

    fn step(&mut self, forward: bool) {
        if self.state.edit.step(forward) {
            self.show_edits();
        }
    }

    fn toggle_crop(&mut self) {
        if self.state.is_growing() {
            return self.notify("the scene is in training; stop that first, then crop it");
        }
        let edit = &mut self.state.edit;
        let crop = if edit.is_cropped() { None } else { Some(edit.bounds) };
        edit.set_crop(crop);
        if crop.is_some() {
            self.state.revealed = Some(Section::Edit);
        }
    }

    /// Selects the Gaussians for which `hit` is true.
    pub(super) fn select(&mut self, join: Join, hit: impl Fn(&Scene, usize) -> bool, is_step: bool) {
        if self.state.is_growing() {
            return self.notify("the scene is in training; stop that first, then edit it");
        }
        let Some(document) = &self.state.document else { return };
        let scene = &document.scene;
        self.state.edit.select(scene.len(), join, |i| hit(scene, i), is_step);
        self.show_edits();
    }

    fn select_sphere(&mut self, pixel: (u32, u32), picture: Size, join: Join) {
        let (camera, settings) = (self.state.camera(picture), self.state.picture_settings());
        let found = self.canvas.surface(&camera, &settings, pixel);
        self.redraw();
        match found {
            Ok(Some(centre)) => {
                let sphere = (centre, self.state.edit.sphere_radius * self.state.size());
                self.select(join, |scene, i| is_near(scene, i, settings.time, sphere), true);
            }
            Ok(None) => self.notify("no surface is there"),
            Err(error) => self.fail(error),
        }
    }
}
