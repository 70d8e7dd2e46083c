//! Every button of the panels, every menu entry and every key sends an action; options of a run are found and set.

use std::path::Path;

use eframe::egui::accesskit::Role;
use eframe::egui::{self, Key, Modifiers, vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT, Queryable, by};

use super::{harness, shown, viewer};
use crate::train::config::Config;
use crate::view::action::{Action, EditAction, PathAction, TrainAction, ViewAction};
use crate::view::keys::{HELP, Needs, Shortcut, pressed};
use crate::view::panels::menu::{Item, menus};
use crate::view::panels::{menu, side_panel, transport, welcome};
use crate::view::state::State;
use crate::view::state::edit::Tool;
use crate::view::state::run_options;
use crate::view::{Document, Viewer};

type Panels = Harness<'static, (Viewer, Vec<Action>)>;

/// Buttons that only open and close something of the window itself.
const MENUS: [&str; 4] = ["File", "View", "Edit", "Open recent"];

/// The panels alone: what is sent is kept and not done, so that nothing moves.
fn panels(viewer: Viewer) -> Panels {
    let build = Harness::builder().with_size(vec2(1100.0, 6000.0));
    let show = |ui: &mut egui::Ui, (viewer, sent): &mut (Viewer, Vec<Action>)| {
        let inputs = viewer.inputs();
        menu::show(ui, &inputs, sent);
        transport::show(ui, &inputs, sent);
        side_panel::show(ui, &inputs, sent);
        egui::CentralPanel::default().show(ui, |ui| {
            let full = ui.available_rect_before_wrap();
            welcome::show(ui, &inputs, full, sent);
        });
    };
    let mut panels = build.build_ui_state(show, (viewer, Vec::new()));
    panels.run_steps(3);
    panels
}

fn is_button(role: Role) -> bool {
    matches!(role, Role::Button | Role::CheckBox | Role::RadioButton | Role::Link)
}

/// Names and places of all buttons that can be pressed.
fn buttons(panels: &Panels) -> Vec<(String, egui::Pos2)> {
    let all = panels.query_all(by().predicate(|node| is_button(node.role()) && !node.is_disabled()));
    all.map(|node| (node.accesskit_node().label().unwrap_or_default(), node.rect().center())).collect()
}

fn click(panels: &mut Panels, at: egui::Pos2) {
    panels.hover_at(at);
    panels.drag_at(at);
    panels.drop_at(at);
    panels.run_steps(2);
}

/// Clicks every button; returns how many there are.
fn click_all(panels: &mut Panels) -> usize {
    let list = buttons(panels);
    for (name, at) in list.iter().filter(|(name, _)| !MENUS.contains(&name.as_str())) {
        panels.state_mut().1.clear();
        click(panels, *at);
        assert!(!panels.state().1.is_empty(), "the button \"{name}\" at {at} sends nothing");
    }
    list.len()
}

#[test]
fn every_button_sends_an_action() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let mut scene = shown(folder.path());
    let context = egui::Context::default();
    for action in [
        Action::Edit(EditAction::ToggleCrop),
        Action::Edit(EditAction::SetTool(Tool::Brush)),
        Action::Path(PathAction::AddKey),
        Action::Path(PathAction::AddKey),
    ] {
        scene.apply(&context, action);
    }
    let mut panels = panels(scene);
    for section in ["Crop and select", "Camera path", "Picture"] {
        if panels.query_by_label("Add this view").is_none() || section != "Camera path" {
            panels.get_by_label(section).click();
            panels.run_steps(8);
        }
    }
    assert!(panels.query_by_label("Add this view").is_some() && panels.query_by_label("rectangle").is_some());
    let count = click_all(&mut panels);
    assert!(count > 35, "only {count} buttons were found");
}

#[test]
fn every_button_of_a_capture_sends_an_action() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let mut panels = panels(capture_in(folder.path()));
    panels.get_by_label_contains("options").click();
    panels.run_steps(8);
    // From below, so that a heading that opens moves none that is yet to be clicked.
    let top = panels.get_by_label_contains("options").rect().bottom();
    let mut headings: Vec<_> = run_options::all().iter().map(|option| option.heading.as_str()).collect();
    headings.dedup();
    let is_heading = |node: &egui_kittest::Node<'_>| {
        let label = node.accesskit_node().label().unwrap_or_default();
        node.rect().top() > top && headings.iter().any(|heading| label.starts_with(heading))
    };
    let found: Vec<_> = panels.query_all(by().role(Role::DisclosureTriangle)).filter(is_heading).collect();
    let places: Vec<_> = found.iter().map(|node| node.rect().center()).collect();
    assert!(places.len() >= headings.len(), "only {} headings", places.len());
    for at in places[..headings.len()].iter().rev() {
        click(&mut panels, *at);
        panels.run_steps(6);
    }
    let count = click_all(&mut panels);
    assert!(count > 25, "only {count} buttons were found");
}

fn capture_in(folder: &Path) -> Viewer {
    let capture = folder.join("tiny");
    crate::synth::run(&Path::new(env!("CARGO_MANIFEST_DIR")).join("scenes/tiny.toml"), &capture).expect("a capture");
    let mut viewer = viewer();
    viewer.enter(Document::open(&capture).expect("opens"), false).expect("fits the device");
    viewer
}

