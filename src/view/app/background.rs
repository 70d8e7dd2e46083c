//! The changes that time and other threads bring in each frame.

use std::time::{Duration, Instant};

use anyhow::Result;
use eframe::egui;
use glam::Vec3;

use crate::view::action::{Action, FileAction};
use crate::view::draw::photo::Photo;
use crate::view::state::compare::Layout;
use crate::view::state::document::Kind;
use crate::view::state::edit::Edit;
use crate::view::work::photos;

use super::viewer::Viewer;

/// Time between two checks of whether a run has saved a newer scene.
const CHECK: Duration = Duration::from_secs(2);
/// Time between two frames of the window while an export or a file is written.
const WAIT: Duration = Duration::from_millis(250);
/// Size of a picture before the first, pixels.
const SIZE: (u32, u32) = (960, 540);

impl Viewer {
    /// Takes what other threads have finished.
    pub(super) fn receive(&mut self, context: &egui::Context) {
        if let Some((ask, path)) = self.jobs.dialogs.poll() {
            self.apply(context, Action::File(FileAction::Use(ask, path)));
        }
        self.receive_document();
        self.receive_saved(context);
        self.receive_export(context);
        self.receive_photos(context);
        self.receive_thumbnail(context);
        self.check_run(context);
        self.receive_training(context);
        if let Err(error) = self.refine(context) {
            self.jobs.refining = None;
            self.fail(error.context("the scene stays as it is"));
        }
    }

    /// Shows the levels of detail that have been read, and has those read that the camera needs; what is selected or
    /// deleted are Gaussians of those that are there, which then stay.
    fn refine(&mut self, context: &egui::Context) -> Result<()> {
        let Some(refining) = &mut self.jobs.refining else { return Ok(()) };
        let picked = refining.poll()?;
        let stays = self.state.edit.is_dirty() || self.state.edit.selected() > 0;
        if stays && picked.is_some() {
            refining.again();
        }
        let Some(document) = self.state.document.as_mut().filter(|_| !stays) else { return Ok(()) };
        if let Some(scene) = picked {
            self.canvas.load(&scene, &document.frame)?;
            document.scene = scene;
            if self.state.edit.can_undo() || self.state.edit.can_redo() {
                self.state.edit = Edit::of(document);
            }
            self.redraw();
        }
        let size = self.drawn.map_or(SIZE, |drawn| (drawn.camera.lens.width, drawn.camera.lens.height));
        let camera = self.state.camera(size);
        self.jobs.refining.as_mut().map_or(Ok(()), |refining| refining.look(context, &camera))
    }

    fn receive_document(&mut self) {
        let Some(result) = self.jobs.opening.as_ref().and_then(|opening| opening.task.poll()) else { return };
        let again = self.jobs.opening.take().is_some_and(|opening| opening.again);
        self.state.opening = None;
        match result.flatten().and_then(|document| self.enter(document, again)) {
            Ok(()) => {}
            // A file that is being written is read again later.
            Err(error) if again => log::debug!("not read again: {error:#}"),
            Err(error) => self.fail(error),
        }
    }

    fn receive_saved(&mut self, context: &egui::Context) {
        let Some(saving) = &self.jobs.saving else { return };
        let Some(result) = saving.task.poll() else { return context.request_repaint_after(WAIT) };
        let saved = self.jobs.saving.take().map(|saving| saving.state);
        let result = result.flatten();
        if let (Ok(_), Some(state)) = (&result, saved) {
            self.state.edit.note_saved(state);
        }
        self.notify_result(result);
    }

    fn receive_export(&mut self, context: &egui::Context) {
        let Some(export) = &self.jobs.export else { return };
        let Some(result) = export.task.poll() else { return context.request_repaint_after(WAIT) };
        self.jobs.export = None;
        self.notify_result(result.flatten());
    }

    /// Takes the photo that was read, and has the one read that is compared with.
    fn receive_photos(&mut self, context: &egui::Context) {
        if let Some((shot, task)) = &self.jobs.photo
            && let Some(result) = task.poll()
        {
            let shot = *shot;
            self.jobs.photo = None;
            match result.flatten() {
                Ok(target) => self.comparison.photo = Some(Photo::new(context, shot, target)),
                Err(error) => {
                    self.comparison.unreadable = Some(shot);
                    self.fail(error);
                }
            }
        }
        let (Some(shot), true) = (self.state.through, self.state.compare.layout != Layout::Off) else { return };
        let known = self.comparison.photo_of(shot).is_some() || self.comparison.unreadable == Some(shot);
        let Some(capture) = self.state.capture().filter(|_| !known && self.jobs.photo.is_none()) else { return };
        let background = Vec3::from_array(self.state.settings.background);
        match photos::read(context, capture.clone(), shot, background) {
            Ok(task) => self.jobs.photo = Some((shot, task)),
            Err(error) => self.fail(error),
        }
    }

    /// Takes a thumbnail, and has the next one read of those whose rows are on the screen.
    fn receive_thumbnail(&mut self, context: &egui::Context) {
        if let Some((shot, task)) = &self.jobs.thumbnail {
            let Some(result) = task.poll() else { return };
            self.thumbnails.add(context, *shot, result.ok().flatten());
            self.jobs.thumbnail = None;
        }
        let Some(capture) = self.state.capture() else { return };
        let listed = self.state.shots.listed.clone();
        let mut wanted = listed.filter(|&shot| shot < capture.shots.len() && self.thumbnails.get(shot).is_none());
        let Some(shot) = wanted.next() else { return };
        match photos::thumbnail(context, capture.clone(), shot) {
            Ok(task) => self.jobs.thumbnail = Some((shot, task)),
            Err(error) => self.fail(error),
        }
    }

    /// Reads a run's scene again once another process has saved a newer one, and its records.
    fn check_run(&mut self, context: &egui::Context) {
        let Some(document) = &self.state.document else { return };
        if document.kind == Kind::Capture {
            self.state.training.name_folder(&document.path);
        }
        if document.kind != Kind::Run || self.state.is_growing() {
            return;
        }
        context.request_repaint_after(CHECK);
        if self.jobs.training.is_none() {
            self.state.training.read_records(&document.path);
        }
        let busy = self.jobs.opening.is_some() || self.state.edit.is_dirty();
        if self.checked.elapsed() < CHECK || busy {
            return;
        }
        self.checked = Instant::now();
        if document.is_stale() {
            let path = document.path.clone();
            self.start_opening(context, &path, true);
        }
    }

    /// Moves what moves by itself: the clip, the camera path, the eye on its way.
    pub(super) fn advance(&mut self, context: &egui::Context) {
        let state = &mut self.state;
        if state.is_dynamic() && state.timeline.advance() {
            state.settings.time = state.timeline.time();
            context.request_repaint();
        }
        if let Some(key) = state.keys.advance() {
            (state.eye, state.through) = (key.eye, None);
            if let Some(time) = key.time.filter(|_| state.is_dynamic()) {
                state.timeline.pause();
                state.seek(time);
            }
            context.request_repaint();
        }
        if let Some(transition) = &state.transition {
            let (eye, has_arrived) = transition.now();
            state.eye = eye;
            if has_arrived {
                state.through = transition.through;
                state.transition = None;
            }
            context.request_repaint();
        }
    }
}
