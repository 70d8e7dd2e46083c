//! The menu bar, the keys, and the line at the bottom.

use eframe::egui::{self, Key, KeyboardShortcut, Modifiers, RichText};

use crate::render::{Form, Shown};

use super::app::Viewer;
use super::compare::Layout;
use super::dialogs::Ask;
use super::document::Kind;
use super::leaving::Leave;
use super::navigation::Side;
use super::side::{PATH, reveal};
use super::theme;

/// What can be shown, with its key and what it tells.
pub const MODES: [(&str, Shown, Form, Key, &str); 9] = [
    ("Colour", Shown::Color, Form::Splat, Key::Num1, "What the cameras saw"),
    ("Depth", Shown::Depth, Form::Splat, Key::Num2, "Mean distance along the view, in the scene's units"),
    ("Normal", Shown::Normal, Form::Splat, Key::Num3, "Direction of the flattest sides, as red, green and blue"),
    ("Opacity", Shown::Alpha, Form::Splat, Key::Num4, "White where nothing shines through"),
    ("Count", Shown::Count, Form::Splat, Key::Num5, "Gaussians that contribute to each pixel, as a heat map"),
    ("Solid", Shown::Color, Form::Solid, Key::Num6, "Every Gaussian opaque: its body and size"),
    ("Centres", Shown::Color, Form::Centre, Key::Num7, "A dot where each Gaussian is"),
    ("Velocity", Shown::Velocity, Form::Splat, Key::Num8, "Where Gaussians move to; grey stands still"),
    (
        "Flow",
        Shown::Flow,
        Form::Splat,
        Key::Num9,
        "How far the picture moves up to the next moment; white stands still",
    ),
];

const OPEN: KeyboardShortcut = KeyboardShortcut::new(Modifiers::COMMAND, Key::O);
const SAVE: KeyboardShortcut = KeyboardShortcut::new(Modifiers::COMMAND, Key::S);
const UNDO: KeyboardShortcut = KeyboardShortcut::new(Modifiers::COMMAND, Key::Z);
const REDO: KeyboardShortcut = KeyboardShortcut::new(Modifiers::COMMAND, Key::Y);

/// The keys and what they do, for the help sheet.
pub const KEYS: [(&str, &[(&str, &str)]); 4] = [
    (
        "Move",
        &[
            ("drag", "orbit around the pivot"),
            ("Shift + drag, middle drag", "pan"),
            ("right drag", "look around"),
            ("wheel, pinch", "nearer and farther, towards the pointer"),
            ("double-click", "turn around the surface there"),
            ("W A S D, Q E", "fly; down and up with Q and E; Shift is faster"),
            ("wheel while flying", "speed of flight"),
            ("R", "back to the first view"),
            ("X Y Z, with Shift", "views along the axes"),
            ("O", "orthographic or perspective"),
        ],
    ),
    (
        "See",
        &[
            ("1 … 9", "colour, depth, normal, opacity, count, solid, centres; velocity, flow"),
            ("T", "take a pixel apart: what makes it"),
            ("I", "figures: times, counts, memory"),
            ("U", "only the picture, without panels"),
            ("F11", "full screen"),
            ("F", "frames of the capture's cameras"),
            ("click a frame", "look through that camera"),
            ("[ and ]", "look through the previous or next camera"),
            ("V", "compare with the photo there"),
        ],
    ),
    (
        "Edit",
        &[
            ("C", "crop box"),
            ("drag a dot", "move a side of the crop box"),
            ("B, G, N", "select with a rectangle, a brush, a sphere"),
            ("Delete", "delete the selection"),
            ("Ctrl + Z, Ctrl + Y", "undo, redo"),
            ("Esc", "drop the selection, end the tool or the probe"),
        ],
    ),
    (
        "Keep",
        &[
            ("Ctrl + O", "open a file"),
            ("Ctrl + S", "save the scene as …"),
            ("P", "save a picture in the working folder"),
            ("K", "add this view to the camera path"),
            ("Space", "play the path or the clip"),
            ("H or F1", "this sheet"),
        ],
    ),
];

