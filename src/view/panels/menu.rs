//! The menu bar. Its entries are a table; their keys come from the table of keys.

use eframe::egui::{self, RichText};

use crate::render::{DisplayMode, SplatStyle};
use crate::view::action::{Action, CameraAction, EditAction, FileAction, TrainAction, ViewAction};
use crate::view::keys::{hint_with_key, key_of};
use crate::view::state::State;
use crate::view::state::ask::Ask;
use crate::view::state::document::Kind;
use crate::view::state::navigation::Side;
use crate::view::state::unsaved_changes::Leave;
use crate::view::text::file_name;
use crate::view::theme;

use super::inputs::Inputs;
use super::widgets::choice;

/// The display modes with their names and descriptions.
pub const MODES: [(&str, DisplayMode, SplatStyle, &str); 9] = [
    ("Colour", DisplayMode::Color, SplatStyle::Splat, "What the cameras saw"),
    ("Depth", DisplayMode::Depth, SplatStyle::Splat, "Mean distance along the view, in the scene's units"),
    ("Normal", DisplayMode::Normal, SplatStyle::Splat, "Direction of the flattest sides, as red, green and blue"),
    ("Opacity", DisplayMode::Alpha, SplatStyle::Splat, "White where nothing shines through"),
    ("Count", DisplayMode::Count, SplatStyle::Splat, "Gaussians that contribute to each pixel, as a heat map"),
    ("Solid", DisplayMode::Color, SplatStyle::Solid, "Every Gaussian opaque: its body and size"),
    ("Centres", DisplayMode::Color, SplatStyle::Centre, "A dot where each Gaussian is"),
    ("Velocity", DisplayMode::Velocity, SplatStyle::Splat, "Where Gaussians move to; grey stands still"),
    (
        "Flow",
        DisplayMode::Flow,
        SplatStyle::Splat,
        "How far the picture moves up to the next moment; white stands still",
    ),
];

/// An entry of a menu.
pub struct Entry {
    pub text: &'static str,
    pub hint: &'static str,
    pub action: Action,
    /// Whether it can be chosen.
    enabled: fn(&State) -> bool,
    /// Whether it is there at all.
    visible: fn(&State) -> bool,
    /// Whether it is switched on, for an entry that is switched.
    checked: Option<fn(&State) -> bool>,
}

/// A part of a menu.
pub enum Item {
    Entry(Entry),
    Separator,
    /// A menu of the files opened last.
    Recent,
}

const fn yes(_: &State) -> bool {
    true
}

/// An entry: text, hint, action, and what differs from an entry that can always be chosen.
macro_rules! entry {
    ($text:literal, $hint:literal, $kind:ident($action:expr) $(, $field:ident: $value:expr)*) => {
        Item::Entry(Entry {
            $($field: $value,)*
            ..Entry {
                text: $text, hint: $hint, action: Action::$kind($action), enabled: yes, visible: yes, checked: None
            }
        })
    };
}

fn file_menu() -> Vec<Item> {
    vec![
        entry!("Open a file …", "A scene, or a transforms.json", File(FileAction::Ask(Ask::OpenFile))),
        entry!("Open a folder …", "A run or a capture", File(FileAction::Ask(Ask::OpenFolder))),
        Item::Recent,
        Item::Separator,
        entry!(
            "Train this capture",
            "With the options of the panel",
            Train(TrainAction::Start),
            visible: |state| state.document.as_ref().is_some_and(|document| document.kind == Kind::Capture)
        ),
        entry!(
            "Save the scene as …",
            "Its extension chooses the format",
            File(FileAction::Ask(Ask::SaveScene)),
            enabled: State::has_document
        ),
        entry!(
            "Save a picture …",
            "What the window shows, as PNG",
            File(FileAction::Ask(Ask::SavePicture)),
            enabled: State::has_document
        ),
        entry!("Close", "", File(FileAction::Leave(Leave::Close)), enabled: State::has_document),
        entry!("Quit", "", File(FileAction::Leave(Leave::Quit))),
    ]
}

fn view_menu() -> Vec<Item> {
    vec![
        entry!("First view", "Back to where it began", Camera(CameraAction::FirstView)),
        Item::Separator,
        entry!("Front", "", Camera(CameraAction::ViewFrom(Side::Front))),
        entry!("Back", "", Camera(CameraAction::ViewFrom(Side::Back))),
        entry!("Left", "", Camera(CameraAction::ViewFrom(Side::Left))),
        entry!("Right", "", Camera(CameraAction::ViewFrom(Side::Right))),
        entry!("Top", "", Camera(CameraAction::ViewFrom(Side::Top))),
        entry!("Bottom", "", Camera(CameraAction::ViewFrom(Side::Bottom))),
        Item::Separator,
        entry!(
            "Orthographic",
            "Without perspective",
            Camera(CameraAction::ToggleOrthographic),
            checked: Some(|state| state.eye.orthographic)
        ),
        entry!(
            "Pixel probe",
            "What makes the pixel under the pointer",
            View(ViewAction::ToggleProbe),
            checked: Some(|state| state.probe.on)
        ),
        entry!(
            "Figures",
            "Times, counts and memory",
            View(ViewAction::ToggleFigures),
            checked: Some(|state| state.figures)
        ),
        entry!(
            "Cameras",
            "Frames of the capture's cameras",
            View(ViewAction::ToggleCameras),
            checked: Some(|state| state.shots.visible)
        ),
        Item::Separator,
        entry!(
            "Only the picture",
            "Without menus and panels; Esc brings them back too",
            View(ViewAction::TogglePanels)
        ),
        entry!("Full screen", "And back", View(ViewAction::ToggleFullScreen)),
    ]
}

