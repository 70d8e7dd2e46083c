//! A camera's photo against the render: side by side, under a wipe, or their difference, and the PSNR.

use std::sync::mpsc::{Receiver, channel};

use anyhow::Result;
use eframe::egui::{self, Color32, ColorImage, PointerButton, Rect, RichText, Stroke, TextureHandle, pos2, vec2};
use glam::{Vec3, Vec4};

use crate::image::colormap::{INFERNO, ramp};
use crate::train::metrics::{Target, score};

use super::app::Viewer;
use super::stage::Look;
use super::theme;
use super::viewport::Place;

/// Mean absolute error, of 1, at the bright end of the difference's colours; as in a run's report.
const FULL_ERROR: f32 = 0.2;

/// How photo and render are put together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Layout {
    #[default]
    Off,
    Side,
    Wipe,
    Difference,
}

impl Layout {
    const ALL: [(Self, &str, &str); 4] = [
        (Self::Off, "render", "The render alone"),
        (Self::Side, "beside", "The photo at the left, the render at the right"),
        (Self::Wipe, "wipe", "The photo left of a line that the mouse moves"),
        (Self::Difference, "difference", "Mean absolute error: black is none, pale yellow a fifth of the range"),
    ];

    pub fn next(self) -> Self {
        match self {
            Self::Off => Self::Side,
            Self::Side => Self::Wipe,
            Self::Wipe => Self::Difference,
            Self::Difference => Self::Off,
        }
    }
}

struct Photo {
    shot: usize,
    texture: TextureHandle,
    target: Target,
}

/// A comparison of one render, at the photo's size.
struct Outcome {
    shot: usize,
    look: Look,
    psnr: f64,
    difference: TextureHandle,
}

/// What is compared, and how.
pub struct Compare {
    pub layout: Layout,
    /// Where the wipe's line is, from 0 at the left to 1.
    wipe: f32,
    photo: Option<Photo>,
    loading: Option<(usize, Receiver<Result<Target>>)>,
    outcome: Option<Outcome>,
    /// The shot whose photo cannot be read.
    broken: Option<usize>,
}

impl Default for Compare {
    fn default() -> Self {
        Self { layout: Layout::Off, wipe: 0.5, photo: None, loading: None, outcome: None, broken: None }
    }
}

impl Compare {
    /// Another scene: photos and comparisons of the last one no longer hold.
    pub fn forget(&mut self) {
        (self.photo, self.loading, self.outcome, self.broken) = (None, None, None, None);
    }
}

fn texture(
    context: &egui::Context,
    name: &str,
    width: u32,
    height: u32,
    colours: impl Iterator<Item = Vec3>,
) -> TextureHandle {
    let byte = |value: f32| (value.clamp(0.0, 1.0) * 255.0 + 0.5) as u8;
    let pixels = colours.map(|c| Color32::from_rgb(byte(c.x), byte(c.y), byte(c.z))).collect();
    let image = ColorImage::new([width as usize, height as usize], pixels);
    context.load_texture(name, image, egui::TextureOptions::LINEAR)
}

impl Viewer {
    pub(super) fn compare_section(&mut self, ui: &mut egui::Ui) {
        ui.horizontal_wrapped(|ui| {
            for (layout, name, hint) in Layout::ALL {
                ui.selectable_value(&mut self.compare.layout, layout, name).on_hover_text(format!("{hint} (V)"));
            }
        });
        if self.compare.layout != Layout::Off && self.through.is_none() {
            ui.label(RichText::new("go to a camera to compare with its photo").small().color(theme::WARM));
        }
        if let (Some(outcome), Some(shot)) = (&self.compare.outcome, self.through)
            && outcome.shot == shot
            && self.has_score()
        {
            ui.label(format!("PSNR of this view: {:.2} dB", outcome.psnr))
                .on_hover_text("Peak signal-to-noise ratio against the photo, at the photo's size; higher is better");
        }
    }

    /// Whether likeness to a photo says anything: there is a scene, and it does not change under the measuring.
    fn has_score(&self) -> bool {
        !self.is_growing() && self.stage.gaussians() > 0
    }

    /// Where photo and render go.
    pub(super) fn compare_parts(&self, full: Rect) -> (Option<Rect>, Rect) {
        if self.compare.layout != Layout::Side || self.through.is_none() {
            return (None, full);
        }
        let (left, right) = full.split_left_right_at_fraction(0.5);
        (Some(left.shrink2(vec2(1.0, 0.0))), right.shrink2(vec2(1.0, 0.0)))
    }

    /// Moves the line of the wipe; whether the mouse was on that.
    pub(super) fn compare_drag(&mut self, response: &egui::Response, place: &Place) -> bool {
        let wipes = self.compare.layout == Layout::Wipe && self.through.is_some();
        if !wipes || !response.dragged_by(PointerButton::Primary) {
            return false;
        }
        if let Some(pointer) = response.interact_pointer_pos() {
            self.compare.wipe = ((pointer.x - place.rect.left()) / place.rect.width()).clamp(0.0, 1.0);
        }
        true
    }