/// What a key does.
type Action = fn(&mut Viewer);

/// An entry of a menu, and the keys that do the same.
fn item<'a>(text: &'a str, keys: &'a str) -> egui::Button<'a> {
    egui::Button::new(text).shortcut_text(keys)
}

/// An entry that switches something on and off.
fn choice<'a>(on: bool, text: &'a str, keys: &'a str) -> egui::Button<'a> {
    egui::Button::selectable(on, text).shortcut_text(keys)
}

impl Viewer {
    pub(super) fn menu(&mut self, ui: &mut egui::Ui) {
        let bar = egui::Frame::new().inner_margin(egui::Margin::symmetric(10, 5));
        egui::Panel::top("menu").frame(bar).show(ui, |ui| {
            egui::MenuBar::new().ui(ui, |ui| {
                ui.label(RichText::new("Dapple").strong().color(theme::ACCENT));
                ui.add_space(6.0);
                ui.menu_button("File", |ui| self.file_menu(ui));
                ui.add_enabled_ui(self.document.is_some(), |ui| {
                    ui.menu_button("View", |ui| self.view_menu(ui));
                    ui.menu_button("Edit", |ui| self.edit_menu(ui));
                });
                if ui.button("Help").on_hover_text("Mouse and keys (H)").clicked() {
                    self.help = !self.help;
                }
                if self.document.is_some() {
                    ui.add_space(14.0);
                    self.mode_buttons(ui);
                }
            });
        });
    }

    fn mode_buttons(&mut self, ui: &mut egui::Ui) {
        let dynamic = self.is_dynamic();
        for (index, (name, shown, form, _, what)) in MODES.iter().enumerate() {
            if matches!(shown, Shown::Velocity | Shown::Flow) && !dynamic {
                continue;
            }
            let chosen = (self.look.shown, self.look.form) == (*shown, *form);
            if ui.selectable_label(chosen, *name).on_hover_text(format!("{what} (key {})", index + 1)).clicked() {
                (self.look.shown, self.look.form) = (*shown, *form);
            }
        }
    }

    fn file_menu(&mut self, ui: &mut egui::Ui) {
        let context = ui.ctx().clone();
        if ui.add(item("Open a file …", "Ctrl + O")).on_hover_text("A scene, or a transforms.json").clicked() {
            self.dialogs.ask(&context, Ask::Open, false, "");
        }
        if ui.button("Open a folder …").on_hover_text("A run or a capture").clicked() {
            self.dialogs.ask(&context, Ask::Open, true, "");
        }
        let recent = self.recent.paths().to_vec();
        ui.add_enabled_ui(!recent.is_empty(), |ui| {
            ui.menu_button("Open recent", |ui| {
                for path in &recent {
                    let name =
                        path.file_name().map_or_else(|| path.display().to_string(), |n| n.to_string_lossy().into());
                    if ui.button(name).on_hover_text(path.display().to_string()).clicked() {
                        self.leave(&context, Leave::Open(path.clone()));
                    }
                }
            });
        });
        ui.separator();
        ui.add_enabled_ui(self.document.is_some(), |ui| {
            let trains = self.document.as_ref().is_some_and(|document| document.kind == Kind::Capture);
            if trains && ui.button("Train this capture").on_hover_text("With the options of the panel").clicked() {
                self.start_training(&context);
            }
            if ui
                .add(item("Save the scene as …", "Ctrl + S"))
                .on_hover_text("Its extension chooses the format")
                .clicked()
            {
                self.dialogs.ask(&context, Ask::SaveScene, false, "scene.ply");
            }
            if ui.button("Save a picture …").on_hover_text("What the window shows, as PNG").clicked() {
                self.dialogs.ask(&context, Ask::SavePicture, false, "picture.png");
            }
            if ui.button("Close").clicked() {
                self.leave(&context, Leave::Close);
            }
        });
        if ui.button("Quit").clicked() {
            context.send_viewport_cmd(egui::ViewportCommand::Close);
        }
    }

