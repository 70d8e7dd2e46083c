//! The window's colours and spacing: dark and quiet, so that the scene is what is seen.

use eframe::egui::{self, Color32, CornerRadius, Margin, Stroke, vec2};

pub const GROUND: Color32 = Color32::from_rgb(17, 19, 23);
pub const PANEL: Color32 = Color32::from_rgb(24, 27, 33);
pub const RAISED: Color32 = Color32::from_rgb(38, 43, 52);
pub const HOVERED: Color32 = Color32::from_rgb(52, 59, 71);
pub const LINE: Color32 = Color32::from_rgb(44, 49, 59);
pub const TEXT: Color32 = Color32::from_rgb(216, 221, 229);
pub const QUIET: Color32 = Color32::from_rgb(140, 149, 163);
pub const ACCENT: Color32 = Color32::from_rgb(94, 201, 158);
pub const WARM: Color32 = Color32::from_rgb(240, 178, 92);
pub const BAD: Color32 = Color32::from_rgb(238, 110, 104);
/// Behind words that lie on the picture.
pub const VEIL: Color32 = Color32::from_rgba_premultiplied(12, 14, 17, 214);

/// Dresses a context.
pub fn apply(context: &egui::Context) {
    context.set_theme(egui::Theme::Dark);
    context.all_styles_mut(|style| {
        style.spacing.item_spacing = vec2(8.0, 7.0);
        style.spacing.button_padding = vec2(9.0, 4.0);
        style.spacing.interact_size.y = 24.0;
        style.spacing.slider_width = 128.0;
        style.text_styles.insert(egui::TextStyle::Small, egui::FontId::proportional(11.5));
        style.spacing.window_margin = Margin::same(14);
        style.spacing.menu_margin = Margin::same(8);
        style.interaction.tooltip_delay = 0.35;
        style.visuals = visuals();
    });
}

fn visuals() -> egui::Visuals {
    let mut visuals = egui::Visuals::dark();
    let radius = CornerRadius::same(5);
    visuals.panel_fill = PANEL;
    visuals.window_fill = PANEL;
    visuals.window_stroke = Stroke::new(1.0, LINE);
    visuals.window_corner_radius = CornerRadius::same(8);
    visuals.menu_corner_radius = CornerRadius::same(6);
    visuals.extreme_bg_color = GROUND;
    visuals.faint_bg_color = Color32::from_rgb(29, 33, 40);
    visuals.hyperlink_color = ACCENT;
    visuals.warn_fg_color = WARM;
    visuals.error_fg_color = BAD;
    visuals.selection.bg_fill = Color32::from_rgb(38, 86, 71);
    visuals.selection.stroke = Stroke::new(1.0, Color32::from_rgb(206, 244, 228));
    visuals.slider_trailing_fill = true;
    let states = &mut visuals.widgets;
    for (state, fill, text) in [
        (&mut states.noninteractive, PANEL, TEXT),
        (&mut states.inactive, RAISED, TEXT),
        (&mut states.hovered, HOVERED, Color32::WHITE),
        (&mut states.active, HOVERED, Color32::WHITE),
        (&mut states.open, HOVERED, TEXT),
    ] {
        state.bg_fill = fill;
        state.weak_bg_fill = fill;
        state.bg_stroke = Stroke::NONE;
        state.fg_stroke = Stroke::new(1.0, text);
        state.corner_radius = radius;
        state.expansion = 0.0;
    }
    states.noninteractive.bg_stroke = Stroke::new(1.0, LINE);
    visuals
}

/// A box for words that lie on the picture.
pub fn overlay() -> egui::Frame {
    egui::Frame::new().fill(VEIL).corner_radius(CornerRadius::same(7)).inner_margin(Margin::symmetric(11, 8))
}