    /// Paints what comes from the photo of the shot that is looked through.
    pub(super) fn paint_photo(&mut self, ui: &egui::Ui, painter: &egui::Painter, place: &Place, part: Option<Rect>) {
        let (Some(shot), true) = (self.through, self.compare.layout != Layout::Off) else { return };
        self.receive_photo(ui.ctx(), shot);
        if self.compare.photo.as_ref().is_none_or(|photo| photo.shot != shot) {
            let at = part.unwrap_or(place.rect).center();
            let word =
                if self.compare.broken == Some(shot) { "the photo cannot be read" } else { "reading the photo …" };
            painter.text(at, egui::Align2::CENTER_CENTER, word, egui::FontId::proportional(14.0), theme::QUIET);
            return;
        }
        if let Err(error) = self.measure(ui.ctx(), shot) {
            self.compare.broken = Some(shot);
            self.compare.photo = None;
            self.fail(error);
        }
        let (Some(photo), Some(outcome)) = (&self.compare.photo, &self.compare.outcome) else { return };
        let whole = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
        let label = |at: egui::Pos2, align: egui::Align2, text: String| {
            let galley = painter.layout_no_wrap(text, egui::FontId::proportional(13.0), theme::TEXT);
            let rect = align.anchor_size(at, galley.size() + vec2(14.0, 8.0));
            painter.rect_filled(rect, 5.0, theme::VEIL);
            painter.galley(rect.min + vec2(7.0, 4.0), galley, theme::TEXT);
        };
        let decibels = if self.has_score() { format!(" · {:.2} dB", outcome.psnr) } else { String::new() };
        let psnr = format!("render{decibels}");
        match self.compare.layout {
            Layout::Off => {}
            Layout::Side => {
                let aspect = f64::from(photo.target.width) / f64::from(photo.target.height);
                let part = part.unwrap_or(place.rect);
                let rect = Place::within(part, ui.ctx().pixels_per_point(), Some(aspect)).rect;
                painter.image(photo.texture.id(), rect, whole, Color32::WHITE);
                label(rect.center_bottom() - vec2(0.0, 10.0), egui::Align2::CENTER_BOTTOM, "photo".into());
                label(place.rect.center_bottom() - vec2(0.0, 10.0), egui::Align2::CENTER_BOTTOM, psnr);
            }
            Layout::Wipe => {
                let x = place.rect.left() + self.compare.wipe * place.rect.width();
                let rect = Rect::from_min_max(place.rect.min, pos2(x, place.rect.bottom()));
                let uv = Rect::from_min_max(pos2(0.0, 0.0), pos2(self.compare.wipe, 1.0));
                painter.image(photo.texture.id(), rect, uv, Color32::WHITE);
                painter.vline(x, place.rect.y_range(), Stroke::new(2.0, Color32::WHITE));
                painter.circle(pos2(x, place.rect.center().y), 9.0, theme::PANEL, Stroke::new(2.0, Color32::WHITE));
                let y = place.rect.bottom() - 10.0;
                label(pos2(x - 8.0, y), egui::Align2::RIGHT_BOTTOM, "photo".into());
                label(pos2(x + 8.0, y), egui::Align2::LEFT_BOTTOM, psnr);
            }
            Layout::Difference => {
                painter.image(outcome.difference.id(), place.rect, whole, Color32::WHITE);
                let text = format!("mean absolute error, 0 to {FULL_ERROR}{decibels}");
                label(place.rect.center_bottom() - vec2(0.0, 10.0), egui::Align2::CENTER_BOTTOM, text);
            }
        }
    }

    fn receive_photo(&mut self, context: &egui::Context, shot: usize) {
        if let Some((of, result)) = &self.compare.loading
            && let Ok(target) = result.try_recv()
        {
            let of = *of;
            self.compare.loading = None;
            match target {
                Ok(target) => {
                    let texture =
                        texture(context, "photo", target.width, target.height, target.colours.iter().copied());
                    self.compare.photo = Some(Photo { shot: of, texture, target });
                }
                Err(error) => {
                    self.compare.broken = Some(of);
                    self.fail(error);
                }
            }
        }
        let known = self.compare.photo.as_ref().is_some_and(|photo| photo.shot == shot);
        if known || self.compare.loading.is_some() || self.compare.broken == Some(shot) {
            return;
        }
        let Some(capture) = self.document.as_ref().and_then(|document| document.capture.clone()) else { return };
        let background = Vec3::from_array(self.look.background);
        let (sender, result) = channel();
        let context = context.clone();
        std::thread::spawn(move || {
            let _ = sender.send(capture.load(shot).map(|picture| Target::new(&picture, background)));
            context.request_repaint();
        });
        self.compare.loading = Some((shot, result));
    }

    /// Renders at the photo's size and compares, once for a view.
    fn measure(&mut self, context: &egui::Context, shot: usize) -> Result<()> {
        let look = self.edit.apply(self.look);
        if self.compare.outcome.as_ref().is_some_and(|outcome| outcome.shot == shot && outcome.look == look) {
            return Ok(());
        }
        let Some(photo) = &self.compare.photo else { return Ok(()) };
        let (width, height) = (photo.target.width, photo.target.height);
        let camera = self.camera(width, height);
        self.stage.draw(&camera, &look, false)?;
        let picture = self.stage.picture()?;
        let render: Vec<Vec4> =
            picture.pixels().map(|pixel| (Vec3::from_array(pixel.0.map(f32::from)) / 255.0).extend(0.0)).collect();
        let target = &photo.target;
        let error = |(i, (truth, render)): (usize, (&Vec3, &Vec4))| {
            let counts = target.mask.as_ref().is_none_or(|mask| mask[i]);
            let error = (*truth - render.truncate()).abs().element_sum() / 3.0;
            ramp(&INFERNO, if counts { error / FULL_ERROR } else { 0.0 })
        };
        let errors = target.colours.iter().zip(&render).enumerate().map(error);
        let difference = texture(context, "difference", width, height, errors);
        let psnr = score(target, &render).psnr;
        self.compare.outcome = Some(Outcome { shot, look, psnr, difference });
        // The window's own picture was drawn over.
        self.redraw();
        context.request_repaint();
        Ok(())
    }
}
