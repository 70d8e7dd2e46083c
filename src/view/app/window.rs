//! A frame of the window: what came in, what the user does, the panels and the picture.

use std::time::Duration;

use eframe::egui::{self, Rect, Sense};

use crate::view::action::FileAction;
use crate::view::draw::{axes, cameras, crop_box, path, photo, selection};
use crate::view::keys;
use crate::view::panels::{
    help, menu, notices, overlays, probe, prompt, side_panel, status, transport, unsaved_changes, viewport, welcome,
};
use crate::view::state::compare::Layout;
use crate::view::state::unsaved_changes::Leave;
use crate::view::theme;

use super::viewer::Viewer;

/// Time between two frames while messages are to vanish by themselves.
const NOTICES: Duration = Duration::from_millis(500);

impl Viewer {
    /// Everything that the window shows, and what follows from what is done in it.
    pub fn show(&mut self, ui: &mut egui::Ui) {
        let context = ui.ctx().clone();
        // Before a field that has the keys can end: the letters that came with its Enter are no shortcuts.
        let typing = context.egui_wants_keyboard_input();
        self.receive(&context);
        let mut actions = Vec::new();
        for dropped in context.input(|input| input.raw.dropped_files.clone()).iter() {
            actions.push(FileAction::Leave(Leave::Open(dropped.path().to_path_buf())).into());
        }
        prompt::show(&context, &self.inputs(), &mut actions);
        self.apply_all(&context, actions);
        if !typing {
            let actions = context.input_mut(|input| keys::pressed(input, &self.state));
            self.apply_all(&context, actions);
        }
        self.advance(&context);
        if !self.state.panels_hidden || !self.state.has_document() {
            self.show_panels(ui);
        }
        self.show_viewport(ui);
        let mut actions = Vec::new();
        help::show(&context, &self.inputs(), &mut actions);
        self.apply_all(&context, actions);
        self.watch_leaving(&context);
        let mut actions = Vec::new();
        unsaved_changes::show(&context, &self.inputs(), &mut actions);
        self.apply_all(&context, actions);
        if self.state.notices.expire() {
            context.request_repaint_after(NOTICES);
        }
    }

    fn show_panels(&mut self, ui: &mut egui::Ui) {
        let (inputs, mut actions) = (self.inputs(), Vec::new());
        menu::show(ui, &inputs, &mut actions);
        status::show(ui, &inputs);
        if self.state.has_document() {
            if self.state.is_dynamic() {
                transport::show(ui, &inputs, &mut actions);
            }
            side_panel::show(ui, &inputs, &mut actions);
            self.state.revealed = None;
        }
        self.apply_all(&ui.ctx().clone(), actions);
    }

    fn show_viewport(&mut self, ui: &mut egui::Ui) {
        egui::CentralPanel::default().frame(egui::Frame::new()).show(ui, |ui| {
            let full = ui.available_rect_before_wrap();
            let mut actions = Vec::new();
            if self.state.has_document() && self.state.opening.is_none() {
                self.show_scene(ui, full);
                overlays::show(ui, &self.inputs(), full, &mut actions);
            } else {
                ui.painter().rect_filled(full, 0.0, theme::GROUND);
                welcome::show(ui, &self.inputs(), full, &mut actions);
            }
            notices::show(ui, &self.inputs(), full, &mut actions);
            self.apply_all(&ui.ctx().clone(), actions);
        });
    }

    fn show_scene(&mut self, ui: &mut egui::Ui, full: Rect) {
        let context = ui.ctx().clone();
        let response = ui.allocate_rect(full, Sense::click_and_drag());
        let (photo_part, part) = photo::parts(&self.state, full);
        let place = viewport::place(ui, &self.state, part);
        let mut actions = Vec::new();
        viewport::interact(ui, &self.inputs(), &response, &place, &mut actions);
        self.apply_all(&context, actions);
        self.compare(&context);
        let camera = self.state.camera(place.size());
        self.draw(&context, &camera);
        let probed = probe::position(&self.state, &place, response.hover_pos());
        if let Some(at) = probed {
            self.read_probe(&context, &place, at);
        }

        let (state, painter) = (&self.state, ui.painter_at(full));
        let is_drawn = self.drawn.is_some() && state.has_scene();
        let picture = is_drawn.then(|| self.window_pass.shape(self.canvas.presenter(), place.rect)).flatten();
        // A software adapter feels every pixel that is filled twice.
        let beside = (full.size() - place.rect.size()).max_elem() >= 1.0;
        if beside || picture.is_none() {
            painter.rect_filled(full, 0.0, theme::GROUND);
        }
        painter.extend(picture);
        if !state.has_scene() && self.jobs.training.is_none() {
            viewport::paint_empty(&painter, state, &place);
        }
        photo::paint(&painter, state, &self.comparison, &place, photo_part);
        if state.through.is_none() || state.compare.layout == Layout::Off {
            let pointer = response.hover_pos().filter(|_| !ui.input(|input| input.pointer.any_down()));
            cameras::paint(&painter, state, &place, &camera, pointer);
            path::paint(&painter, &state.keys, &place, &camera);
            crop_box::paint(&painter, &state.edit, &place, &camera);
            selection::paint(&painter, &state.edit, &place);
            axes::paint(&painter, full, &camera);
        }
        if let Some(at) = probed {
            probe::show(ui, state, &place, at);
        }
    }
}

impl eframe::App for Viewer {
    fn ui(&mut self, ui: &mut egui::Ui, _frame: &mut eframe::Frame) {
        self.show(ui);
    }

    fn on_exit(&mut self) {
        if let Some(training) = self.jobs.training.take() {
            training.finish();
        }
    }

    /// The panels, which fill themselves no more than that.
    fn clear_color(&self, _visuals: &egui::Visuals) -> [f32; 4] {
        theme::PANEL.to_normalized_gamma_f32()
    }
}
