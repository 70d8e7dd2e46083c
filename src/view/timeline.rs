//! The time of a dynamic scene and its transport bar.

use std::time::Instant;

use eframe::egui;

use super::app::Viewer;
use super::theme;

/// What happens at the ends of the clip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ends {
    Stop,
    Loop,
    PingPong,
}

/// A clip's clock. Time follows the wall, so that slow frames are dropped and nothing drifts.
#[derive(Debug)]
pub struct Timeline {
    /// Where playing began, in passes of the clip: from 0 to 1, or to 2 where it comes back.
    start: f64,
    since: Option<Instant>,
    /// Seconds of the clip at speed 1.
    pub seconds: f64,
    pub speed: f64,
    pub ends: Ends,
}

impl Default for Timeline {
    fn default() -> Self {
        Self { start: 0.0, since: None, seconds: 4.0, speed: 1.0, ends: Ends::Loop }
    }
}

impl Timeline {
    /// The position after `elapsed` seconds of playing: passes of the clip, the clip's time, and whether it goes on.
    fn after(&self, elapsed: f64) -> (f64, f64, bool) {
        let passes = self.start + elapsed * self.speed / self.seconds.max(1e-3);
        match self.ends {
            Ends::Stop => (passes.clamp(0.0, 1.0), passes.clamp(0.0, 1.0), passes < 1.0),
            Ends::Loop => {
                // The end itself is no beginning: one may scrub to it.
                let time = if (0.0..=1.0).contains(&passes) { passes } else { passes.rem_euclid(1.0) };
                (time, time, true)
            }
            Ends::PingPong => {
                let there = passes.rem_euclid(2.0);
                (there, if there > 1.0 { 2.0 - there } else { there }, true)
            }
        }
    }

    fn elapsed(&self) -> f64 {
        self.since.map_or(0.0, |since| since.elapsed().as_secs_f64())
    }

    /// Time within the clip, 0 to 1.
    pub fn time(&self) -> f32 {
        self.after(self.elapsed()).1 as f32
    }

    pub fn is_playing(&self) -> bool {
        self.since.is_some()
    }

    pub fn toggle(&mut self) {
        match self.since {
            Some(_) => {
                self.start = self.after(self.elapsed()).0;
                self.since = None;
            }
            None => {
                if self.ends == Ends::Stop && self.start >= 1.0 {
                    self.start = 0.0;
                }
                self.since = Some(Instant::now());
            }
        }
    }

    /// Goes to a time, playing on if it was.
    pub fn seek(&mut self, time: f32) {
        self.start = f64::from(time.clamp(0.0, 1.0));
        self.since = self.since.map(|_| Instant::now());
    }

    /// Changes something of the clock without a jump.
    fn change(&mut self, change: impl FnOnce(&mut Self)) {
        self.start = self.after(self.elapsed()).0;
        self.since = self.since.map(|_| Instant::now());
        change(self);
    }

    /// Whether the time has moved; asks for the next frame while it plays.
    pub fn advance(&mut self, context: &egui::Context, dynamic: bool) -> bool {
        if !dynamic || self.since.is_none() {
            return false;
        }
        let (_, _, on) = self.after(self.elapsed());
        if on {
            context.request_repaint();
        } else {
            self.toggle();
        }
        true
    }
}

impl Viewer {
    /// The transport bar under the picture.
    pub(super) fn transport(&mut self, ui: &mut egui::Ui) {
        let bar = egui::Frame::new().fill(theme::PANEL).inner_margin(egui::Margin::symmetric(12, 8));
        egui::Panel::bottom("transport").frame(bar).show(ui, |ui| {
            ui.horizontal(|ui| {
                let clock = &mut self.timeline;
                let word = if clock.is_playing() { "pause" } else { "play" };
                if ui.button(word).on_hover_text("Play or pause (Space)").clicked() {
                    clock.toggle();
                }
                for (sign, by, hint) in [("<", -0.02, "A step back (,)"), (">", 0.02, "A step on (.)")] {
                    if ui.button(sign).on_hover_text(hint).clicked() {
                        let time = clock.time() + by;
                        clock.seek(time);
                    }
                }
                let mut time = clock.time();
                let width = (ui.available_width() - 420.0).max(80.0);
                ui.spacing_mut().slider_width = width;
                let slider =
                    egui::Slider::new(&mut time, 0.0..=1.0).fixed_decimals(3).clamping(egui::SliderClamping::Edits);
                if ui.add(slider).on_hover_text("Time within the clip, from 0 to 1: drag to scrub").changed() {
                    clock.seek(time);
                }
                let (mut speed, mut seconds, mut ends) = (clock.speed, clock.seconds, clock.ends);
                let rate = egui::DragValue::new(&mut speed).range(0.05..=8.0).speed(0.02).suffix(" ×").prefix("speed ");
                ui.add(rate).on_hover_text("How fast the clip plays; 1 is its own rate");
                let length = egui::DragValue::new(&mut seconds).range(0.1..=600.0).speed(0.05).suffix(" s");
                ui.add(length).on_hover_text("How long the clip lasts at speed 1; a scene does not say");
                for (kind, sign, hint) in [
                    (Ends::Stop, "once", "Stop at the end"),
                    (Ends::Loop, "loop", "Start again at the end"),
                    (Ends::PingPong, "back", "Play backwards from the end (ping-pong)"),
                ] {
                    ui.selectable_value(&mut ends, kind, sign).on_hover_text(hint);
                }
                if (speed, seconds, ends) != (clock.speed, clock.seconds, clock.ends) {
                    clock.change(|clock| (clock.speed, clock.seconds, clock.ends) = (speed, seconds, ends));
                }
                self.look.time = clock.time();
            });
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_follows_the_wall_whatever_the_frames_do() {
        let mut clock = Timeline { start: 0.25, seconds: 2.0, ..Timeline::default() };
        assert_eq!(clock.after(0.5).1, 0.5);
        assert_eq!(clock.after(2.0).1, 0.25, "after a whole pass it is where it was");
        clock.seek(1.0);
        assert_eq!((clock.time(), clock.after(0.5).1), (1.0, 0.25), "the end is shown, and left when it plays");
        clock.seek(0.25);
        clock.speed = 2.0;
        assert_eq!(clock.after(0.25).1, 0.5);
        clock.ends = Ends::PingPong;
        assert_eq!(clock.after(1.0).1, 0.75, "1.25 passes are a quarter of the way back");
        clock.ends = Ends::Stop;
        assert_eq!(clock.after(10.0), (1.0, 1.0, false));
        clock.toggle();
        clock.toggle();
        assert!(!clock.is_playing());
        clock.seek(2.0);
        assert_eq!(clock.time(), 1.0);
    }
}
