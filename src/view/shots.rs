//! The cameras of a capture: their list with thumbnails, and their frames in the scene.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use eframe::egui::{self, Color32, ColorImage, Pos2, RichText, Stroke, TextureHandle, vec2};
use glam::{DVec3, dvec2};

use crate::camera::{Camera, fit_within};
use crate::dataset::{Capture, Split};

use super::app::Viewer;
use super::compare::Layout;
use super::theme;
use super::viewport::Place;

/// Longer side of a thumbnail, in pixels, and how many are kept.
const THUMBNAIL: u32 = 112;
const KEPT: usize = 400;
/// Time between two turns of the wheel that belong together, in seconds.
const SAME_TURN: f64 = 0.6;
/// Depth of a camera's frame, against the scene's size.
const DEPTH: f64 = 0.045;

type Made = (usize, Option<ColorImage>);

/// What is known of the capture's cameras in the window.
pub struct Shots {
    pub visible: bool,
    /// The shot last visited.
    pub chosen: Option<usize>,
    thumbnails: BTreeMap<usize, Option<TextureHandle>>,
    asked: BTreeSet<usize>,
    channel: (Sender<Made>, Receiver<Made>),
    /// How far the panel is scrolled, and when it was last scrolled, in seconds.
    panel: (f32, f64),
}

impl Default for Shots {
    fn default() -> Self {
        Self {
            visible: false,
            chosen: None,
            thumbnails: BTreeMap::new(),
            asked: BTreeSet::new(),
            channel: channel(),
            panel: (0.0, f64::NEG_INFINITY),
        }
    }
}

impl Shots {
    /// Notes where the panel that the list lies in is scrolled to.
    pub fn panel_is_at(&mut self, offset: f32, now: f64) {
        if self.panel.0 != offset {
            self.panel = (offset, now);
        }
    }

    fn receive(&mut self, context: &egui::Context) {
        for (shot, image) in self.channel.1.try_iter() {
            self.asked.remove(&shot);
            let texture = image.map(|image| context.load_texture(format!("shot {shot}"), image, Default::default()));
            if self.thumbnails.len() >= KEPT {
                // The list is read from some place on; what is farthest from it goes.
                let far = self.thumbnails.keys().copied().max_by_key(|known| known.abs_diff(shot));
                far.map(|far| self.thumbnails.remove(&far));
            }
            self.thumbnails.insert(shot, texture);
        }
    }

    /// Has a thumbnail made on a thread, one at a time: decoding takes a processor.
    fn ask(&mut self, context: &egui::Context, capture: &Arc<Capture>, shot: usize) {
        if !self.asked.is_empty() || self.thumbnails.contains_key(&shot) {
            return;
        }
        self.asked.insert(shot);
        let (sender, context, capture) = (self.channel.0.clone(), context.clone(), capture.clone());
        std::thread::spawn(move || {
            let image = capture.load(shot).ok().map(|picture| {
                let (width, height) = fit_within(picture.width, picture.height, Some(THUMBNAIL));
                let pixel = |x: u32, y: u32| {
                    let at = (y * picture.height / height * picture.width + x * picture.width / width) as usize;
                    let [r, g, b, _] = picture.pixels[at];
                    Color32::from_rgb(r, g, b)
                };
                let pixels =
                    (0..height).flat_map(|y| (0..width).map(move |x| (x, y))).map(|(x, y)| pixel(x, y)).collect();
                ColorImage::new([width as usize, height as usize], pixels)
            });
            let _ = sender.send((shot, image));
            context.request_repaint();
        });
    }
}

/// The corners of a camera's frame: its centre, then the picture's corners at a depth.
fn corners(camera: &Camera, depth: f64) -> [DVec3; 5] {
    let (width, height) = (f64::from(camera.lens.width), f64::from(camera.lens.height));
    let centre = camera.pose.centre();
    let corner = |x: f64, y: f64| {
        let ray = camera.ray(dvec2(x, y));
        centre + ray * (depth / ray.dot(camera.pose.forward()))
    };
    [centre, corner(0.0, 0.0), corner(width, 0.0), corner(width, height), corner(0.0, height)]
}

