//! The one table of keys and mouse gestures: the keyboard, the help sheet and the keys in menus and tooltips come from it.

use eframe::egui::{Event, InputState, Key, Modifiers};

use crate::render::{DisplayMode, SplatStyle};

use super::action::{Action, CameraAction, EditAction, FileAction, PathAction, TimeAction, ViewAction};
use super::state::State;
use super::state::ask::Ask;
use super::state::edit::Tool;
use super::state::navigation::Side;

/// The condition under which a key works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    Nothing,
    Document,
    Motion,
}

impl Needs {
    pub fn are_met(self, state: &State) -> bool {
        match self {
            Self::Nothing => true,
            Self::Document => state.has_document(),
            Self::Motion => state.has_document() && state.is_dynamic(),
        }
    }
}

/// A key with its modifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shortcut {
    Plain(Key),
    Shift(Key),
    Ctrl(Key),
}

impl Shortcut {
    /// The text of the shortcut, such as `Ctrl + Z`.
    pub fn text(self) -> String {
        let name = |key: Key| match key {
            Key::Escape => "Esc",
            key => key.symbol_or_name(),
        };
        match self {
            Self::Plain(key) => name(key).into(),
            Self::Shift(key) => format!("Shift + {}", name(key)),
            Self::Ctrl(key) => format!("Ctrl + {}", name(key)),
        }
    }

    /// Number of presses since the last frame: several come together where a picture is slow. Each press counts with the
    /// modifiers of its own moment, since they may be released before the frame.
    fn presses(self, input: &mut InputState) -> usize {
        if let Self::Ctrl(key) = self {
            return input.count_and_consume_key(Modifiers::COMMAND, key);
        }
        let is_press = |event: &&Event| {
            let Event::Key { key, pressed: true, modifiers, .. } = event else { return false };
            // Shift makes a difference only where it has a meaning of its own.
            let shortcut = if modifiers.shift && has_shifted(*key) { Self::Shift(*key) } else { Self::Plain(*key) };
            !modifiers.command && shortcut == self
        };
        input.events.iter().filter(is_press).count()
    }
}

fn has_shifted(key: Key) -> bool {
    HELP.iter().flat_map(|(_, rows)| *rows).flat_map(|row| row.keys).any(|(shortcut, _)| *shortcut == Shift(key))
}

/// A line of the help sheet with its keys.
#[derive(Debug)]
pub struct Row {
    /// The mouse gesture; empty for keys alone.
    pub gesture: &'static str,
    pub what: &'static str,
    pub needs: Needs,
    pub keys: &'static [(Shortcut, Action)],
}

impl Row {
    /// The gesture or the keys, as the help sheet writes them.
    pub fn how(&self) -> String {
        let names: Vec<String> = self.keys.iter().map(|(shortcut, _)| shortcut.text()).collect();
        match names.as_slice() {
            [] => self.gesture.into(),
            [first, _, _, .., last] if names.len() > 3 => format!("{first} … {last}"),
            _ => names.join(", "),
        }
    }
}

/// A line of the table: a mouse gesture, or keys with what they need. A macro, because references to actions outlive
/// a constant's initialiser only where they are written out in it.
macro_rules! row {
    ($gesture:literal, $what:literal) => {
        Row { gesture: $gesture, what: $what, needs: Needs::Document, keys: &[] }
    };
    ($needs:ident, $what:literal, [$($key:expr),* $(,)?] $(,)?) => {
        Row { gesture: "", what: $what, needs: Needs::$needs, keys: &[$($key),*] }
    };
}

use Shortcut::{Ctrl, Plain, Shift};

