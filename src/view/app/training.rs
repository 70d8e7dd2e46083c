//! Following a training in progress: what it has for the window, and when its growing scene is drawn.

use std::sync::mpsc::TryRecvError;
use std::time::{Duration, Instant};

use anyhow::anyhow;
use eframe::egui::{self, ViewportCommand};

use crate::model::Model;
use crate::scene::Normalisation;
use crate::train::run::folder::RunFolder;
use crate::view::state::document::Document;
use crate::view::text::full_path;
use crate::view::work::training::{End, Live, LiveTraining, News, Phase};

use super::viewer::Viewer;

/// The window draws a growing scene by itself at most so often, and such that it trains [`SHARE`] times as long as it
/// draws. While the view is moved, that goes before.
const REFRESH: Duration = Duration::from_millis(500);
const SHARE: f64 = 10.0;
/// Time between two looks at how far the training is; they cost no picture of the scene.
const STATUS: Duration = Duration::from_millis(1000);

/// When the growing scene is next drawn by itself, after a picture that took so many milliseconds.
fn refresh_after(milliseconds: f64) -> Duration {
    REFRESH.max(Duration::from_secs_f64((milliseconds * SHARE * 1e-3).clamp(0.0, 60.0)))
}

impl Viewer {
    /// Follows a training that somebody else has started, and that outlives the window.
    pub(in crate::view) fn follow(&mut self, live: Live) {
        self.jobs.training = Some(LiveTraining { live, thread: None });
    }

    /// Takes what the training has for the window, and has the growing scene drawn now and then.
    pub(super) fn receive_training(&mut self, context: &egui::Context) {
        while let Some(training) = &self.jobs.training {
            match training.live.news.try_recv() {
                Ok(News::Ready(ready)) => {
                    let (document, model, frame) = *ready;
                    self.show_model(document, model, &frame);
                }
                Ok(News::Grown(model)) if self.state.is_growing() => self.canvas.renew(*model),
                Ok(News::Grown(_)) => {}
                Ok(News::Saved(result)) => self.notify_result(result),
                Ok(News::Ended(ended)) => self.training_ended(context, ended),
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => {
                    self.training_ended(context, Err("the training broke off".into()));
                }
            }
        }
        let Some(training) = self.jobs.training.as_ref().filter(|_| self.state.is_growing()) else { return };
        let (gaussians, step, phase) = {
            let status = training.live.status();
            (status.gaussians, status.step, status.phase)
        };
        let wait = refresh_after(self.cost.frame);
        if self.refreshed.is_none_or(|(since, seen)| seen != step && since.elapsed() >= wait) {
            self.refreshed = Some((Instant::now(), step));
            self.canvas.set_len(gaussians);
            self.redraw();
        }
        // While it is paused, nothing changes but by what is asked for.
        if phase != Phase::Paused {
            context.request_repaint_after(wait.min(STATUS));
        }
    }

    /// Shows the model in training, without the cameras' frames, which would lie over it; the view stays where the same
    /// capture was shown before.
    fn show_model(&mut self, document: Document, model: Model, frame: &Normalisation) {
        let same = |shown: &Document| match (&shown.capture, &document.capture) {
            (Some(a), Some(b)) => a.root == b.root,
            _ => false,
        };
        let is_same = self.state.document.as_ref().is_some_and(same);
        // Of a capture without points, all cameras were seen from afar.
        let moved = |shown: &Document| !shown.scene.is_empty() || shown.first_eye() != self.state.eye;
        let keeps_eye = is_same && self.state.document.as_ref().is_some_and(moved);
        let eye = self.state.eye;
        let path = std::mem::take(&mut self.state.keys);
        if let Err(error) = self.enter(document, false) {
            return self.fail(error);
        }
        if keeps_eye {
            self.state.eye = eye;
        }
        if is_same {
            self.state.keys = path;
        }
        if let Some(document) = &self.state.document {
            self.state.settings.sh_degree = model.sh_degree();
            self.state.settings.antialiased = document.config.as_ref().is_some_and(|config| config.antialiased);
        }
        self.canvas.adopt(model, frame);
        (self.state.training.is_shown, self.refreshed) = (true, None);
        self.redraw();
    }

    fn training_ended(&mut self, context: &egui::Context, ended: Result<End, String>) {
        let Some(LiveTraining { live, .. }) = self.jobs.training.take() else { return };
        if (live.interrupted)() {
            context.send_viewport_cmd(ViewportCommand::Close);
        }
        let mut stopped = None;
        match ended {
            Ok(End::Done) => {
                self.notify(format!("the training is done; scene.ply and report.html are in {}", full_path(&live.out)));
            }
            Ok(End::Stopped(step)) => {
                stopped = Some(step);
                self.notify(format!("stopped after step {step}; it can go on from there"));
            }
            Err(error) => self.fail(anyhow!("the training broke off: {error}")),
        }
        // From here on the run is what its folder holds.
        if std::mem::take(&mut self.state.training.is_shown) {
            self.state.training.forget();
            self.state.training.stopped = stopped;
            if RunFolder::exists(&live.out) {
                self.start_opening(context, &live.out, true);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_takes_a_small_share() {
        assert_eq!(refresh_after(2.0), REFRESH);
        let long = refresh_after(100.0).as_secs_f64();
        assert!(0.1 / (0.1 + long) < 0.1 && long < 2.0);
        assert!(refresh_after(f64::MAX) <= Duration::from_secs(60), "it never stands still for good");
    }
}