impl Viewer {
    fn capture(&self) -> Option<&Arc<Capture>> {
        self.document.as_ref()?.capture.as_ref()
    }

    pub(super) fn capture_section(&mut self, ui: &mut egui::Ui) {
        let Some(capture) = self.capture().cloned() else { return };
        self.shots.receive(ui.ctx());
        let held = capture.shots.iter().filter(|shot| shot.split == Split::Test).count();
        ui.label(RichText::new(format!("{} images, {held} held out", capture.shots.len())).color(theme::QUIET))
            .on_hover_text(format!(
                "{}\nHeld out, and orange here: not learnt from, but compared with, to tell how good a scene is",
                capture.root.display()
            ));
        ui.checkbox(&mut self.shots.visible, "show the cameras' frames")
            .on_hover_text("In the scene; click one to go there (F)");
        ui.horizontal(|ui| {
            if ui.button("<").on_hover_text("Previous camera ([)").clicked() {
                self.visit_next(-1);
            }
            if ui.button(">").on_hover_text("Next camera (])").clicked() {
                self.visit_next(1);
            }
            let name = self.through.map(|shot| capture.shots[shot].name.as_str()).unwrap_or("not at a camera");
            ui.add(egui::Label::new(RichText::new(name).small()).truncate());
        });
        self.compare_section(ui);
        let height = THUMBNAIL as f32 * 0.5 + 8.0;
        let mut wanted = None;
        // A list that slides under the pointer while the panel is turned does not take the wheel over.
        let turned = ui.input(|input| input.time) - self.shots.panel.1 < SAME_TURN;
        let source = egui::scroll_area::ScrollSource { mouse_wheel: !turned, ..Default::default() };
        egui::ScrollArea::vertical()
            .id_salt("shots")
            .scroll_source(source)
            .max_height(230.0)
            .min_scrolled_height(230.0)
            .auto_shrink([false, true])
            .show_rows(ui, height, capture.shots.len(), |ui, range| {
                for shot in range {
                    self.shots.ask(ui.ctx(), &capture, shot);
                    if self.shot_row(ui, &capture, shot, height) {
                        wanted = Some(shot);
                    }
                }
            });
        if let Some(shot) = wanted {
            self.visit(shot);
        }
    }

