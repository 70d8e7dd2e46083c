//! Rows, and buttons that send an action.

use eframe::egui::{self, RichText, WidgetText};

use crate::view::action::Action;
use crate::view::keys::hint_with_key;
use crate::view::theme;

/// A grid of rows, each with a name and a widget.
pub fn rows(ui: &mut egui::Ui, name: &str, add: impl FnOnce(&mut egui::Ui)) {
    egui::Grid::new(name).num_columns(2).spacing(egui::vec2(10.0, 7.0)).show(ui, add);
}

/// The name of a row, with a hint; what stands in the row is labelled by it.
pub fn row(ui: &mut egui::Ui, name: &str, hint: &str) -> egui::Id {
    ui.label(RichText::new(name).color(theme::QUIET)).on_hover_text(hint).id
}

/// Small text in the background's colour.
pub fn quiet(text: impl Into<String>) -> RichText {
    RichText::new(text).small().color(theme::QUIET)
}

/// Adds a clickable widget, with its hint and the action's key; a click sends the action.
pub fn send(
    ui: &mut egui::Ui,
    actions: &mut Vec<Action>,
    widget: impl egui::Widget,
    hint: &str,
    action: impl Into<Action>,
) {
    send_if(ui, actions, true, widget, hint, action);
}

/// As [`send`], for a widget that may be disabled.
pub fn send_if(
    ui: &mut egui::Ui,
    actions: &mut Vec<Action>,
    enabled: bool,
    widget: impl egui::Widget,
    hint: &str,
    action: impl Into<Action>,
) {
    let action = action.into();
    let hint = hint_with_key(hint, &action);
    let response = ui.add_enabled(enabled, widget);
    let response = if hint.is_empty() { response } else { response.on_hover_text(hint) };
    if response.clicked() {
        actions.push(action);
    }
}

/// A button that sends an action.
pub fn button(
    ui: &mut egui::Ui,
    actions: &mut Vec<Action>,
    text: impl Into<WidgetText>,
    hint: &str,
    action: impl Into<Action>,
) {
    send(ui, actions, egui::Button::new(text.into()), hint, action);
}

/// A choice of several that sends an action when it is not the current one.
pub fn choice(
    ui: &mut egui::Ui,
    actions: &mut Vec<Action>,
    (chosen, text): (bool, &str),
    hint: &str,
    action: impl Into<Action>,
) {
    send(ui, actions, egui::Button::selectable(chosen, text), hint, action);
}

/// A value that is edited in place: `add` gets a copy, and a change of it is sent.
pub fn edit<T, A: Into<Action>>(
    ui: &mut egui::Ui,
    actions: &mut Vec<Action>,
    mut value: T,
    add: impl FnOnce(&mut egui::Ui, &mut T) -> egui::Response,
    action: impl FnOnce(T) -> A,
) {
    if add(ui, &mut value).changed() {
        actions.push(action(value).into());
    }
}
