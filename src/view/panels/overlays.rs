//! Boxes on the picture: figures, and the scale of its colours.

use eframe::egui::{self, Align2, Color32, Pos2, Rect, RichText, pos2, vec2};
use glam::Vec2;

use crate::image::colormap::{INFERNO, VIRIDIS, flow_colour, ramp};
use crate::render::DisplayMode;
use crate::view::action::{Action, ViewAction};
use crate::view::text::{bytes, grouped, short};
use crate::view::theme;

use super::inputs::Inputs;
use super::widgets::{edit, quiet};

/// Stages and buffers that the figures list.
const LISTED: usize = 8;

/// The overlays on the picture of a scene.
pub fn show(ui: &egui::Ui, inputs: &Inputs, full: Rect, actions: &mut Vec<Action>) {
    let state = inputs.state;
    if !state.has_scene() {
        return;
    }
    if state.figures {
        overlay(ui, "figures", full.left_top() + vec2(12.0, 12.0), Align2::LEFT_TOP, |ui| figures(ui, inputs));
    }
    if state.settings.has_range() {
        let at = full.left_bottom() + vec2(12.0, -12.0);
        overlay(ui, "scale", at, Align2::LEFT_BOTTOM, |ui| scale(ui, inputs, actions));
    }
}

/// A box at a position of the window, held at one of its corners.
pub fn overlay(ui: &egui::Ui, name: &str, at: Pos2, pivot: Align2, add: impl FnOnce(&mut egui::Ui)) {
    let area = egui::Area::new(egui::Id::unique(name)).fixed_pos(at).pivot(pivot).order(egui::Order::Middle);
    area.show(ui.ctx(), |ui| {
        theme::overlay().show(ui, add);
    });
}

fn figures(ui: &mut egui::Ui, inputs: &Inputs) {
    ui.set_max_width(256.0);
    ui.spacing_mut().item_spacing.y = 3.0;
    let cost = inputs.cost;
    ui.horizontal(|ui| {
        ui.label(RichText::new(format!("{:.1} ms", cost.frame)).size(19.0).strong());
        ui.label(quiet("for this picture"));
    })
    .response
    .on_hover_text("From the request to the finished pixels, before the window is composed");
    let all = inputs.state.scene.gaussians as u64;
    let visible = "Gaussians that touch at least one tile of the picture";
    figure(ui, "visible", grouped(cost.visible.into()), visible);
    figure(ui, "all Gaussians", grouped(all), "In the scene");
    let pairs = "Pairs of a Gaussian and a tile of 16 × 16 pixels that it touches";
    figure(ui, "pairs", grouped(cost.pairs.into()), pairs);
    if !cost.stages.is_empty() {
        ui.collapsing(RichText::new("stages on the device").small(), |ui| {
            for (name, time) in cost.stages.iter().take(LISTED) {
                figure(ui, name, format!("{time:.2} ms"), "Time of this stage in the last picture");
            }
        });
    }
    let mut memory = inputs.canvas.gpu().memory_stats().by_label();
    memory.sort_by_key(|(name, bytes)| (std::cmp::Reverse(*bytes), *name));
    let total: u64 = memory.iter().map(|(_, bytes)| bytes).sum();
    ui.collapsing(RichText::new(format!("GPU memory {}", bytes(total))).small(), |ui| {
        for (name, held) in memory.iter().take(LISTED) {
            figure(ui, name, bytes(*held), "Bytes of the buffers of this name");
        }
    });
}

fn figure(ui: &mut egui::Ui, name: &str, value: String, hint: &str) {
    ui.horizontal(|ui| {
        ui.label(quiet(name));
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            ui.label(RichText::new(value).small().monospace());
        });
    })
    .response
    .on_hover_text(hint);
}

fn scale(ui: &mut egui::Ui, inputs: &Inputs, actions: &mut Vec<Action>) {
    let settings = &inputs.state.settings;
    let range = inputs.canvas.range(settings);
    let (title, anchors) = match settings.mode {
        DisplayMode::Depth => ("depth, the scene's units", &VIRIDIS),
        DisplayMode::Count => ("Gaussians a pixel", &INFERNO),
        DisplayMode::Flow => ("pixels up to the next moment", &VIRIDIS),
        _ => ("speed along each axis, units a clip: grey is 0", &VIRIDIS),
    };
    ui.label(quiet(title));
    match settings.mode {
        DisplayMode::Flow => flow_wheel(ui),
        DisplayMode::Velocity => {}
        _ => colour_bar(ui, anchors),
    }
    ui.horizontal(|ui| {
        ui.label(RichText::new(short(range.0)).small().monospace());
        ui.add_space(ui.available_width().min(150.0));
        ui.label(RichText::new(short(range.1)).small().monospace());
    });
    let fits = |ui: &mut egui::Ui, fits: &mut bool| ui.checkbox(fits, RichText::new("fit to what is seen").small());
    edit(ui, actions, settings.range.is_none(), fits, |fits| ViewAction::SetRange((!fits).then_some(range)));
    if let Some((low, high)) = settings.range {
        ui.horizontal(|ui| {
            let speed = 0.005 * (high - low).abs().max(1e-4);
            let value = |prefix: &'static str, hint: &'static str| {
                move |ui: &mut egui::Ui, value: &mut f32| {
                    ui.add(egui::DragValue::new(value).speed(speed).prefix(prefix)).on_hover_text(hint)
                }
            };
            let set = |low: f32, high: f32| ViewAction::SetRange(Some((low, high)));
            edit(ui, actions, low, value("from ", "Value of the first colour"), |low| set(low, high));
            edit(ui, actions, high, value("to ", "Value of the last colour"), |high| set(low, high));
        });
    }
}

/// The colours between the anchors of a colour map, from left to right.
fn colour_bar(ui: &mut egui::Ui, anchors: &[[u8; 3]; 5]) {
    let (bar, _) = ui.allocate_exact_size(vec2(220.0, 10.0), egui::Sense::hover());
    let mut mesh = egui::Mesh::default();
    for i in 0..=32 {
        let t = i as f32 / 32.0;
        let [r, g, b] = ramp(anchors, t).to_array().map(|v| (v * 255.0) as u8);
        let x = bar.left() + t * bar.width();
        mesh.colored_vertex(pos2(x, bar.top()), Color32::from_rgb(r, g, b));
        mesh.colored_vertex(pos2(x, bar.bottom()), Color32::from_rgb(r, g, b));
        if i > 0 {
            let at = 2 * i;
            mesh.add_triangle(at - 2, at - 1, at);
            mesh.add_triangle(at - 1, at, at + 1);
        }
    }
    ui.painter().add(mesh);
}

/// The colours of directions on the screen.
fn flow_wheel(ui: &mut egui::Ui) {
    let (rect, _) = ui.allocate_exact_size(vec2(72.0, 72.0), egui::Sense::hover());
    let mut mesh = egui::Mesh::default();
    let colour = |way: Vec2| {
        let [r, g, b] = flow_colour(way).to_array().map(|v| (v.clamp(0.0, 1.0) * 255.0) as u8);
        Color32::from_rgb(r, g, b)
    };
    mesh.colored_vertex(rect.center(), Color32::WHITE);
    let parts = 48;
    for i in 0..=parts {
        let way = Vec2::from_angle(i as f32 / parts as f32 * std::f32::consts::TAU);
        mesh.colored_vertex(rect.center() + 34.0 * vec2(way.x, way.y), colour(0.999 * way));
        if i > 0 {
            mesh.add_triangle(0, i, i + 1);
        }
    }
    ui.painter().add(mesh);
}
