//! Opening, saving and leaving.

use std::path::Path;

use eframe::egui::{self, ViewportCommand};
use glam::DVec3;

use crate::scene::{Normalisation, Scene};
use crate::view::action::FileAction;
use crate::view::state::ask::Ask;
use crate::view::state::keypath::{Key, KeyPath};
use crate::view::state::unsaved_changes::Leave;
use crate::view::state::view_settings::ViewSettings;
use crate::view::text::full_path;
use crate::view::work::files::{Opening, Saving};
use crate::view::work::path_export::{Order, Output, PathExport};
use crate::view::work::training::Command;

use super::viewer::Viewer;

impl Viewer {
    pub(super) fn apply_file(&mut self, context: &egui::Context, action: FileAction) {
        match action {
            FileAction::Ask(ask) => self.ask(context, ask),
            FileAction::Use(ask, path) => self.use_path(context, ask, &path),
            FileAction::Leave(to) => self.leave(context, to),
            FileAction::LeaveWithoutSaving => {
                if let Some(to) = self.state.unsaved.asked.take() {
                    self.depart(context, to);
                }
            }
            FileAction::Stay => self.state.unsaved.asked = None,
            FileAction::SaveAndLeave(ask) => {
                if let Some(to) = self.state.unsaved.asked.take() {
                    let count = self.state.unsaved_changes(&to).len();
                    self.ask(context, ask);
                    self.state.unsaved.after_saving = Some((to, count));
                }
            }
            FileAction::SetTypedPath(text) => self.state.typed_path = text,
            FileAction::SetDialogText(text) => self.jobs.dialogs.type_text(text),
            FileAction::ConfirmDialog => {
                if let Some((ask, path)) = self.jobs.dialogs.confirm() {
                    self.use_path(context, ask, &path);
                }
            }
            FileAction::CancelDialog => self.jobs.dialogs.cancel(),
            FileAction::SaveNextPicture => self.save_next_picture(),
            FileAction::SetPictureSize(size) => self.state.picture_size = size,
            FileAction::CloseNotice(index) => self.state.notices.close(index),
        }
    }

    fn ask(&mut self, context: &egui::Context, ask: Ask) {
        if let Err(error) = self.jobs.dialogs.ask(context, ask) {
            self.fail(error);
        }
    }

    /// Does what a path was asked for.
    fn use_path(&mut self, context: &egui::Context, ask: Ask, path: &Path) {
        match ask {
            Ask::OpenFile | Ask::OpenFolder => self.leave(context, Leave::Open(path.to_path_buf())),
            Ask::SaveScene => self.save_scene(context, path),
            Ask::SavePicture => self.save_picture(path),
            Ask::SavePath => self.save_path(path),
            Ask::OpenPath => self.open_path(path),
            Ask::RunFolder => self.state.training.choose_folder(path.to_path_buf()),
            Ask::ExportImages => self.export_path(context, Output::Images, path),
            Ask::ExportVideo => self.export_path(context, Output::Video, path),
        }
    }

    /// Starts to open something on a thread.
    pub fn open(&mut self, context: &egui::Context, path: &Path) {
        self.start_opening(context, path, false);
    }

    /// Starts to read a document; `again` keeps the view.
    pub(super) fn start_opening(&mut self, context: &egui::Context, path: &Path, again: bool) {
        match Opening::start(context, path, again, self.budget) {
            Ok(opening) => {
                self.state.opening = (!again).then(|| path.to_path_buf());
                self.jobs.opening = Some(opening);
            }
            Err(error) => self.fail(error),
        }
    }

    /// Leaves the scene: at once where nothing is lost, else after a question.
    pub(super) fn leave(&mut self, context: &egui::Context, to: Leave) {
        if self.state.unsaved_changes(&to).is_empty() {
            self.depart(context, to);
        } else {
            self.state.unsaved.asked = Some(to);
        }
    }

