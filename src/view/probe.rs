//! The pixel probe: the colour, depth and opacity under the pointer, and the Gaussians that make them.

use std::time::{Duration, Instant};

use eframe::egui::{self, Align2, Color32, RichText, Sense, Stroke, vec2};
use glam::Vec3;

use super::app::Viewer;
use super::probed::Probed;
use super::theme;
use super::viewport::Place;
use super::words::{grouped, short};

/// Gaussians that are listed.
const LISTED: usize = 8;
/// Least time between two looks while the pointer moves.
const PACE: Duration = Duration::from_millis(40);

/// The probe and what it last found.
#[derive(Default)]
pub struct PixelProbe {
    pub on: bool,
    /// The pixel that was clicked; else it follows the pointer. As a share of the picture's sides.
    pinned: Option<egui::Vec2>,
    found: Option<Probed>,
    /// The pixel and the picture that were last looked at.
    seen: Option<((u32, u32), u64)>,
    since: Option<Instant>,
}

impl Viewer {
    pub(super) fn toggle_probe(&mut self) {
        let on = !self.probe.on;
        self.probe = PixelProbe { on, ..PixelProbe::default() };
        if on && self.stage.gaussians() > 0 {
            self.tell("point at the picture; a click holds the pixel, T or Esc ends".into());
        }
    }

    /// Holds the pixel that is clicked, or lets it go.
    pub(super) fn pin_probe(&mut self, place: &Place, pointer: egui::Pos2) {
        let at = (pointer - place.rect.min) / place.rect.size();
        self.probe.pinned = if self.probe.pinned.is_some() { None } else { Some(at) };
        self.probe.seen = None;
    }

    /// Looks at the pixel, and paints where it is and what it holds.
    pub(super) fn paint_probe(&mut self, ui: &egui::Ui, place: &Place, hover: Option<egui::Pos2>) {
        if !self.probe.on || self.stage.gaussians() == 0 {
            return;
        }
        let pinned = self.probe.pinned.map(|at| place.rect.min + at * place.rect.size());
        let Some(at) = pinned.or(hover).filter(|&at| place.rect.contains(at)) else { return };
        let pixel = place.pixel(at);
        let pixel = ((pixel.x as u32).min(place.width - 1), (pixel.y as u32).min(place.height - 1));
        let now = (pixel, self.pictures_drawn);
        if self.probe.seen != Some(now) {
            if self.probe.since.is_some_and(|since| since.elapsed() < PACE) {
                ui.ctx().request_repaint_after(PACE);
            } else {
                (self.probe.seen, self.probe.since) = (Some(now), Some(Instant::now()));
                match self.stage.probe(pixel, LISTED) {
                    Ok(found) => self.probe.found = Some(found),
                    Err(error) => self.fail(error),
                }
            }
        }
        let Some(found) = &self.probe.found else { return };
        if pinned.is_some() {
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
            theme::card().show(ui, |ui| probe_card(ui, found));
        });
    }
}

fn probe_card(ui: &mut egui::Ui, found: &Probed) {
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
            ("number", "Its place in the scene, from 0"),
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