fn edit_menu() -> Vec<Item> {
    vec![
        entry!("Undo", "", Edit(EditAction::Undo), enabled: |state| state.edit.can_undo()),
        entry!("Redo", "", Edit(EditAction::Redo), enabled: |state| state.edit.can_redo()),
        Item::Separator,
        entry!(
            "Crop box",
            "Only what is inside is shown and saved",
            Edit(EditAction::ToggleCrop),
            checked: Some(|state| state.edit.is_cropped())
        ),
        entry!(
            "Delete the selection",
            "",
            Edit(EditAction::DeleteSelection),
            enabled: |state| state.edit.selected() > 0
        ),
    ]
}

/// All menus with their entries.
pub fn menus() -> [(&'static str, Vec<Item>); 3] {
    [("File", file_menu()), ("View", view_menu()), ("Edit", edit_menu())]
}

/// The menu bar, with the buttons of the display modes.
pub fn show(ui: &mut egui::Ui, inputs: &Inputs, actions: &mut Vec<Action>) {
    let state = inputs.state;
    let bar = egui::Frame::new().inner_margin(egui::Margin::symmetric(10, 5));
    egui::Panel::top("menu").frame(bar).show(ui, |ui| {
        egui::MenuBar::new().ui(ui, |ui| {
            ui.label(RichText::new("Dapple").strong().color(theme::ACCENT));
            ui.add_space(6.0);
            for (title, items) in menus() {
                ui.add_enabled_ui(title == "File" || state.has_document(), |ui| {
                    ui.menu_button(title, |ui| items.into_iter().for_each(|item| show_item(ui, state, item, actions)));
                });
            }
            let help = Action::View(ViewAction::ToggleHelp);
            if ui.button("Help").on_hover_text(hint_with_key("Mouse and keys", &help)).clicked() {
                actions.push(help);
            }
            if state.has_document() {
                ui.add_space(14.0);
                mode_buttons(ui, state, actions);
            }
        });
    });
}

fn show_item(ui: &mut egui::Ui, state: &State, item: Item, actions: &mut Vec<Action>) {
    match item {
        Item::Separator => drop(ui.separator()),
        Item::Recent => recent_menu(ui, state, actions),
        Item::Entry(entry) if !(entry.visible)(state) => {}
        Item::Entry(entry) => {
            let button = match entry.checked {
                Some(checked) => egui::Button::selectable(checked(state), entry.text),
                None => egui::Button::new(entry.text),
            };
            let button = match key_of(&entry.action) {
                Some(key) => button.shortcut_text(key),
                None => button,
            };
            let response = ui.add_enabled((entry.enabled)(state), button);
            let response = if entry.hint.is_empty() { response } else { response.on_hover_text(entry.hint) };
            if response.clicked() {
                actions.push(entry.action);
            }
        }
    }
}

fn recent_menu(ui: &mut egui::Ui, state: &State, actions: &mut Vec<Action>) {
    let recent = state.recent.paths();
    ui.add_enabled_ui(!recent.is_empty(), |ui| {
        ui.menu_button("Open recent", |ui| {
            for path in recent {
                if ui.button(file_name(path)).on_hover_text(path.display().to_string()).clicked() {
                    actions.push(FileAction::Leave(Leave::Open(path.clone())).into());
                }
            }
        });
    });
}

fn mode_buttons(ui: &mut egui::Ui, state: &State, actions: &mut Vec<Action>) {
    for (name, mode, form, hint) in MODES {
        if matches!(mode, DisplayMode::Velocity | DisplayMode::Flow) && !state.is_dynamic() {
            continue;
        }
        let chosen = (state.settings.mode, state.settings.form) == (mode, form);
        choice(ui, actions, (chosen, name), hint, ViewAction::SetMode(mode, form));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_entry_is_an_action_of_its_own() {
        let items = menus().into_iter().flat_map(|(_, items)| items);
        let entries: Vec<Entry> =
            items.filter_map(|item| if let Item::Entry(entry) = item { Some(entry) } else { None }).collect();
        assert!(entries.len() > 20, "only {} entries", entries.len());
        for (index, entry) in entries.iter().enumerate() {
            let same = |other: &Entry| other.action == entry.action || other.text == entry.text;
            assert!(!entries[..index].iter().any(same), "{} is there twice", entry.text);
        }
        let key = |text: &str| entries.iter().find(|entry| entry.text == text).and_then(|entry| key_of(&entry.action));
        assert_eq!(key("Open a file …").as_deref(), Some("Ctrl + O"));
        assert_eq!(key("Bottom").as_deref(), Some("Shift + Y"));
        assert_eq!(key("Close"), None);
    }

    #[test]
    fn every_mode_has_a_key_of_its_place() {
        for (index, (name, mode, form, _)) in MODES.into_iter().enumerate() {
            let key = key_of(&ViewAction::SetMode(mode, form).into());
            assert_eq!(key, Some((index + 1).to_string()), "{name}");
        }
    }
}