    fn depart(&mut self, context: &egui::Context, to: Leave) {
        match to {
            Leave::Open(path) => self.open(context, &path),
            Leave::Train => self.resume_training(context),
            Leave::Close => {
                (self.state.document, self.state.training.is_shown, self.drawn) = (None, false, None);
                self.jobs.refining = None;
                self.state.notices.clear();
                if let Err(error) = self.canvas.load(&Scene::default(), &Normalisation::IDENTITY) {
                    self.fail(error);
                }
                self.redraw();
            }
            Leave::Quit => {
                self.state.unsaved.may_quit = true;
                context.send_viewport_cmd(ViewportCommand::Close);
            }
        }
    }

    /// Holds the window open while something would be lost, and leaves once it is saved.
    pub(super) fn watch_leaving(&mut self, context: &egui::Context) {
        let closes = context.input(|input| input.viewport().close_requested());
        let unsaved = &self.state.unsaved;
        if closes && !unsaved.may_quit && !self.state.unsaved_changes(&Leave::Quit).is_empty() {
            context.send_viewport_cmd(ViewportCommand::CancelClose);
            self.state.unsaved.asked = Some(Leave::Quit);
        }
        if self.jobs.dialogs.is_open() || self.jobs.saving.is_some() {
            return;
        }
        // Where nothing came to be saved, the scene stays; what else is unsaved is asked about.
        if let Some((to, count)) = self.state.unsaved.after_saving.take()
            && self.state.unsaved_changes(&to).len() < count
        {
            self.leave(context, to);
        }
    }

    /// Writes what is left of the scene, on a thread.
    fn save_scene(&mut self, context: &egui::Context, path: &Path) {
        if self.state.is_growing() {
            return self.ask_training(Command::Save(path.to_path_buf()));
        }
        let Some(document) = &self.state.document else { return };
        let scene = self.state.edit.result(&document.scene);
        let state = self.state.edit.state.clone();
        match Saving::start(context, scene, path, self.state.settings.time, state) {
            Ok(saving) => self.jobs.saving = Some(saving),
            Err(error) => self.fail(error),
        }
    }

    fn save_path(&mut self, path: &Path) {
        let keys = &mut self.state.keys;
        match keys.save(path, keys.size) {
            Ok(()) => {
                keys.note_saved();
                self.notify(format!("saved {}; dapple render --path takes it too", full_path(path)));
            }
            Err(error) => self.fail(error),
        }
    }

    fn open_path(&mut self, path: &Path) {
        let focus = self.state.document.as_ref().map_or(DVec3::ZERO, |document| document.ring.centre);
        match KeyPath::open(path, focus, self.state.eye.up) {
            Ok(keys) => {
                self.state.keys = keys;
                self.state.keys.note_saved();
            }
            Err(error) => self.fail(error),
        }
    }

    /// Starts to export the camera path.
    fn export_path(&mut self, context: &egui::Context, output: Output, path: &Path) {
        if self.jobs.export.is_some() {
            return self.notify("an export is in progress; wait for it or cancel it");
        }
        // What the crop box leaves out is no part of the export, as it is none of a saved scene.
        let mut settings = ViewSettings { dim_outside: false, ..self.state.picture_settings() };
        if settings.has_range() {
            // One range for all images, or their colours would flicker.
            settings.range = Some(self.canvas.range(&settings));
        }
        let (width, height) = self.state.keys.size;
        let frame = |key: Key| {
            let time = key.time.unwrap_or(settings.time);
            (key.eye.camera(width, height), ViewSettings { time, ..settings })
        };
        let order = Order {
            output,
            path: path.to_path_buf(),
            frames: self.state.keys.moments().into_iter().map(frame).collect(),
            frames_per_second: self.state.keys.frames_per_second,
            canvas: self.canvas.fork(),
        };
        match PathExport::start(order, context) {
            Ok(export) => self.jobs.export = Some(export),
            Err(error) => self.fail(error),
        }
    }
}
