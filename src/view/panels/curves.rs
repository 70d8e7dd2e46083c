//! The curves of a training run.

use eframe::egui::{self, RichText, Sense, Stroke, vec2};

use crate::train::run::folder::Record;
use crate::view::text::{duration, grouped};
use crate::view::theme;

use super::widgets::quiet;

/// Loss and PSNR of a run, and what it has come to.
pub fn show(ui: &mut egui::Ui, records: &[Record]) {
    let Some(last) = records.last() else {
        ui.label(quiet("curves come with the first 10 steps or so"));
        return;
    };
    let loss: Vec<(f64, f64)> = records.iter().map(|r| (r.step.into(), r.loss.max(1e-6).ln())).collect();
    let hint = "How far the training images are missed, on a logarithmic scale; lower is better";
    curve(ui, &format!("loss {:.4}", last.loss), hint, &loss);
    let psnr: Vec<(f64, f64)> =
        records.iter().filter_map(|r| r.test.as_ref().map(|test| (r.step.into(), test.psnr))).collect();
    if let Some((_, value)) = psnr.last() {
        let hint = "Likeness to the held-out images, on the mean; higher is better";
        curve(ui, &format!("PSNR {value:.2} dB"), hint, &psnr);
    }
    ui.label(quiet(format!("{} Gaussians · trained for {}", grouped(last.gaussians), duration(last.seconds))));
}

/// A small curve under its title.
fn curve(ui: &mut egui::Ui, title: &str, hint: &str, points: &[(f64, f64)]) {
    ui.label(RichText::new(title).small()).on_hover_text(hint);
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width().min(230.0), 46.0), Sense::hover());
    ui.painter().rect_filled(rect, 4.0, theme::GROUND);
    let range = |value: fn(&(f64, f64)) -> f64| {
        let values = || points.iter().map(value);
        (values().fold(f64::INFINITY, f64::min), values().fold(f64::NEG_INFINITY, f64::max))
    };
    let ((x0, x1), (y0, y1)) = (range(|p| p.0), range(|p| p.1));
    let area = rect.shrink(4.0);
    let place = |&(x, y): &(f64, f64)| {
        let share = |v: f64, low: f64, high: f64| if high > low { ((v - low) / (high - low)) as f32 } else { 0.5 };
        area.left_bottom() + vec2(share(x, x0, x1) * area.width(), -share(y, y0, y1) * area.height())
    };
    let line: Vec<egui::Pos2> = points.iter().map(place).collect();
    if line.len() == 1 {
        ui.painter().circle_filled(line[0], 2.5, theme::ACCENT);
    }
    ui.painter().line(line, Stroke::new(1.5, theme::ACCENT));
}
