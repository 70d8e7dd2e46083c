//! The panel at the right: how the scene is shown, the camera, and what belongs to a capture.

use eframe::egui::collapsing_header::CollapsingState;
use eframe::egui::{self, RichText};
use glam::DVec3;

use super::app::Viewer;
use super::document::Kind;
use super::navigation::FOV;
use super::theme;

/// Axes that may be up.
const UPS: [(&str, DVec3); 6] = [
    ("+X", DVec3::X),
    ("-X", DVec3::NEG_X),
    ("+Y", DVec3::Y),
    ("-Y", DVec3::NEG_Y),
    ("+Z", DVec3::Z),
    ("-Z", DVec3::NEG_Z),
];

/// Titles of the parts that keys ask for.
pub(super) const EDITING: &str = "Crop and select";
pub(super) const PATH: &str = "Camera path";

impl Viewer {
    pub(super) fn side(&mut self, ui: &mut egui::Ui) {
        let frame = egui::Frame::new().inner_margin(egui::Margin::symmetric(12, 8));
        // As wide as its rows come to be: else the first pictures of a scene are drawn in vain, at other sizes.
        egui::Panel::right("side").frame(frame).default_size(311.0).min_size(240.0).show(ui, |ui| {
            // The bar is not to lie on what ends at the edge.
            let room = egui::Margin { right: 6, ..egui::Margin::ZERO };
            let area = egui::ScrollArea::vertical().auto_shrink(false).content_margin(room).show(ui, |ui| {
                let kind = self.document.as_ref().map(|document| document.kind);
                // First what a capture is for, and what is watched.
                if self.training.live.is_some() || kind.is_some_and(|kind| kind != Kind::Scene) {
                    section(ui, "Training", true, |ui| self.training_section(ui));
                }
                section(ui, "Appearance", true, |ui| self.appearance(ui));
                section(ui, "Camera", true, |ui| self.camera_section(ui));
                if self.document.as_ref().is_some_and(|document| document.capture.is_some()) {
                    section(ui, "Capture", true, |ui| self.capture_section(ui));
                }
                section(ui, EDITING, false, |ui| self.edit_section(ui));
                section(ui, PATH, false, |ui| self.keys_section(ui));
                section(ui, "Picture", false, |ui| self.picture_section(ui));
            });
            self.shots.panel_is_at(area.state.unclamped_offset().y, ui.input(|input| input.time));
        });
    }

    fn appearance(&mut self, ui: &mut egui::Ui) {
        let most = self.stage.sh_degree();
        rows(ui, "appearance", |ui| {
            let label = row(ui, "Splat size", "Factor on the size of every Gaussian");
            ui.add(egui::Slider::new(&mut self.look.size, 0.05..=2.0).fixed_decimals(2)).labelled_by(label);
            ui.end_row();
            let label =
                row(ui, "View colour", "Degree of the spherical harmonics: 0 is the same colour from all sides");
            ui.add_enabled(most > 0, egui::Slider::new(&mut self.look.sh_degree, 0..=most.max(1))).labelled_by(label);
            ui.end_row();
            let label = row(ui, "Background", "What shines through where the scene is not opaque");
            ui.horizontal(|ui| {
                ui.color_edit_button_rgb(&mut self.look.background).labelled_by(label);
                for (name, colour) in [("black", [0.0; 3]), ("white", [1.0; 3])] {
                    if ui.small_button(name).clicked() {
                        self.look.background = colour;
                    }
                }
            });
            ui.end_row();
            row(ui, "Anti-aliasing", "Less opacity for Gaussians thinner than a pixel; right for scenes trained so");
            ui.checkbox(&mut self.look.antialiased, "thin Gaussians fade");
            ui.end_row();
        });
    }

    fn camera_section(&mut self, ui: &mut egui::Ui) {
        rows(ui, "camera", |ui| {
            let label = row(ui, "Field of view", "Vertical angle that the picture spans");
            let mut degrees = self.eye.fov.to_degrees();
            let range = FOV.start().to_degrees()..=FOV.end().to_degrees();
            if ui
                .add(
                    egui::Slider::new(&mut degrees, range)
                        .suffix("°")
                        .fixed_decimals(0)
                        .clamping(egui::SliderClamping::Edits),
                )
                .labelled_by(label)
                .changed()
            {
                self.set_fov(degrees.to_radians());
            }
            ui.end_row();
            let label = row(ui, "Flight speed", "Factor on the speed of WASD; the wheel changes it while flying");
            ui.add(egui::Slider::new(&mut self.speed, 0.01..=100.0).logarithmic(true).fixed_decimals(2))
                .labelled_by(label);
            ui.end_row();
            let label = row(ui, "Up", "The axis that orbiting turns about; the first is that of the capture");
            ui.horizontal(|ui| {
                let up = self.eye.up;
                let known = UPS.iter().find(|(_, axis)| axis.dot(up) > 0.9999);
                let name = known.map_or("capture's", |(name, _)| name);
                let choice = egui::ComboBox::from_id_salt("up").width(88.0).selected_text(name);
                let choice = choice.show_ui(ui, |ui| {
                    let own = self.document.as_ref().map(|document| document.ring.up);
                    if let Some(own) = own
                        && ui.selectable_label(up == own, "capture's").clicked()
                    {
                        self.set_up(own);
                    }
                    for (name, axis) in UPS {
                        if ui.selectable_label(up == axis, name).clicked() {
                            self.set_up(axis);
                        }
                    }
                });
                choice.response.labelled_by(label);
                if ui.button("First view").on_hover_text("Back to where it began (R)").clicked() {
                    self.reset_view();
                }
            });
            ui.end_row();
        });
    }
}

/// A part of the panel that folds; where it has been asked for, it unfolds and comes to sight.
fn section(ui: &mut egui::Ui, title: &str, open: bool, add: impl FnOnce(&mut egui::Ui)) {
    let asked = egui::Id::unique("revealed section");
    let revealed = ui.data_mut(|data| data.get_temp::<String>(asked).is_some_and(|wanted| wanted == title));
    let header = egui::CollapsingHeader::new(RichText::new(title).strong()).default_open(open);
    let shown = header.open(revealed.then_some(true)).show(ui, |ui| {
        add(ui);
        ui.add_space(6.0);
    });
    if revealed {
        ui.data_mut(|data| data.remove::<String>(asked));
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

/// Asks for a part of the panel.
pub(super) fn reveal(context: &egui::Context, title: &str) {
    context.data_mut(|data| data.insert_temp(egui::Id::unique("revealed section"), title.to_string()));
}

pub(super) fn rows(ui: &mut egui::Ui, name: &str, add: impl FnOnce(&mut egui::Ui)) {
    egui::Grid::new(name).num_columns(2).spacing(egui::vec2(10.0, 7.0)).show(ui, add);
}

/// The name of a row, with what it means; what stands in the row is labelled by it.
pub(super) fn row(ui: &mut egui::Ui, name: &str, hint: &str) -> egui::Id {
    ui.label(RichText::new(name).color(theme::QUIET)).on_hover_text(hint).id
}
