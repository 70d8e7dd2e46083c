//! The panel at the right: how the scene is shown, the camera, and what belongs to a capture.

use eframe::egui::collapsing_header::CollapsingState;
use eframe::egui::{self, RichText};

use crate::view::action::Action;
use crate::view::state::document::Kind;
use crate::view::state::viewer_state::Section;

use super::inputs::Inputs;
use super::{appearance, camera, capture, edit, path, picture, training};

fn title(section: Section) -> &'static str {
    match section {
        Section::Training => "Training",
        Section::Appearance => "Appearance",
        Section::Camera => "Camera",
        Section::Capture => "Capture",
        Section::Edit => "Crop and select",
        Section::Path => "Camera path",
        Section::Picture => "Picture",
    }
}

/// Whether a section is unfolded at first.
fn is_open(section: Section) -> bool {
    !matches!(section, Section::Edit | Section::Path | Section::Picture)
}

/// The sections of what is shown, from above.
fn sections(inputs: &Inputs) -> Vec<Section> {
    let document = inputs.state.document.as_ref();
    let trains = inputs.jobs.training.is_some() || document.is_some_and(|document| document.kind != Kind::Scene);
    let has_capture = document.is_some_and(|document| document.capture.is_some());
    // First what a capture is for, and what is watched.
    let training = trains.then_some(Section::Training);
    let capture = has_capture.then_some(Section::Capture);
    let always = [Section::Edit, Section::Path, Section::Picture];
    training.into_iter().chain([Section::Appearance, Section::Camera]).chain(capture).chain(always).collect()
}

/// The panel at the right.
pub fn show(ui: &mut egui::Ui, inputs: &Inputs, actions: &mut Vec<Action>) {
    let frame = egui::Frame::new().inner_margin(egui::Margin::symmetric(12, 8));
    // As wide as its rows come to be: else the first pictures of a scene are drawn in vain, at other sizes.
    egui::Panel::right("side").frame(frame).default_size(311.0).min_size(240.0).show(ui, |ui| {
        // The bar is not to lie on what ends at the edge.
        let room = egui::Margin { right: 6, ..egui::Margin::ZERO };
        let area = egui::ScrollArea::vertical().auto_shrink(false).content_margin(room).show(ui, |ui| {
            for section in sections(inputs) {
                fold(ui, section, inputs.state.revealed == Some(section), |ui| match section {
                    Section::Training => training::show(ui, inputs, actions),
                    Section::Appearance => appearance::show(ui, inputs, actions),
                    Section::Camera => camera::show(ui, inputs, actions),
                    Section::Capture => capture::show(ui, inputs, actions),
                    Section::Edit => edit::show(ui, inputs, actions),
                    Section::Path => path::show(ui, inputs, actions),
                    Section::Picture => picture::show(ui, inputs, actions),
                });
            }
        });
        capture::note_scrolling(ui, area.state.unclamped_offset().y);
    });
}

/// A part of the panel that folds; where it is revealed, it unfolds and comes to sight.
fn fold(ui: &mut egui::Ui, section: Section, revealed: bool, add: impl FnOnce(&mut egui::Ui)) {
    let header = egui::CollapsingHeader::new(RichText::new(title(section)).strong()).default_open(is_open(section));
    let shown = header.open(revealed.then_some(true)).show(ui, |ui| {
        add(ui);
        ui.add_space(6.0);
    });
    if revealed {
        shown.header_response.scroll_to_me(Some(egui::Align::Min));
    }
    // What has been unfolded by hand comes to sight too, as far as it must move for that.
    let unfolding = shown.header_response.id.with("unfolding");
    if shown.header_response.clicked() {
        let state = CollapsingState::load(ui.ctx(), shown.header_response.id);
        ui.data_mut(|data| data.insert_temp(unfolding, state.is_some_and(|state| state.is_open())));
    }
    if ui.data(|data| data.get_temp(unfolding) == Some(true)) {
        if let Some(body) = &shown.body_response {
            body.scroll_to_me(None);
        }
        if shown.fully_open() {
            ui.data_mut(|data| data.remove::<bool>(unfolding));
        }
    }
}
