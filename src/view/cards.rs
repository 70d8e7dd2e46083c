//! What lies on the picture: the first screen, figures, scales, messages, the help sheet.

use eframe::egui::{self, Align2, Color32, FontId, Pos2, Rect, RichText, Stroke, pos2, vec2};
use glam::{DVec3, Vec2};

use crate::camera::Camera;
use crate::image::colormap::{INFERNO, VIRIDIS, flow_colour, ramp};
use crate::render::Shown;

use super::app::Viewer;
use super::dialogs::Ask;
use super::menu::KEYS;
use super::theme;
use super::words::{bytes, grouped, short};

/// Stages and buffers that the figures list.
const LISTED: usize = 8;

/// What can be done here, for who sees it first.
const WAYS: &[(&str, &str)] = &[
    (
        "Photos whose cameras are known (COLMAP, transforms.json)",
        "open their folder and press Train: the scene grows here",
    ),
    ("A scene (PLY, SPZ, SOG, splat, …) or a folder of PLY files in time", "look, crop, clean, save as any format"),
    ("A film of it", "press K at some views, then export images or a video under Camera path"),
];

impl Viewer {
    /// The screen where nothing is open yet, or something is being opened.
    pub(super) fn welcome(&mut self, ui: &mut egui::Ui, full: Rect) {
        let context = ui.ctx().clone();
        let column = Rect::from_center_size(full.center(), vec2(460.0_f32.min(full.width()), 520.0));
        ui.scope_builder(egui::UiBuilder::new().max_rect(column), |ui| {
            ui.vertical_centered(|ui| {
                ui.add_space(20.0);
                ui.label(RichText::new("Dapple").size(34.0).strong().color(theme::ACCENT));
                if let Some(path) = self.is_loading() {
                    ui.add_space(24.0);
                    ui.spinner();
                    ui.label(RichText::new(format!("opening {}", path.display())).color(theme::QUIET));
                    return;
                }
                ui.label("Drop a scene, a run or a capture here,");
                ui.label("or choose one:");
                ui.add_space(8.0);
                let row = ui.available_rect_before_wrap();
                let row = Rect::from_center_size(pos2(row.center().x, row.min.y + 16.0), vec2(252.0, 32.0));
                ui.scope_builder(egui::UiBuilder::new().max_rect(row), |ui| {
                    ui.horizontal(|ui| {
                        let button = |text: &str| egui::Button::new(text.to_string()).min_size(vec2(122.0, 30.0));
                        let file = ui.add(button("Open a file …"));
                        if file.on_hover_text("PLY, SPZ, SOG, splat, ksplat, glTF, USD, or a transforms.json").clicked()
                        {
                            self.dialogs.ask(&context, Ask::Open, false, "");
                        }
                        let folder = ui.add(button("Open a folder …"));
                        if folder
                            .on_hover_text("A run of dapple train, or a capture: COLMAP or transforms.json")
                            .clicked()
                        {
                            self.dialogs.ask(&context, Ask::Open, true, "");
                        }
                    });
                });
                ui.add_space(10.0);
                let hint = RichText::new("or type its path and press Enter").color(theme::QUIET);
                let edit = egui::TextEdit::singleline(&mut self.typed).hint_text(hint).desired_width(360.0);
                let edit = edit.background_color(theme::RAISED);
                let entered = ui.add(edit);
                if entered.lost_focus() && ui.input(|input| input.key_pressed(egui::Key::Enter)) {
                    let path = std::path::PathBuf::from(self.typed.trim());
                    self.open(&context, &path);
                }
                self.recent_list(ui, &context);
                ui.add_space(14.0);
                for (what, how) in WAYS {
                    ui.label(RichText::new(*what).small().color(theme::TEXT));
                    ui.label(RichText::new(*how).small().color(theme::QUIET));
                    ui.add_space(4.0);
                }
            });
        });
    }

    fn recent_list(&mut self, ui: &mut egui::Ui, context: &egui::Context) {
        let recent: Vec<_> = self.recent.paths().iter().filter(|path| path.exists()).take(6).cloned().collect();
        if recent.is_empty() {
            return;
        }
        ui.add_space(14.0);
        ui.label(RichText::new("Opened lately").small().color(theme::QUIET));
        for path in recent {
            let name = path.file_name().map_or_else(|| path.display().to_string(), |n| n.to_string_lossy().into());
            if ui.link(name).on_hover_text(path.display().to_string()).clicked() {
                self.open(context, &path);
            }
        }
    }

