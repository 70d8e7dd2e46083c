//! Progress of commands that work in stages: a bar on a terminal, plain lines elsewhere, each with the time left.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{HumanDuration, ProgressBar, ProgressStyle};
use serde_json::json;

use super::events;
use super::progress::the_bar;
use crate::photos::Told;

/// Interval between plain lines, and between events.
const INTERVAL: Duration = Duration::from_secs(5);
/// Parts of a stage's bar.
const PARTS: u64 = 1000;
/// Share of a stage before which its pace is not known.
const PACE_KNOWN: f64 = 0.01;

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
    said: Instant,
}

impl StageProgress {
    /// Takes note of what the work tells.
    pub fn take(&mut self, told: Told) {
        match told {
            Told::Stage { name, text } => self.start(name, text),
            Told::Kept { name, text } => {
                self.finish();
                events::say(|| json!({ "event": "stage", "stage": name, "kept": true, "text": text }));
                eprintln!("{name}: {text}, kept from before");
            }
            Told::Progress { share, text } => self.show(share, &text),
            Told::Note(text) => log::info!("{text}"),
            Told::Warning(text) => log::warn!("{text}"),
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
        self.stage = Some(Stage { name, bar, begun: Instant::now(), said: Instant::now() });
    }

    fn show(&mut self, share: f64, text: &str) {
        let Some(stage) = &mut self.stage else { return };
        let left = seconds_left(share, stage.begun.elapsed().as_secs_f64());
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
fn seconds_left(share: f64, seconds: f64) -> Option<f64> {
    (PACE_KNOWN..1.0).contains(&share).then(|| (seconds / share * (1.0 - share)).min(1e7))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_left_follows_the_pace() {
        assert_eq!((seconds_left(0.25, 10.0), seconds_left(0.5, 10.0)), (Some(30.0), Some(10.0)));
        assert_eq!((seconds_left(0.001, 10.0), seconds_left(1.0, 10.0)), (None, None));
    }
}
