//! Every option of a training run: the usual ones, and all of them under their headings or by a search.

use eframe::egui::{self, RichText};

use crate::view::action::{Action, TrainAction};
use crate::view::state::State;
use crate::view::state::run_options::{RunOption, RunOptions, all};
use crate::view::theme;

use super::widgets::{edit, quiet, row, rows};

/// The options that most runs set, which are shown first.
const USUAL: [&str; 4] = ["steps", "cap_max", "max_resolution", "sh_degree"];
/// The option that matters for a capture in time.
const STATIC: &str = "static";
/// Options that have no effect on a run in the window, and why.
const FIXED: [(&str, &str); 1] =
    [("adapter", "A run in the window uses the window's adapter; `dapple view --adapter` chooses it.")];

/// The fields of the usual options.
pub fn show_usual(ui: &mut egui::Ui, state: &State, actions: &mut Vec<Action>) {
    let is_dynamic = state.capture().is_some_and(|capture| capture.is_dynamic());
    let is_usual = |option: &&RunOption| USUAL.contains(&option.key.as_str()) || is_dynamic && option.key == STATIC;
    fields(ui, "usual", &state.training.options, all().iter().filter(is_usual), actions);
}

/// The fields of all options, under their headings, or of those that are searched for.
pub fn show_all(ui: &mut egui::Ui, state: &State, actions: &mut Vec<Action>) {
    let training = &state.training;
    let wanted = training.search.trim().to_lowercase();
    let header = egui::CollapsingHeader::new(format!("All {} options", all().len())).id_salt("all options");
    header.open((!wanted.is_empty()).then_some(true)).show(ui, |ui| {
        let search = |ui: &mut egui::Ui, text: &mut String| {
            let hint = RichText::new("search names and descriptions").color(theme::QUIET);
            ui.add(egui::TextEdit::singleline(text).hint_text(hint).desired_width(230.0))
        };
        edit(ui, actions, training.search.clone(), search, TrainAction::SetSearch);
        if wanted.is_empty() {
            groups(ui, &training.options, actions);
            return;
        }
        let found: Vec<_> = all().iter().filter(|option| option.matches(&wanted)).collect();
        if found.is_empty() {
            ui.label(quiet("no option has this in its name or description"));
        }
        fields(ui, "found", &training.options, found.into_iter(), actions);
    });
}

fn groups(ui: &mut egui::Ui, options: &RunOptions, actions: &mut Vec<Action>) {
    let mut headings: Vec<&str> = all().iter().map(|option| option.heading.as_str()).collect();
    headings.dedup();
    for heading in headings {
        let group = || all().iter().filter(|option| option.heading == heading);
        let changed = group().filter(|option| options.is_changed(option)).count();
        let title = if changed > 0 { format!("{heading} ({changed} changed)") } else { heading.to_string() };
        egui::CollapsingHeader::new(RichText::new(title).small()).id_salt(("options", heading)).show(ui, |ui| {
            fields(ui, heading, options, group(), actions);
        });
    }
}

fn fields<'a>(
    ui: &mut egui::Ui,
    name: &str,
    options: &RunOptions,
    list: impl Iterator<Item = &'a RunOption>,
    actions: &mut Vec<Action>,
) {
    rows(ui, name, |ui| {
        for option in list {
            let fixed = FIXED.iter().find(|(key, _)| *key == option.key).map(|(_, why)| *why);
            let label = row(ui, &option.name, fixed.unwrap_or(&hint(option)));
            let set = |text: String| TrainAction::SetOption(option.key.clone(), text);
            ui.add_enabled_ui(fixed.is_none(), |ui| {
                let value = options.value(option).to_string();
                edit(ui, actions, value, |ui, text| field(ui, options, option, text).labelled_by(label), set);
            });
            ui.end_row();
            if let Some(error) = options.error(option) {
                ui.label("");
                ui.add(egui::Label::new(RichText::new(error).small().color(theme::BAD)).wrap());
                ui.end_row();
            }
        }
    });
}

fn hint(option: &RunOption) -> String {
    let RunOption { name, help, default, .. } = option;
    // Options that are unset by default tell in their help what happens then.
    let default = if default.is_empty() { String::new() } else { format!("\nDefault: {default}.") };
    format!("{help}.\nThe same as --{name}.{default}")
}

/// A switch, a choice or a line of text, as the option's values want it.
fn field(ui: &mut egui::Ui, options: &RunOptions, option: &RunOption, text: &mut String) -> egui::Response {
    if option.is_switch() {
        let mut on = text == "true";
        let response = ui.checkbox(&mut on, "");
        *text = on.to_string();
        return response;
    }
    if option.choices.is_empty() {
        let colour = if options.is_changed(option) { theme::TEXT } else { theme::QUIET };
        let hint = if option.default.is_empty() { "not set" } else { &option.default };
        let field = egui::TextEdit::singleline(text).hint_text(hint).text_color(colour);
        return ui.add(field.desired_width(120.0));
    }
    let shown = if text.is_empty() { "not set" } else { text.as_str() };
    let combo = egui::ComboBox::from_id_salt(&option.key).width(104.0).selected_text(shown.to_string());
    let combo = combo.show_ui(ui, |ui| {
        // An option without a default can be unset again.
        let unset = option.default.is_empty().then_some("");
        let mut changed = false;
        for choice in unset.into_iter().chain(option.choices.iter().map(String::as_str)) {
            let name = if choice.is_empty() { "not set" } else { choice };
            changed |= ui.selectable_value(text, choice.to_string(), name).changed();
        }
        changed
    });
    let mut response = combo.response;
    if combo.inner == Some(true) {
        response.mark_changed();
    }
    response
}
