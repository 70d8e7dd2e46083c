//! Progress of commands that work in stages: a bar on a terminal, plain lines elsewhere, each with the time left.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{HumanDuration, ProgressBar, ProgressStyle};
use serde_json::json;

use super::events;
use super::progress::the_bar;
use crate::photos::Event;

/// Interval between plain lines, and between events.
const INTERVAL: Duration = Duration::from_secs(5);
/// Parts of a stage's bar.
const PARTS: u64 = 1000;
/// Share of a stage that has to be done before its pace is known.
const PACE_KNOWN: f64 = 0.01;
/// The first part of a stage, in which what an earlier run has done is passed over.
const WARM_UP: Duration = Duration::from_secs(3);

/// Shows the stages of a command.
#[derive(Default)]
pub struct StageProgress {
    stage: Option<Stage>,
}

/// The stage at work.
struct Stage {
    name: &'static str,
    bar: Option<ProgressBar>,
    begun: Instant,
    /// When and where the measurement of the pace began.
    since: (Instant, f64),
    said: Instant,
}

impl StageProgress {
    /// Takes note of what the work tells.
    pub fn take(&mut self, event: Event) {
        match event {
            Event::Stage { name, text } => self.start(name, text),
            Event::Kept { name, text } => {
                self.finish();
                events::say(|| json!({ "event": "stage", "stage": name, "kept": true, "text": text }));
                eprintln!("{name}: {text}, kept from before");
            }
            Event::Progress { share, text } => self.show(share, &text),
            Event::Note(text) => log::info!("{text}"),
            Event::Warning(text) => log::warn!("{text}"),
        }
    }

    fn start(&mut self, name: &'static str, text: String) {
        self.finish();
        events::say(|| json!({ "event": "stage", "stage": name, "text": text }));
        let bar = std::io::stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template("{prefix}  {bar:32.cyan/dim}  {elapsed}  {msg}");
            let bar = the_bar();
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar.reset();
            bar.set_length(PARTS);
            bar.set_prefix(text.clone());
            bar.set_message(String::new());
            bar.enable_steady_tick(Duration::from_millis(500));
            bar
        });
        if bar.is_none() {
            eprintln!("{text}");
        }
        let now = Instant::now();
        self.stage = Some(Stage { name, bar, begun: now, since: (now, 0.0), said: now });
    }

    fn show(&mut self, share: f64, text: &str) {
        let Some(stage) = &mut self.stage else { return };
        if stage.begun.elapsed() < WARM_UP {
            stage.since = (Instant::now(), share);
        }
        let (since, from) = stage.since;
        let left = seconds_left(share, from, since.elapsed().as_secs_f64());
        let shown =
            left.map_or(String::new(), |left| format!("  {} left", HumanDuration(Duration::from_secs_f64(left))));
        if let Some(bar) = &stage.bar {
            bar.set_position((share * PARTS as f64) as u64);
            bar.set_message(format!("{text}{shown}"));
        }
        if stage.said.elapsed() >= INTERVAL {
            stage.said = Instant::now();
            let name = stage.name;
            events::say(|| {
                let (done, left) = ((share * PARTS as f64) as u64, left.map(f64::round));
                json!({ "event": "progress", "stage": name, "done": done, "of": PARTS, "text": text, "seconds_left": left })
            });
            if stage.bar.is_none() {
                eprintln!("  {text}{shown}");
            }
        }
    }

    /// Says how long the stage took, and takes its bar away.
    pub fn finish(&mut self) {
        let Some(stage) = self.stage.take() else { return };
        let took = HumanDuration(stage.begun.elapsed());
        if let Some(bar) = stage.bar {
            bar.disable_steady_tick();
            bar.finish_and_clear();
            eprintln!("{}: {took}", bar.prefix());
        }
    }
}

/// Seconds left at the pace so far; `None` while that is not known.
fn seconds_left(share: f64, from: f64, seconds: f64) -> Option<f64> {
    let done = share - from;
    (done >= PACE_KNOWN && share < 1.0).then(|| (seconds / done * (1.0 - share)).min(1e7))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_left_follows_the_pace() {
        assert_eq!((seconds_left(0.25, 0.0, 10.0), seconds_left(0.75, 0.5, 10.0)), (Some(30.0), Some(10.0)));
        assert_eq!((seconds_left(0.501, 0.5, 10.0), seconds_left(1.0, 0.0, 10.0)), (None, None));
    }
}