const MOVE: &[Row] = &[
    row!("drag", "orbit around the pivot"),
    row!("Shift + drag, middle drag", "pan"),
    row!("right drag", "look around"),
    row!("wheel, pinch", "move nearer or farther, towards the pointer"),
    row!("double-click", "turn around the surface there"),
    row!("W A S D, Q E", "fly; Q and E go down and up, Shift is faster"),
    row!("wheel while flying", "change the speed of flight"),
    row!(Document, "go back to the first view", [(Plain(Key::R), Action::Camera(CameraAction::FirstView))]),
    row!(
        Document,
        "view from the right, the top, the front",
        [
            (Plain(Key::X), Action::Camera(CameraAction::ViewFrom(Side::Right))),
            (Plain(Key::Y), Action::Camera(CameraAction::ViewFrom(Side::Top))),
            (Plain(Key::Z), Action::Camera(CameraAction::ViewFrom(Side::Front))),
        ],
    ),
    row!(
        Document,
        "view from the left, the bottom, the back",
        [
            (Shift(Key::X), Action::Camera(CameraAction::ViewFrom(Side::Left))),
            (Shift(Key::Y), Action::Camera(CameraAction::ViewFrom(Side::Bottom))),
            (Shift(Key::Z), Action::Camera(CameraAction::ViewFrom(Side::Back))),
        ],
    ),
    row!(Document, "orthographic or perspective", [(Plain(Key::O), Action::Camera(CameraAction::ToggleOrthographic))]),
];

const fn mode(key: Key, mode: DisplayMode, form: SplatStyle) -> (Shortcut, Action) {
    (Plain(key), Action::View(ViewAction::SetMode(mode, form)))
}

const SEE: &[Row] = &[
    row!(
        Document,
        "colour, depth, normal, opacity, count, solid, centres",
        [
            mode(Key::Num1, DisplayMode::Color, SplatStyle::Splat),
            mode(Key::Num2, DisplayMode::Depth, SplatStyle::Splat),
            mode(Key::Num3, DisplayMode::Normal, SplatStyle::Splat),
            mode(Key::Num4, DisplayMode::Alpha, SplatStyle::Splat),
            mode(Key::Num5, DisplayMode::Count, SplatStyle::Splat),
            mode(Key::Num6, DisplayMode::Color, SplatStyle::Solid),
            mode(Key::Num7, DisplayMode::Color, SplatStyle::Centre),
        ],
    ),
    row!(
        Motion,
        "velocity, flow",
        [
            mode(Key::Num8, DisplayMode::Velocity, SplatStyle::Splat),
            mode(Key::Num9, DisplayMode::Flow, SplatStyle::Splat),
        ],
    ),
    row!(Document, "probe a pixel: what makes it", [(Plain(Key::T), Action::View(ViewAction::ToggleProbe))]),
    row!(Document, "figures: times, counts, memory", [(Plain(Key::I), Action::View(ViewAction::ToggleFigures))]),
    row!(Document, "only the picture, without panels", [(Plain(Key::U), Action::View(ViewAction::TogglePanels))]),
    row!(Nothing, "full screen", [(Plain(Key::F11), Action::View(ViewAction::ToggleFullScreen))]),
    row!(Document, "frames of the capture's cameras", [(Plain(Key::F), Action::View(ViewAction::ToggleCameras))]),
    row!("click a frame", "look through that camera"),
    row!(
        Document,
        "look through the previous or next camera",
        [
            (Plain(Key::OpenBracket), Action::Camera(CameraAction::VisitNext(-1))),
            (Plain(Key::CloseBracket), Action::Camera(CameraAction::VisitNext(1))),
        ],
    ),
    row!(Document, "compare with the photo there", [(Plain(Key::V), Action::View(ViewAction::NextLayout))]),
];

const EDIT: &[Row] = &[
    row!(Document, "crop box", [(Plain(Key::C), Action::Edit(EditAction::ToggleCrop))]),
    row!("drag a dot", "move a side of the crop box"),
    row!(
        Document,
        "select with a rectangle, a brush, a sphere",
        [
            (Plain(Key::B), Action::Edit(EditAction::ToggleTool(Tool::Rectangle))),
            (Plain(Key::G), Action::Edit(EditAction::ToggleTool(Tool::Brush))),
            (Plain(Key::N), Action::Edit(EditAction::ToggleTool(Tool::Sphere))),
        ],
    ),
    row!(
        Document,
        "delete the selection",
        [
            (Plain(Key::Delete), Action::Edit(EditAction::DeleteSelection)),
            (Plain(Key::Backspace), Action::Edit(EditAction::DeleteSelection)),
        ],
    ),
    row!(
        Document,
        "undo, redo",
        [(Ctrl(Key::Z), Action::Edit(EditAction::Undo)), (Ctrl(Key::Y), Action::Edit(EditAction::Redo)),],
    ),
    row!(
        Nothing,
        "drop the selection, end the tool or the probe",
        [(Plain(Key::Escape), Action::View(ViewAction::Escape))]
    ),
];