    fn view_menu(&mut self, ui: &mut egui::Ui) {
        if ui.add(item("First view", "R")).on_hover_text("Back to where it began").clicked() {
            self.reset_view();
        }
        ui.separator();
        for side in Side::ALL {
            if ui.button(format!("{side:?}")).clicked() {
                self.show_side(side);
            }
        }
        ui.separator();
        if ui.add(choice(self.eye.orthographic, "Orthographic", "O")).on_hover_text("Without perspective").clicked() {
            self.eye.orthographic = !self.eye.orthographic;
        }
        let probe = ui.add(choice(self.probe.on, "Pixel probe", "T"));
        if probe.on_hover_text("What makes the pixel under the pointer").clicked() {
            self.toggle_probe();
        }
        if ui.add(choice(self.figures, "Figures", "I")).on_hover_text("Times, counts and memory").clicked() {
            self.figures = !self.figures;
        }
        let cameras = ui.add(choice(self.shots.visible, "Cameras", "F"));
        if cameras.on_hover_text("Frames of the capture's cameras").clicked() {
            self.shots.visible = !self.shots.visible;
        }
        ui.separator();
        let alone = ui.add(item("Only the picture", "U"));
        if alone.on_hover_text("Without menus and panels; U or Esc brings them back").clicked() {
            self.bare = true;
        }
        if ui.add(item("Full screen", "F11")).on_hover_text("And back").clicked() {
            toggle_full_screen(ui.ctx());
        }
    }

    fn edit_menu(&mut self, ui: &mut egui::Ui) {
        let (undo, redo) = (self.edit.can_undo(), self.edit.can_redo());
        if ui.add_enabled(undo, item("Undo", "Ctrl + Z")).clicked() {
            self.undo(false);
        }
        if ui.add_enabled(redo, item("Redo", "Ctrl + Y")).clicked() {
            self.undo(true);
        }
        ui.separator();
        let word = if self.edit.is_cropped() { "Take the crop box off" } else { "Crop box" };
        if ui.add(item(word, "C")).on_hover_text("Only what is inside is shown and saved").clicked() {
            self.toggle_crop(ui.ctx());
        }
        let any = self.edit.selected() > 0;
        if ui.add_enabled(any, item("Delete the selection", "Delete")).clicked() {
            self.delete_selection();
        }
    }

    pub(super) fn shortcuts(&mut self, context: &egui::Context) {
        let hit = |shortcut: &KeyboardShortcut| context.input_mut(|input| input.consume_shortcut(shortcut));
        if hit(&OPEN) {
            self.dialogs.ask(context, Ask::Open, false, "");
        }
        let pressed = |key: Key| context.input(|input| input.key_pressed(key) && !input.modifiers.command);
        if pressed(Key::H) || pressed(Key::F1) {
            self.help = !self.help;
        }
        if pressed(Key::Escape) {
            (self.help, self.bare) = (false, false);
        }
        if pressed(Key::F11) {
            toggle_full_screen(context);
        }
        if self.document.is_none() {
            return;
        }
        if hit(&SAVE) {
            self.dialogs.ask(context, Ask::SaveScene, false, "scene.ply");
        }
        // Every press counts, also where a slow picture has let several come together.
        for (shortcut, forward) in [(&UNDO, false), (&REDO, true)] {
            let count =
                |input: &mut egui::InputState| input.count_and_consume_key(shortcut.modifiers, shortcut.logical_key);
            for _ in 0..context.input_mut(count) {
                self.undo(forward);
            }
        }
        if pressed(Key::Escape) {
            self.escape();
        }
        for (_, shown, form, key, _) in MODES {
            if pressed(key) && (self.is_dynamic() || !matches!(shown, Shown::Velocity | Shown::Flow)) {
                (self.look.shown, self.look.form) = (shown, form);
            }
        }
        self.view_keys(context, &pressed);
        self.edit_keys(context, &pressed);
    }

