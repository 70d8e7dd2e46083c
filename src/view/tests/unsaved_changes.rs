//! The question before edits or a camera path are lost, and paths that are typed.

use eframe::egui::{Event, Key, Modifiers, ViewportCommand, ViewportEvent, ViewportId};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;

use super::{harness, shown};
use crate::format;
use crate::view::Viewer;
use crate::view::action::FileAction;
use crate::view::state::ask::Ask;
use crate::view::state::edit::Tool;
use crate::view::state::unsaved_changes::Leave;

#[test]
fn edits_that_are_not_saved_are_asked_about() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let mut harness = harness(shown(folder.path()));
    let context = harness.ctx.clone();
    harness.key_press(Key::C);
    harness.run_steps(2);

    let closes = |harness: &mut Harness<'static, Viewer>| {
        harness.input_mut().viewports.entry(ViewportId::ROOT).or_default().events.push(ViewportEvent::Close);
        harness.step();
        let commands = &harness.output().viewport_output[&ViewportId::ROOT].commands;
        let held = commands.contains(&ViewportCommand::CancelClose);
        harness.input_mut().viewports.entry(ViewportId::ROOT).or_default().events.clear();
        harness.run_steps(2);
        held
    };
    assert!(closes(&mut harness), "the window stays");
    harness.get_by_label("what was cropped and deleted would be lost.");
    harness.get_by_label("Stay").click();
    harness.run_steps(2);
    assert!(harness.query_by_label("Not saved yet").is_none() && harness.state().state.document.is_some());

    let cut = folder.path().join("cut.ply");
    harness.state_mut().apply(&context, FileAction::Use(Ask::SaveScene, cut));
    for _ in 0..100 {
        std::thread::sleep(std::time::Duration::from_millis(20));
        harness.step();
    }
    assert!(!closes(&mut harness), "a saved scene is left at once");
    harness.key_press(Key::C);
    harness.key_press(Key::K);
    harness.run_steps(2);
    harness.key_press(Key::K);
    harness.run_steps(2);
    harness.state_mut().apply(&context, FileAction::Leave(Leave::Close));
    harness.run_steps(2);
    harness.get_by_label("the camera path would be lost.");
    harness.get_by_label("Leave without saving").click();
    harness.run_steps(2);
    assert!(harness.state().state.document.is_none());
    assert_eq!(harness.state().canvas.facts().gaussians, 0, "the device is free of it");
}

/// Types into the field that has the keys, the Enter in the same frame as the last letters.
fn type_and_enter(harness: &mut Harness<'static, Viewer>, text: &str, letter: Key) {
    let press = |key| Event::Key { key, physical_key: None, pressed: true, repeat: false, modifiers: Modifiers::NONE };
    harness.run_steps(3);
    harness.input_mut().events.extend([Event::Text(text.into()), press(letter), press(Key::Enter)]);
    harness.run_steps(3);
}

#[test]
fn a_typed_path_saves_and_what_was_asked_for_follows() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let mut harness = harness(shown(folder.path()));
    let context = harness.ctx.clone();
    harness.state_mut().jobs.dialogs.type_paths();
    let path = folder.path().join("cut.spz");
    std::fs::write(&path, "not ours").expect("writes");
    for key in [Key::C, Key::K, Key::K] {
        harness.key_press(key);
        harness.run_steps(2);
    }

    // To go on training, a camera path is no loss, but edits are.
    harness.state_mut().apply(&context, FileAction::Leave(Leave::Train));
    harness.run_steps(2);
    harness.get_by_label("what was cropped and deleted would be lost.");
    harness.get_by_label("Stay").click();
    harness.run_steps(2);

    harness.state_mut().apply(&context, FileAction::Leave(Leave::Close));
    harness.run_steps(2);
    harness.get_by_label("what was cropped and deleted and the camera path would be lost.");
    harness.get_by_label("Save the scene …").click();
    type_and_enter(&mut harness, &path.display().to_string(), Key::Z);
    harness.get_by_label("There is such a file; once more replaces it.");
    assert_eq!(std::fs::read(&path).expect("is there"), b"not ours");
    type_and_enter(&mut harness, "", Key::N);
    for _ in 0..100 {
        std::thread::sleep(std::time::Duration::from_millis(20));
        harness.step();
    }
    assert!(format::read_scene(&path).is_ok(), "the scene is in its place");
    assert_eq!(harness.state().state.edit.tool, Tool::None, "typed letters are no shortcuts");

    // The rest is asked for, and saved it is left.
    harness.get_by_label("the camera path would be lost.");
    harness.get_by_label("Save the path …").click();
    type_and_enter(&mut harness, &folder.path().join("path.json").display().to_string(), Key::N);
    harness.run_steps(3);
    assert!(folder.path().join("path.json").exists() && harness.state().state.document.is_none());
}
