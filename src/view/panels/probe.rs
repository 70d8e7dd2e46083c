//! The pixel probe: the colour, depth and opacity of a pixel, and the Gaussians that make it.

use eframe::egui::{self, Align2, Color32, Pos2, RichText, Sense, Stroke, vec2};
use glam::Vec3;

use crate::view::draw::place::Place;
use crate::view::state::State;
use crate::view::state::probe::ProbedPixel;
use crate::view::text::{grouped, short};
use crate::view::theme;

/// Position in the window of the pixel that the probe reads: the pinned one, else the one under the pointer.
pub fn position(state: &State, place: &Place, hover: Option<Pos2>) -> Option<Pos2> {
    if !state.probe.on || !state.has_scene() {
        return None;
    }
    let pinned = state.probe.pinned.map(|at| place.rect.min + vec2(at.x as f32, at.y as f32) * place.rect.size());
    pinned.or(hover).filter(|&at| place.rect.contains(at))
}

/// Marks the pixel and shows what was read there.
pub fn show(ui: &egui::Ui, state: &State, place: &Place, at: Pos2) {
    let Some(found) = &state.probe.found else { return };
    if state.probe.pinned.is_some() {
        for (radius, colour) in [(6.5, theme::GROUND), (5.0, theme::WARM)] {
            ui.painter().circle_stroke(at, radius, Stroke::new(1.5, colour));
        }
    }
    // Beside the pixel, on the side where there is room.
    let (right, low) = (at.x > place.rect.center().x, at.y > place.rect.center().y);
    let pivot = match (right, low) {
        (false, false) => Align2::LEFT_TOP,
        (false, true) => Align2::LEFT_BOTTOM,
        (true, false) => Align2::RIGHT_TOP,
        (true, true) => Align2::RIGHT_BOTTOM,
    };
    let away = vec2(if right { -18.0 } else { 18.0 }, if low { -18.0 } else { 18.0 });
    let area = egui::Area::new(egui::Id::unique("probe")).fixed_pos(at + away).pivot(pivot).interactable(false);
    area.order(egui::Order::Foreground).show(ui.ctx(), |ui| {
        theme::overlay().show(ui, |ui| probed_pixel(ui, found));
    });
}

fn probed_pixel(ui: &mut egui::Ui, found: &ProbedPixel) {
    ui.spacing_mut().item_spacing = vec2(10.0, 3.0);
    ui.spacing_mut().interact_size.y = 14.0;
    let small = |text: String| RichText::new(text).small().monospace();
    let quiet = |text: &str| RichText::new(text).small().color(theme::QUIET);
    ui.horizontal(|ui| {
        let [r, g, b] = found.shown;
        let (swatch, _) = ui.allocate_exact_size(vec2(16.0, 16.0), Sense::hover());
        ui.painter().rect_filled(swatch, 3.0, Color32::from_rgb(r, g, b));
        ui.label(small(format!("{r} {g} {b}")));
        ui.label(quiet(&format!("pixel {}, {}", found.pixel.0, found.pixel.1)));
    });
    let depth = found.depth.map_or("nothing there".into(), |depth| format!("depth {}", short(depth as f32)));
    ui.label(small(format!("{depth} · opacity {:.3}", found.alpha)));
    let count = u64::from(found.count);
    ui.label(small(format!("{} Gaussian{} in this pixel", grouped(count), if count == 1 { "" } else { "s" })));
    if found.hits.is_empty() {
        return;
    }
    ui.add_space(3.0);
    egui::Grid::new("probe").num_columns(5).spacing(vec2(12.0, 2.0)).show(ui, |ui| {
        for (title, hint) in [
            ("number", "Its index in the scene, from 0"),
            ("share", "Its share in the pixel's colour"),
            ("depth", "Of its centre along the view, in the scene's units"),
            ("opacity", "At its centre"),
            ("size", "Standard deviations along its axes, in the scene's units"),
        ] {
            ui.label(quiet(title)).on_hover_text(hint);
        }
        ui.end_row();
        for hit in &found.hits {
            ui.label(small(hit.index.to_string()));
            ui.label(small(format!("{:.1} %", 100.0 * hit.weight)));
            ui.label(small(short(hit.depth as f32)));
            ui.label(small(format!("{:.3}", hit.opacity)));
            let Vec3 { x, y, z } = hit.scale;
            ui.label(small([x, y, z].map(short).join(" ")));
            ui.end_row();
        }
    });
    if found.count as usize > found.hits.len() {
        ui.label(quiet("those with the largest share"));
    }
}