    /// The cards on the picture of a scene.
    pub(super) fn cards(&mut self, ui: &egui::Ui, full: Rect) {
        if self.figures && self.stage.gaussians() > 0 {
            card(ui, "figures", full.left_top() + vec2(12.0, 12.0), Align2::LEFT_TOP, |ui| self.figures_card(ui));
        }
        if matches!(self.look.shown, Shown::Depth | Shown::Count | Shown::Velocity | Shown::Flow)
            && self.stage.gaussians() > 0
        {
            card(ui, "scale", full.left_bottom() + vec2(12.0, -12.0), Align2::LEFT_BOTTOM, |ui| self.scale_card(ui));
        }
    }

    fn figures_card(&mut self, ui: &mut egui::Ui) {
        ui.set_max_width(256.0);
        ui.spacing_mut().item_spacing.y = 3.0;
        let cost = &self.cost;
        ui.horizontal(|ui| {
            ui.label(RichText::new(format!("{:.1} ms", cost.frame)).size(19.0).strong());
            ui.label(RichText::new("for this picture").small().color(theme::QUIET));
        })
        .response
        .on_hover_text("From the request to the finished pixels, before the window is composed");
        let line = |ui: &mut egui::Ui, name: &str, value: String, hint: &str| {
            ui.horizontal(|ui| {
                ui.label(RichText::new(name).small().color(theme::QUIET));
                ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                    ui.label(RichText::new(value).small().monospace());
                });
            })
            .response
            .on_hover_text(hint);
        };
        let all = self.stage.gaussians() as u64;
        line(ui, "visible", grouped(cost.visible.into()), "Gaussians that touch at least one tile of the picture");
        line(ui, "all Gaussians", grouped(all), "In the scene");
        line(
            ui,
            "pairs",
            grouped(cost.pairs.into()),
            "Pairs of a Gaussian and a tile of 16 × 16 pixels that it touches",
        );
        if !cost.stages.is_empty() {
            ui.collapsing(RichText::new("stages on the device").small(), |ui| {
                for (name, time) in cost.stages.iter().take(LISTED) {
                    line(ui, name, format!("{time:.2} ms"), "Time of this stage in the last picture");
                }
            });
        }
        let mut memory = self.stage.gpu().ledger().by_label();
        memory.sort_by_key(|(name, bytes)| (std::cmp::Reverse(*bytes), *name));
        let total: u64 = memory.iter().map(|(_, bytes)| bytes).sum();
        ui.collapsing(RichText::new(format!("GPU memory {}", bytes(total))).small(), |ui| {
            for (name, held) in memory.iter().take(LISTED) {
                line(ui, name, bytes(*held), "Bytes of the buffers of this name");
            }
        });
    }

    fn scale_card(&mut self, ui: &mut egui::Ui) {
        let (low, high) = self.stage.range(&self.look);
        let (title, anchors) = match self.look.shown {
            Shown::Depth => ("depth, the scene's units", &VIRIDIS),
            Shown::Count => ("Gaussians a pixel", &INFERNO),
            Shown::Flow => ("pixels up to the next moment", &VIRIDIS),
            _ => ("speed along each axis, units a clip: grey is 0", &VIRIDIS),
        };
        ui.label(RichText::new(title).small().color(theme::QUIET));
        if self.look.shown == Shown::Flow {
            flow_wheel(ui);
        } else if self.look.shown != Shown::Velocity {
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
        ui.horizontal(|ui| {
            ui.label(RichText::new(short(low)).small().monospace());
            ui.add_space(ui.available_width().min(150.0));
            ui.label(RichText::new(short(high)).small().monospace());
        });
        let mut fits = self.look.range.is_none();
        if ui.checkbox(&mut fits, RichText::new("fit to what is seen").small()).changed() {
            self.look.range = (!fits).then_some((low, high));
        }
        if let Some((low, high)) = &mut self.look.range {
            ui.horizontal(|ui| {
                let speed = 0.005 * (*high - *low).abs().max(1e-4);
                ui.add(egui::DragValue::new(low).speed(speed).prefix("from "))
                    .on_hover_text("Value of the first colour");
                ui.add(egui::DragValue::new(high).speed(speed).prefix("to ")).on_hover_text("Value of the last colour");
            });
        }
    }

    /// Messages, the last one lowest.
    pub(super) fn notice_cards(&mut self, ui: &egui::Ui, full: Rect) {
        let mut closed = None;
        card_if(ui, "notices", full.right_top() + vec2(-12.0, 12.0), !self.notices.is_empty(), |ui| {
            ui.set_max_width(400.0);
            for (index, notice) in self.notices.iter().enumerate() {
                ui.horizontal_top(|ui| {
                    let colour = if notice.bad { theme::BAD } else { theme::TEXT };
                    if ui.small_button("×").on_hover_text("Close").clicked() {
                        closed = Some(index);
                    }
                    ui.add(egui::Label::new(RichText::new(&notice.text).color(colour)).wrap());
                });
            }
        });
        if let Some(index) = closed {
            self.notices.remove(index);
        }
    }

    pub(super) fn help_sheet(&mut self, context: &egui::Context) {
        let mut open = self.help;
        egui::Window::new("Mouse and keys")
            .open(&mut open)
            .collapsible(false)
            .resizable(false)
            .anchor(Align2::CENTER_CENTER, vec2(0.0, 0.0))
            .show(context, |ui| {
                egui::Grid::new("help").num_columns(2).spacing(vec2(36.0, 16.0)).show(ui, |ui| {
                    for (index, (title, keys)) in KEYS.iter().enumerate() {
                        ui.vertical(|ui| {
                            ui.label(RichText::new(*title).strong().color(theme::ACCENT));
                            egui::Grid::new(title).num_columns(2).spacing(vec2(14.0, 4.0)).show(ui, |ui| {
                                for (key, what) in *keys {
                                    ui.label(RichText::new(*key).monospace().color(theme::WARM));
                                    ui.label(*what);
                                    ui.end_row();
                                }
                            });
                        });
                        if index % 2 == 1 {
                            ui.end_row();
                        }
                    }
                });
            });
        self.help = open;
    }

    /// The world's axes in the lower right corner.
    pub(super) fn paint_axes(&self, painter: &egui::Painter, full: Rect, camera: &Camera) {
        let centre = full.right_bottom() - vec2(44.0, 44.0);
        let mut axes = [
            (DVec3::X, "X", Color32::from_rgb(226, 96, 90)),
            (DVec3::Y, "Y", Color32::from_rgb(122, 200, 98)),
            (DVec3::Z, "Z", Color32::from_rgb(92, 150, 236)),
        ]
        .map(|(axis, name, colour)| (camera.pose.rotation * axis, name, colour));
        axes.sort_by(|a, b| b.0.z.total_cmp(&a.0.z));
        painter.circle_filled(centre, 32.0, Color32::from_rgba_premultiplied(12, 14, 17, 120));
        for (seen, name, colour) in axes {
            let tip: Pos2 = centre + 22.0 * vec2(seen.x as f32, seen.y as f32);
            painter.line_segment([centre, tip], Stroke::new(2.0, colour));
            painter.circle_filled(tip, 6.5, colour);
            painter.text(tip, Align2::CENTER_CENTER, name, FontId::proportional(9.0), Color32::from_rgb(16, 18, 22));
        }
    }
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

/// A card at a corner.
fn card(ui: &egui::Ui, name: &str, at: Pos2, pivot: Align2, add: impl FnOnce(&mut egui::Ui)) {
    egui::Area::new(egui::Id::unique(name)).fixed_pos(at).pivot(pivot).order(egui::Order::Middle).show(
        ui.ctx(),
        |ui| {
            theme::card().show(ui, add);
        },
    );
}

fn card_if(ui: &egui::Ui, name: &str, at: Pos2, wanted: bool, add: impl FnOnce(&mut egui::Ui)) {
    if wanted {
        card(ui, name, at, Align2::RIGHT_TOP, add);
    }
}