    fn view_keys(&mut self, context: &egui::Context, pressed: &impl Fn(Key) -> bool) {
        let shift = context.input(|input| input.modifiers.shift);
        for (key, plain, shifted) in
            [(Key::X, Side::Right, Side::Left), (Key::Y, Side::Top, Side::Bottom), (Key::Z, Side::Front, Side::Back)]
        {
            if pressed(key) {
                self.show_side(if shift { shifted } else { plain });
            }
        }
        let actions: [(Key, Action); 10] = [
            (Key::T, Self::toggle_probe),
            (Key::R, Self::reset_view),
            (Key::O, |viewer| viewer.eye.orthographic = !viewer.eye.orthographic),
            (Key::I, |viewer| viewer.figures = !viewer.figures),
            (Key::U, |viewer| viewer.bare = !viewer.bare),
            (Key::F, |viewer| viewer.shots.visible = !viewer.shots.visible),
            (Key::P, Self::quick_picture),
            (Key::OpenBracket, |viewer| viewer.visit_next(-1)),
            (Key::CloseBracket, |viewer| viewer.visit_next(1)),
            (Key::V, |viewer| viewer.compare.layout = viewer.compare.layout.next()),
        ];
        for (key, act) in actions {
            if pressed(key) {
                act(self);
            }
        }
        if pressed(Key::V) && self.compare.layout != Layout::Off && self.through.is_none() {
            self.visit_next(0);
        }
        if pressed(Key::K) {
            self.add_key();
            reveal(context, PATH);
        }
        if pressed(Key::Space) {
            if self.is_dynamic() { self.timeline.toggle() } else { self.keys.toggle() }
        }
        for (key, forward) in [(Key::Comma, false), (Key::Period, true)] {
            if pressed(key) && self.is_dynamic() {
                for _ in 0..context.input(|input| input.num_presses(key)) {
                    self.timeline.step_by(forward);
                }
                self.look.time = self.timeline.time();
            }
        }
    }

    pub(super) fn status(&mut self, ui: &mut egui::Ui) {
        let bar = egui::Frame::new().inner_margin(egui::Margin::symmetric(12, 4));
        egui::Panel::bottom("status").frame(bar).show(ui, |ui| {
            ui.horizontal(|ui| {
                let quiet = |text: String| RichText::new(text).small().color(theme::QUIET);
                match &self.document {
                    Some(document) => {
                        ui.label(RichText::new(document.title()).small().strong());
                        let count = super::words::grouped(self.stage.gaussians() as u64);
                        ui.label(quiet(format!("{} · {} · {count} Gaussians", document.kind.name(), document.origin)))
                            .on_hover_text(document.path.display().to_string());
                    }
                    None => {
                        ui.label(quiet("nothing is open".into()));
                    }
                }
                ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                    ui.label(quiet(self.hint()));
                });
            });
        });
    }

    fn hint(&self) -> String {
        if self.document.is_none() {
            return "drop a file or a folder on the window".into();
        }
        if let Some(hint) = self.edit.hint() {
            return hint.into();
        }
        if self.document.as_ref().is_some_and(|d| d.kind == Kind::Capture) && self.training.live.is_none() {
            return "press Train to learn the scene from these photos · drag: orbit · H: help".into();
        }
        if self.probe.on {
            return "point at a pixel · click: hold it · T or Esc: end the probe · H: help".into();
        }
        format!("drag: orbit · right drag: look · WASD: fly at {:.2} × · double-click: pivot · H: help", self.speed)
    }
}

fn toggle_full_screen(context: &egui::Context) {
    let full = context.input(|input| input.viewport().fullscreen.unwrap_or(false));
    context.send_viewport_cmd(egui::ViewportCommand::Fullscreen(!full));
}
