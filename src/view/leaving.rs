//! A question before work is lost: another scene, or the end, where edits or a camera path are not saved.

use std::path::PathBuf;

use eframe::egui::{self, RichText, ViewportCommand};

use crate::scene::{Normalisation, Scene};

use super::app::Viewer;
use super::dialogs::Ask;
use super::theme;

/// Where to, from the scene that is shown.
#[derive(Clone, Debug, PartialEq)]
pub enum Leave {
    Open(PathBuf),
    /// To the training of the run that is shown, which goes on from its checkpoint and keeps the camera path.
    Train,
    Close,
    Quit,
}

/// What is asked at the moment.
#[derive(Default)]
pub struct Leaving {
    asked: Option<Leave>,
    /// Where to once something is saved, and of how many things.
    saving: Option<(Leave, usize)>,
    /// Whether the window may close, whatever is not saved.
    agreed: bool,
}

impl Viewer {
    /// Leaves the scene: at once where nothing is lost, else after a question.
    pub(super) fn leave(&mut self, context: &egui::Context, to: Leave) {
        if self.unsaved(&to).is_empty() {
            self.depart(context, to);
        } else {
            self.leaving.asked = Some(to);
        }
    }

    /// What would be lost, and what saves it.
    fn unsaved(&self, to: &Leave) -> Vec<(&'static str, Ask)> {
        if self.document.is_none() {
            return Vec::new();
        }
        let edits = self.edit.is_unsaved().then_some(("what was cropped and deleted", Ask::SaveScene));
        let path = (self.keys.is_unsaved() && *to != Leave::Train).then_some(("the camera path", Ask::SavePath));
        edits.into_iter().chain(path).collect()
    }

    fn depart(&mut self, context: &egui::Context, to: Leave) {
        match to {
            Leave::Open(path) => self.open(context, &path),
            Leave::Train => self.resume_training(context),
            Leave::Close => {
                (self.document, self.training.on_stage, self.drawn) = (None, false, None);
                self.notices.clear();
                if let Err(error) = self.stage.load(&Scene::default(), &Normalisation::IDENTITY) {
                    self.fail(error);
                }
            }
            Leave::Quit => {
                self.leaving.agreed = true;
                context.send_viewport_cmd(ViewportCommand::Close);
            }
        }
    }

    /// Holds the window open while something would be lost, and asks.
    pub(super) fn watch_leaving(&mut self, context: &egui::Context) {
        let closes = context.input(|input| input.viewport().close_requested());
        if closes && !self.leaving.agreed && !self.unsaved(&Leave::Quit).is_empty() {
            context.send_viewport_cmd(ViewportCommand::CancelClose);
            self.leaving.asked = Some(Leave::Quit);
        }
        self.leave_once_saved(context);
        let Some(to) = self.leaving.asked.clone() else { return };
        let unsaved = self.unsaved(&to);
        let names: Vec<&str> = unsaved.iter().map(|&(name, _)| name).collect();
        let (mut stays, mut leaves, mut saves) = (false, false, None);
        let modal = egui::Modal::new(egui::Id::unique("leaving")).show(context, |ui| {
            ui.label(RichText::new("Not saved yet").strong().color(theme::ACCENT));
            ui.label(format!("{} would be lost.", names.join(" and ")));
            ui.add_space(8.0);
            ui.horizontal(|ui| {
                for &(_, ask) in &unsaved {
                    let word = if ask == Ask::SavePath { "Save the path …" } else { "Save the scene …" };
                    if ui.button(word).clicked() {
                        saves = Some(ask);
                    }
                }
                leaves = ui.button("Leave without saving").clicked();
                stays = ui.button("Stay").on_hover_text("Esc").clicked();
            });
        });
        if leaves {
            self.leaving.asked = None;
            self.depart(context, to.clone());
        } else if stays || saves.is_some() || unsaved.is_empty() || modal.should_close() {
            self.leaving.asked = None;
        }
        if let Some(ask) = saves {
            self.dialogs.ask(context, ask, false, if ask == Ask::SavePath { "path.json" } else { "scene.ply" });
            self.leaving.saving = Some((to, unsaved.len()));
        }
    }

    /// Goes where it was asked for once what the question has saved is on disk; asks again for the rest, and stays where
    /// nothing came to be saved.
    fn leave_once_saved(&mut self, context: &egui::Context) {
        if self.dialogs.is_open() || self.edit.is_saving() {
            return;
        }
        if let Some((to, count)) = self.leaving.saving.take()
            && self.unsaved(&to).len() < count
        {
            self.leave(context, to);
        }
    }
}
