//! The window's own question for a path, where the system has no file dialogs.

use eframe::egui::text::{CCursor, CCursorRange};
use eframe::egui::{self, Align2, Key, RichText, vec2};

use crate::view::action::{Action, FileAction};
use crate::view::theme;
use crate::view::work::dialogs::TypedPath;

use super::inputs::Inputs;
use super::widgets::quiet;

/// The question, while it is open.
pub fn show(context: &egui::Context, inputs: &Inputs, actions: &mut Vec<Action>) {
    // Whether the field has been shown: its suggestion is selected once, so that typing replaces it.
    let begun = egui::Id::unique("typed path begun");
    let Some(typed) = inputs.jobs.dialogs.typed() else {
        context.data_mut(|data| data.remove::<bool>(begun));
        return;
    };
    let first = !context.data_mut(|data| std::mem::replace(data.get_temp_mut_or_default::<bool>(begun), true));
    let mut open = true;
    egui::Window::new(typed.ask.title())
        .collapsible(false)
        .resizable(false)
        .open(&mut open)
        .default_width(460.0)
        .anchor(Align2::CENTER_CENTER, vec2(0.0, 0.0))
        .show(context, |ui| question(ui, typed, first, actions));
    if !open || context.input(|input| input.key_pressed(Key::Escape)) {
        actions.push(FileAction::CancelDialog.into());
    }
}

fn question(ui: &mut egui::Ui, typed: &TypedPath, first: bool, actions: &mut Vec<Action>) {
    let hint = match std::env::current_dir() {
        Ok(folder) => format!("No file dialog here; type the path, from {} on or in full.", folder.display()),
        Err(_) => "No file dialog here; type the full path.".into(),
    };
    let label = ui.label(quiet(hint)).id;
    let mut text = typed.text.clone();
    let field = ui.add(egui::TextEdit::singleline(&mut text).desired_width(460.0)).labelled_by(label);
    if first {
        let mut state = egui::text_edit::TextEditState::default();
        let all = CCursorRange::two(CCursor::new(0), CCursor::new(text.chars().count()));
        state.cursor.set_char_range(Some(all));
        state.store(ui.ctx(), field.id);
    }
    if !field.has_focus() && !field.lost_focus() {
        field.request_focus();
    }
    if field.changed() {
        actions.push(FileAction::SetDialogText(text.clone()).into());
    }
    if let Some(note) = typed.ask.formats() {
        ui.label(quiet(note));
    }
    if typed.replaces() {
        ui.label(RichText::new("There is such a file; once more replaces it.").color(theme::WARM));
    }
    let entered = field.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter));
    if ui.button(if typed.replaces() { "Replace" } else { "OK" }).clicked() || entered {
        actions.push(FileAction::ConfirmDialog.into());
        if typed.with_text(text).must_warn() {
            // It stays open.
            field.request_focus();
        }
    }
}
