//! The one place where what the user does changes the viewer.

use eframe::egui::{self, ViewportCommand};

use crate::view::action::{Action, PathAction, TimeAction, ViewAction};
use crate::view::state::compare::Layout;
use crate::view::state::edit::{Join, Tool};
use crate::view::state::probe::PixelProbe;
use crate::view::state::viewer_state::Section;

use super::viewer::Viewer;

impl Viewer {
    /// Does what the user asks for.
    pub fn apply(&mut self, context: &egui::Context, action: impl Into<Action>) {
        match action.into() {
            Action::File(action) => self.apply_file(context, action),
            Action::View(action) => self.apply_view(context, action),
            Action::Camera(action) => self.apply_camera(context, action),
            Action::Path(action) => self.apply_path(action),
            Action::Edit(action) => self.apply_edit(action),
            Action::Time(action) => self.apply_time(action),
            Action::Train(action) => self.apply_training(context, action),
        }
    }

    /// Does several things in order.
    pub(super) fn apply_all(&mut self, context: &egui::Context, actions: Vec<Action>) {
        for action in actions {
            self.apply(context, action);
        }
    }

    fn apply_view(&mut self, context: &egui::Context, action: ViewAction) {
        let state = &mut self.state;
        match action {
            ViewAction::SetMode(mode, form) => (state.settings.mode, state.settings.form) = (mode, form),
            ViewAction::SetSplatSize(size) => state.settings.splat_size = size,
            ViewAction::SetShDegree(degree) => state.settings.sh_degree = degree,
            ViewAction::SetBackground(colour) => state.settings.background = colour,
            ViewAction::SetAntialiased(on) => state.settings.antialiased = on,
            ViewAction::SetRange(range) => state.settings.range = range,
            ViewAction::SetLayout(layout) => state.compare.layout = layout,
            ViewAction::NextLayout => {
                state.compare.layout = state.compare.layout.next();
                if state.compare.layout != Layout::Off && state.through.is_none() {
                    self.visit_next(0);
                }
            }
            ViewAction::MoveWipe(share) => state.compare.wipe = share,
            ViewAction::ToggleProbe => {
                state.probe = PixelProbe::switched(!state.probe.on);
                if state.probe.on && state.has_scene() {
                    self.notify("point at the picture; a click holds the pixel, T or Esc ends");
                }
            }
            ViewAction::PinProbe(at) => state.probe.pin(at),
            ViewAction::ToggleFigures => state.figures = !state.figures,
            ViewAction::ToggleCameras => state.shots.visible = !state.shots.visible,
            ViewAction::TogglePanels => state.panels_hidden = !state.panels_hidden,
            ViewAction::ToggleHelp => state.help = !state.help,
            ViewAction::ToggleFullScreen => {
                let full = context.input(|input| input.viewport().fullscreen.unwrap_or(false));
                context.send_viewport_cmd(ViewportCommand::Fullscreen(!full));
            }
            ViewAction::Escape => self.escape(),
        }
    }

    /// Closes the help, shows the panels, drops the selection, and puts tool and probe away.
    fn escape(&mut self) {
        (self.state.help, self.state.panels_hidden) = (false, false);
        if !self.state.has_document() {
            return;
        }
        self.state.probe = PixelProbe::default();
        if self.state.edit.selected() > 0 {
            self.select(Join::Replace, |_, _| false, true);
        }
        (self.state.edit.tool, self.state.edit.rectangle_start) = (Tool::None, None);
    }

    fn apply_time(&mut self, action: TimeAction) {
        let is_dynamic = self.state.is_dynamic();
        let clock = &mut self.state.timeline;
        match action {
            TimeAction::PlayPause if !is_dynamic => return self.state.keys.toggle(),
            TimeAction::PlayPause => clock.toggle(),
            TimeAction::Step { forward } => clock.step_by(forward),
            TimeAction::Seek(time) => clock.seek(time),
            TimeAction::SetSpeed(speed) => clock.change(|clock| clock.speed = speed),
            TimeAction::SetSeconds(seconds) => clock.change(|clock| clock.seconds = seconds),
            TimeAction::SetEnds(ends) => clock.change(|clock| clock.ends = ends),
            TimeAction::SetSnaps(snaps) => clock.set_snaps(snaps),
        }
        self.state.settings.time = self.state.timeline.time();
    }

    fn apply_path(&mut self, action: PathAction) {
        let state = &mut self.state;
        match action {
            PathAction::AddKey => {
                if state.keys.keys.is_empty() {
                    state.revealed = Some(Section::Path);
                }
                state.keys.keys.push(state.key_here());
                let count = state.keys.keys.len();
                self.notify(format!("key frame {count} added to the camera path"));
            }
            PathAction::ReplaceKey(index) => {
                let here = state.key_here();
                if let Some(key) = state.keys.keys.get_mut(index) {
                    *key = here;
                    self.notify(format!("key frame {} is this view now", index + 1));
                }
            }
            PathAction::RemoveKey(index) => {
                if index < state.keys.keys.len() {
                    state.keys.keys.remove(index);
                }
            }
            PathAction::VisitKey(index) => {
                let Some(key) = state.keys.keys.get(index).copied() else { return };
                if let Some(time) = key.time.filter(|_| state.is_dynamic()) {
                    state.seek(time);
                }
                state.go(key.eye, None);
            }
            PathAction::TogglePreview => state.keys.toggle(),
            PathAction::SetSeconds(seconds) => state.keys.seconds = seconds,
            PathAction::SetFramesPerSecond(rate) => state.keys.frames_per_second = rate,
            PathAction::SetClosed(closed) => state.keys.closed = closed,
            PathAction::SetSize(size) => state.keys.size = size,
            PathAction::CancelExport => {
                if let Some(export) = &self.jobs.export {
                    export.task.cancel();
                }
            }
        }
    }
}
