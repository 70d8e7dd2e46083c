//! Starting a run, and asking things of one in progress.

use anyhow::Result;
use eframe::egui;

use crate::train::Start;
use crate::view::action::TrainAction;
use crate::view::state::run_options::RunOptions;
use crate::view::state::unsaved_changes::Leave;
use crate::view::work::training::{Command, Hooks, Live, LiveTraining};

use super::viewer::Viewer;

impl Viewer {
    pub(super) fn apply_training(&mut self, context: &egui::Context, action: TrainAction) {
        let training = &mut self.state.training;
        match action {
            TrainAction::SetOption(key, value) => training.options.set(&key, value),
            TrainAction::SetFolder(folder) => training.folder = folder,
            TrainAction::SetSearch(text) => training.search = text,
            TrainAction::Start => {
                let Some(document) = &self.state.document else { return };
                let start = training.start(&document.path);
                self.begin_training(context, start);
            }
            TrainAction::TrainAnew => {
                let config = self.state.document.as_ref().and_then(|document| document.config.as_ref());
                let Some(config) = config else { return };
                // What that run was asked for is where changes start from.
                training.options = RunOptions::of(config);
                let capture = config.capture.clone();
                self.leave(context, Leave::Open(capture));
            }
            TrainAction::Pause(pause) => self.ask_training(Command::Pause(pause)),
            TrainAction::Step => self.ask_training(Command::Step),
            TrainAction::Stop => self.ask_training(Command::Stop),
            TrainAction::Show => self.ask_training(Command::Show),
        }
    }

    /// Goes on with the run that is shown.
    pub(super) fn resume_training(&mut self, context: &egui::Context) {
        if let Some(document) = &self.state.document {
            let start = Start::resumed(document.path.clone());
            self.begin_training(context, start);
        }
    }

    fn begin_training(&mut self, context: &egui::Context, start: Result<Start>) {
        let gpu = self.canvas.gpu().clone();
        match start.and_then(|start| Live::start(start, &gpu, Hooks::default(), context.clone())) {
            Ok((live, thread)) => self.jobs.training = Some(LiveTraining { live, thread: Some(thread) }),
            Err(error) => self.fail(error),
        }
    }

    pub(super) fn ask_training(&mut self, command: Command) {
        if let Some(training) = &self.jobs.training {
            training.live.ask(command);
        }
    }
}