#[test]
fn every_menu_entry_sends_its_action() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let mut scene = shown(folder.path());
    scene.apply(&egui::Context::default(), EditAction::ToggleCrop);
    let mut panels = panels(scene);
    let mut seen = 0;
    for (title, items) in menus() {
        for item in items {
            let Item::Entry(entry) = item else { continue };
            panels.get_all_by_label(title).next().expect("a menu").click();
            panels.run_steps(3);
            // Its key is part of its label.
            let text = entry.text;
            let is_entry = by().predicate(move |node| {
                let label = node.label().unwrap_or_default();
                node.role() != Role::Label && !node.is_disabled() && label.starts_with(text)
            });
            let places: Vec<_> = panels.query_all(is_entry).map(|node| node.rect().center()).collect();
            // The menu hangs to the left of the panel, where a button may have the same label.
            let below = places.iter().copied().filter(|at| at.y > 30.0);
            if let Some(at) = below.min_by(|a, b| a.x.total_cmp(&b.x)) {
                panels.state_mut().1.clear();
                click(&mut panels, at);
                assert_eq!(panels.state().1, [entry.action], "{title}, {text}");
                seen += 1;
            }
            panels.key_press(Key::Escape);
            panels.run_steps(3);
        }
    }
    assert!(seen >= 20, "only {seen} entries were pressed");
}

/// The actions that a key sends to a state.
fn sent_by(shortcut: Shortcut, state: &State) -> Vec<Action> {
    let control = Modifiers { ctrl: true, command: true, ..Modifiers::NONE };
    let (key, modifiers) = match shortcut {
        Shortcut::Plain(key) => (key, Modifiers::NONE),
        Shortcut::Shift(key) => (key, Modifiers::SHIFT),
        Shortcut::Ctrl(key) => (key, control),
    };
    let event = egui::Event::Key { key, physical_key: None, pressed: true, repeat: false, modifiers };
    let context = egui::Context::default();
    // On a slow machine all is released before the frame.
    let changed = egui::Event::ModifiersChanged;
    let events = vec![changed(modifiers), event, changed(Modifiers::NONE)];
    context.begin_pass(egui::RawInput { events, ..Default::default() });
    let sent = context.input_mut(|input| pressed(input, state));
    context.end_pass().textures_delta.clear();
    sent
}

#[test]
fn every_key_sends_its_action_where_it_can() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let mut state = shown(folder.path()).state;
    let keys = || HELP.iter().flat_map(|(_, rows)| *rows).flat_map(|row| row.keys.iter().map(move |key| (row, key)));
    assert!(!state.is_dynamic());
    for (row, (shortcut, action)) in keys() {
        let wanted = if row.needs == Needs::Motion { Vec::new() } else { vec![action.clone()] };
        assert_eq!(sent_by(*shortcut, &state), wanted, "{} in a scene at rest", shortcut.text());
    }
    state.scene.is_moving = true;
    for (_, (shortcut, action)) in keys() {
        assert_eq!(sent_by(*shortcut, &state), std::slice::from_ref(action), "{} in a clip", shortcut.text());
    }
    state.document = None;
    for (row, (shortcut, _)) in keys() {
        let sends = row.needs == Needs::Nothing;
        assert_eq!(!sent_by(*shortcut, &state).is_empty(), sends, "{} with nothing open", shortcut.text());
    }
}

#[test]
fn the_help_sheet_lists_every_key() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let mut harness = harness(shown(folder.path()));
    harness.key_press(Key::H);
    harness.run_steps(2);
    for row in HELP.iter().flat_map(|(_, rows)| *rows) {
        harness.get_all_by_label(row.what).next().expect("is on the sheet");
        harness.get_all_by_label(&row.how()).next().expect("its keys are on the sheet");
    }
}

#[test]
fn every_option_of_a_run_is_found_and_set() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let mut harness = harness(capture_in(folder.path()));
    harness.set_size(vec2(1100.0, 3000.0));
    harness.run_steps(3);
    let context = harness.ctx.clone();
    for option in run_options::all() {
        harness.state_mut().apply(&context, TrainAction::SetSearch(option.name.clone()));
        harness.run_steps(1);
        harness.get_all_by_label(&option.name).next().expect("the option is listed");
    }
    harness.check_accessibility();
    harness.state_mut().apply(&context, TrainAction::SetSearch("no such thing".into()));
    harness.run_steps(2);
    harness.get_by_label("no option has this in its name or description");
    harness.state_mut().apply(&context, TrainAction::SetOption("growth".into(), "fast".into()));
    harness.state_mut().apply(&context, TrainAction::SetSearch("growth".into()));
    harness.run_steps(2);
    harness.get_by_label_contains("invalid value 'fast' for '--growth");
    let options = &harness.state().state.training.options;
    assert!(options.config(Path::new("capture")).is_err());
    harness.state_mut().apply(&context, TrainAction::SetOption("growth".into(), "1.1".into()));
    let config = harness.state().state.training.options.config(Path::new("capture")).expect("parses");
    assert_eq!((config.growth, config.seed), (1.1, Config::default().seed));
    harness.state_mut().apply(&context, ViewAction::Escape);
}