    fn shot_row(&self, ui: &mut egui::Ui, capture: &Capture, shot: usize, height: f32) -> bool {
        let chosen = self.through == Some(shot);
        let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), height), egui::Sense::click());
        let fill = match (chosen, response.hovered()) {
            (true, _) => ui.visuals().selection.bg_fill,
            (false, true) => theme::RAISED,
            (false, false) => Color32::TRANSPARENT,
        };
        ui.painter().rect_filled(rect, 5.0, fill);
        let picture = egui::Rect::from_min_size(rect.min + vec2(4.0, 4.0), vec2(THUMBNAIL as f32 * 0.7, height - 8.0));
        match self.shots.thumbnails.get(&shot) {
            Some(Some(texture)) => {
                let size = texture.size_vec2();
                let scale = (picture.width() / size.x).min(picture.height() / size.y);
                let place = egui::Rect::from_center_size(picture.center(), size * scale);
                egui::Image::new(texture).corner_radius(3.0).paint_at(ui, place);
            }
            Some(None) => {
                ui.painter().text(
                    picture.center(),
                    egui::Align2::CENTER_CENTER,
                    "no image",
                    egui::FontId::proportional(10.0),
                    theme::BAD,
                );
            }
            None => {
                ui.painter().rect_filled(picture, 3.0, theme::GROUND);
            }
        }
        let name = &capture.shots[shot].name;
        let short = name.rsplit('/').next().unwrap_or(name);
        let at = egui::pos2(picture.right() + 8.0, rect.center().y);
        let held = capture.shots[shot].split == Split::Test;
        response.widget_info(|| egui::WidgetInfo::selected(egui::Role::ListBoxOption, true, chosen, short));
        let colour = if held { theme::WARM } else { theme::TEXT };
        let clip = ui.painter().with_clip_rect(rect);
        clip.text(at, egui::Align2::LEFT_CENTER, short, egui::FontId::proportional(12.0), colour);
        response
            .on_hover_text(format!("{name}{}: click to look through it", if held { ", held out" } else { "" }))
            .clicked()
    }

    /// Goes to the shot so many places from the one last visited.
    pub(super) fn visit_next(&mut self, by: isize) {
        let Some(count) = self.capture().map(|capture| capture.shots.len()).filter(|&count| count > 0) else { return };
        let next = match self.shots.chosen {
            Some(shot) => (shot as isize + by).rem_euclid(count as isize) as usize,
            None => 0,
        };
        self.visit(next);
    }

    /// The frames, and the name of the one under the pointer.
    pub(super) fn paint_shots(&self, painter: &egui::Painter, place: &Place, camera: &Camera, pointer: Option<Pos2>) {
        let Some(capture) = self.capture().filter(|_| self.shots.visible) else { return };
        let depth = self.frame_depth();
        let pointed = pointer.and_then(|pointer| Some((pointer, self.shot_at(place, camera, pointer)?)));
        let painter = painter.with_clip_rect(place.rect);
        for (index, shot) in capture.shots.iter().enumerate() {
            if self.through == Some(index) {
                continue;
            }
            let held = shot.split == Split::Test;
            let lit = pointed.is_some_and(|(_, pointed)| pointed == index);
            let (width, colour) = match lit || self.shots.chosen == Some(index) {
                true => (2.0, theme::ACCENT),
                false => (1.0, if held { theme::WARM } else { Color32::from_rgb(150, 190, 235) }.gamma_multiply(0.75)),
            };
            let corners = corners(&shot.camera, depth);
            for (a, b) in [(0, 1), (0, 2), (0, 3), (0, 4), (1, 2), (2, 3), (3, 4), (4, 1)] {
                if let Some(line) = place.line(camera, corners[a], corners[b]) {
                    painter.line_segment(line, Stroke::new(width, colour));
                }
            }
        }
        if let Some((pointer, shot)) = pointed {
            painter.ctx().set_cursor_icon(egui::CursorIcon::PointingHand);
            let font = egui::FontId::proportional(12.0);
            let galley = painter.layout_no_wrap(capture.shots[shot].name.clone(), font, theme::TEXT);
            let rect =
                egui::Align2::LEFT_BOTTOM.anchor_size(pointer + vec2(12.0, -8.0), galley.size() + vec2(12.0, 6.0));
            painter.rect_filled(rect, 5.0, theme::VEIL);
            painter.galley(rect.min + vec2(6.0, 3.0), galley, theme::TEXT);
        }
    }

    fn frame_depth(&self) -> f64 {
        DEPTH * self.document.as_ref().map_or(1.0, |document| document.size())
    }

    /// The camera whose frame is under the pointer: the one whose middle is nearest, by the frame's own size. One that the
    /// eye stands in is no frame to point at.
    fn shot_at(&self, place: &Place, camera: &Camera, pointer: Pos2) -> Option<usize> {
        let depth = self.frame_depth();
        let near = |(index, shot): (usize, &crate::dataset::Shot)| {
            if shot.camera.pose.centre().distance(camera.pose.centre()) < depth {
                return None;
            }
            let middle = corners(&shot.camera, depth).iter().sum::<DVec3>() / 5.0;
            let (pixel, distance) = camera.project(middle)?;
            let reach = (depth * camera.lens.focal.x / distance * 0.6).clamp(12.0, 60.0) as f32;
            let off = place.position(pixel).distance(pointer) / reach;
            (off <= 1.0).then_some((off, index))
        };
        let found = self.capture()?.shots.iter().enumerate().filter_map(near).min_by(|a, b| a.0.total_cmp(&b.0));
        found.map(|(_, shot)| shot)
    }

    /// Goes to the camera whose frame is under the pointer.
    pub(super) fn click_shot(&mut self, place: &Place, pointer: Pos2) {
        if !self.shots.visible || self.compare.layout == Layout::Side && self.through.is_some() {
            return;
        }
        let camera = self.camera(place.width, place.height);
        if let Some(shot) = self.shot_at(place, &camera, pointer) {
            self.visit(shot);
        }
    }
}