const KEEP: &[Row] = &[
    row!(Nothing, "open a file", [(Ctrl(Key::O), Action::File(FileAction::Ask(Ask::OpenFile)))]),
    row!(Document, "save the scene as …", [(Ctrl(Key::S), Action::File(FileAction::Ask(Ask::SaveScene)))]),
    row!(
        Document,
        "save a picture in the working folder",
        [(Plain(Key::P), Action::File(FileAction::SaveNextPicture))]
    ),
    row!(Document, "add this view to the camera path", [(Plain(Key::K), Action::Path(PathAction::AddKey))]),
    row!(Document, "play or pause the path or the clip", [(Plain(Key::Space), Action::Time(TimeAction::PlayPause))]),
    row!(
        Motion,
        "a moment back or on",
        [
            (Plain(Key::Comma), Action::Time(TimeAction::Step { forward: false })),
            (Plain(Key::Period), Action::Time(TimeAction::Step { forward: true })),
        ],
    ),
    row!(
        Nothing,
        "this sheet",
        [(Plain(Key::H), Action::View(ViewAction::ToggleHelp)), (Plain(Key::F1), Action::View(ViewAction::ToggleHelp)),],
    ),
];

/// All keys and gestures, by the parts of the help sheet.
pub const HELP: &[(&str, &[Row])] = &[("Move", MOVE), ("See", SEE), ("Edit", EDIT), ("Keep", KEEP)];

/// The key of an action as it is written, the first one if it has several.
pub fn key_of(action: &Action) -> Option<String> {
    let mut keys = HELP.iter().flat_map(|(_, rows)| *rows).flat_map(|row| row.keys);
    keys.find(|(_, bound)| bound == action).map(|(shortcut, _)| shortcut.text())
}

/// A hint with the key of its action, if it has one.
pub fn hint_with_key(hint: &str, action: &Action) -> String {
    match key_of(action) {
        Some(key) if hint.is_empty() => key,
        Some(key) => format!("{hint} ({key})"),
        None => hint.to_string(),
    }
}

/// The actions of the keys that were pressed since the last frame.
pub fn pressed(input: &mut InputState, state: &State) -> Vec<Action> {
    let mut actions = Vec::new();
    for row in HELP.iter().flat_map(|(_, rows)| *rows).filter(|row| row.needs.are_met(state)) {
        for (shortcut, action) in row.keys {
            actions.extend(std::iter::repeat_n(action.clone(), shortcut.presses(input)));
        }
    }
    actions
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_does_one_thing_and_is_in_the_help() {
        let rows: Vec<&Row> = HELP.iter().flat_map(|(_, rows)| *rows).collect();
        let keys: Vec<Shortcut> = rows.iter().flat_map(|row| row.keys).map(|(shortcut, _)| *shortcut).collect();
        assert!(keys.len() > 35, "only {} keys", keys.len());
        for (index, key) in keys.iter().enumerate() {
            assert!(!keys[..index].contains(key), "{} is bound twice", key.text());
        }
        for row in rows {
            assert!(!row.what.is_empty() && !row.how().is_empty());
            assert_eq!(row.gesture.is_empty(), !row.keys.is_empty(), "{}: keys or a gesture", row.what);
        }
    }

    #[test]
    fn keys_are_written_as_on_the_keyboard() {
        let how = |what: &str| {
            let rows = HELP.iter().flat_map(|(_, rows)| *rows);
            rows.filter(|row| row.what.contains(what)).map(Row::how).next().expect("is in the help")
        };
        assert_eq!(how("undo"), "Ctrl + Z, Ctrl + Y");
        assert_eq!(how("colour, depth"), "1 … 7");
        assert_eq!(how("look through the previous"), "[, ]");
        assert_eq!(how("drop the selection"), "Esc");
        assert_eq!(key_of(&EditAction::ToggleCrop.into()).as_deref(), Some("C"));
        assert_eq!(hint_with_key("A step on", &TimeAction::Step { forward: true }.into()), "A step on (.)");
    }
}
