//! A camera's photo and its comparison with the render, over the picture.

use eframe::egui::{self, Align2, Color32, ColorImage, FontId, Rect, Stroke, TextureHandle, pos2, vec2};
use glam::{Vec3, Vec4};

use crate::image::colormap::{INFERNO, ramp};
use crate::train::metrics::{Target, score};
use crate::view::state::State;
use crate::view::state::compare::Layout;
use crate::view::state::view_settings::ViewSettings;
use crate::view::theme;

use super::place::Place;

/// Mean absolute error, of 1, at the bright end of the difference's colours; as in a run's report.
const FULL_ERROR: f32 = 0.2;

/// The photo of a shot.
pub struct Photo {
    pub shot: usize,
    texture: TextureHandle,
    pub target: Target,
}

impl Photo {
    pub fn new(context: &egui::Context, shot: usize, target: Target) -> Self {
        let texture = texture(context, "photo", (target.width, target.height), target.colours.iter().copied());
        Self { shot, texture, target }
    }
}

/// A render compared with the photo, at the photo's size.
pub struct Outcome {
    pub shot: usize,
    pub settings: ViewSettings,
    pub psnr: f64,
    difference: TextureHandle,
}

impl Outcome {
    /// Compares a render, `[H * W]` colours with alpha of 0 to 1, with the photo.
    pub fn new(context: &egui::Context, photo: &Photo, settings: ViewSettings, render: &[Vec4]) -> Self {
        let target = &photo.target;
        let error = |(i, (truth, render)): (usize, (&Vec3, &Vec4))| {
            let counts = target.mask.as_ref().is_none_or(|mask| mask[i]);
            let error = (*truth - render.truncate()).abs().element_sum() / 3.0;
            ramp(&INFERNO, if counts { error / FULL_ERROR } else { 0.0 })
        };
        let errors = target.colours.iter().zip(render).enumerate().map(error);
        let difference = texture(context, "difference", (target.width, target.height), errors);
        Self { shot: photo.shot, settings, psnr: score(target, render).psnr, difference }
    }
}

/// The photo that is compared with the render.
#[derive(Default)]
pub struct Comparison {
    pub photo: Option<Photo>,
    pub outcome: Option<Outcome>,
    /// The shot whose photo cannot be read.
    pub unreadable: Option<usize>,
}

impl Comparison {
    /// The photo of a shot, if it is there.
    pub fn photo_of(&self, shot: usize) -> Option<&Photo> {
        self.photo.as_ref().filter(|photo| photo.shot == shot)
    }
}

fn texture(
    context: &egui::Context,
    name: &str,
    (width, height): (u32, u32),
    colours: impl Iterator<Item = Vec3>,
) -> TextureHandle {
    let byte = |value: f32| (value.clamp(0.0, 1.0) * 255.0 + 0.5) as u8;
    let pixels = colours.map(|c| Color32::from_rgb(byte(c.x), byte(c.y), byte(c.z))).collect();
    let image = ColorImage::new([width as usize, height as usize], pixels);
    context.load_texture(name, image, egui::TextureOptions::LINEAR)
}

/// The parts of a rectangle where photo, if it has one of its own, and render go.
pub fn parts(state: &State, full: Rect) -> (Option<Rect>, Rect) {
    if state.compare.layout != Layout::Side || state.through.is_none() {
        return (None, full);
    }
    let (left, right) = full.split_left_right_at_fraction(0.5);
    (Some(left.shrink2(vec2(1.0, 0.0))), right.shrink2(vec2(1.0, 0.0)))
}

/// Paints what comes from the photo of the shot that is looked through; `part` is where the photo alone goes.
pub fn paint(painter: &egui::Painter, state: &State, comparison: &Comparison, place: &Place, part: Option<Rect>) {
    let (Some(shot), true) = (state.through, state.compare.layout != Layout::Off) else { return };
    let Some(photo) = comparison.photo_of(shot) else {
        let at = part.unwrap_or(place.rect).center();
        let unreadable = comparison.unreadable == Some(shot);
        let text = if unreadable { "the photo cannot be read" } else { "reading the photo …" };
        painter.text(at, Align2::CENTER_CENTER, text, FontId::proportional(14.0), theme::QUIET);
        return;
    };
    let Some(outcome) = &comparison.outcome else { return };
    let decibels = if state.has_score() { format!(" · {:.2} dB", outcome.psnr) } else { String::new() };
    let all = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
    match state.compare.layout {
        Layout::Off => {}
        Layout::Side => {
            let aspect = f64::from(photo.target.width) / f64::from(photo.target.height);
            let part = part.unwrap_or(place.rect);
            let rect = Place::within(part, painter.ctx().pixels_per_point(), Some(aspect)).rect;
            painter.image(photo.texture.id(), rect, all, Color32::WHITE);
            label(painter, rect.center_bottom() - vec2(0.0, 10.0), Align2::CENTER_BOTTOM, "photo".into());
            let at = place.rect.center_bottom() - vec2(0.0, 10.0);
            label(painter, at, Align2::CENTER_BOTTOM, format!("render{decibels}"));
        }
        Layout::Wipe => paint_wipe(painter, photo, place, state.compare.wipe, format!("render{decibels}")),
        Layout::Difference => {
            painter.image(outcome.difference.id(), place.rect, all, Color32::WHITE);
            let text = format!("mean absolute error, 0 to {FULL_ERROR}{decibels}");
            label(painter, place.rect.center_bottom() - vec2(0.0, 10.0), Align2::CENTER_BOTTOM, text);
        }
    }
}

/// Paints the photo left of a line, which is at a share of the picture's width.
fn paint_wipe(painter: &egui::Painter, photo: &Photo, place: &Place, share: f32, name: String) {
    let x = place.rect.left() + share * place.rect.width();
    let rect = Rect::from_min_max(place.rect.min, pos2(x, place.rect.bottom()));
    let uv = Rect::from_min_max(pos2(0.0, 0.0), pos2(share, 1.0));
    painter.image(photo.texture.id(), rect, uv, Color32::WHITE);
    painter.vline(x, place.rect.y_range(), Stroke::new(2.0, Color32::WHITE));
    painter.circle(pos2(x, place.rect.center().y), 9.0, theme::PANEL, Stroke::new(2.0, Color32::WHITE));
    let y = place.rect.bottom() - 10.0;
    label(painter, pos2(x - 8.0, y), Align2::RIGHT_BOTTOM, "photo".into());
    label(painter, pos2(x + 8.0, y), Align2::LEFT_BOTTOM, name);
}

fn label(painter: &egui::Painter, at: egui::Pos2, align: Align2, text: String) {
    let galley = painter.layout_no_wrap(text, FontId::proportional(13.0), theme::TEXT);
    let rect = align.anchor_size(at, galley.size() + vec2(14.0, 8.0));
    painter.rect_filled(rect, 5.0, theme::VEIL);
    painter.galley(rect.min + vec2(7.0, 4.0), galley, theme::TEXT);
}
