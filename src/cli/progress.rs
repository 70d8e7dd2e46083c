//! Progress of a command: a progress bar on a terminal, plain lines elsewhere, and log messages between them.

use std::io::{IsTerminal, Write};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use indicatif::{HumanCount, HumanDuration, ProgressBar, ProgressStyle};

use super::events;
use crate::train::evaluate::Mean;
use crate::train::{Event, Statistics};

/// Interval between plain lines.
const INTERVAL: Duration = Duration::from_secs(5);

/// The bar that log messages must not tear.
static BAR: OnceLock<ProgressBar> = OnceLock::new();

/// Sends log messages to the standard error, each a line that starts with its kind.
pub fn start_logging() {
    let environment = env_logger::Env::default().default_filter_or("error,dapple=info");
    env_logger::Builder::from_env(environment)
        .format(|out, record| {
            let kind = match record.level() {
                log::Level::Error => "error",
                log::Level::Warn => "warning",
                log::Level::Info => "note",
                log::Level::Debug | log::Level::Trace => "debug",
            };
            let line = format!("{kind}: {}", record.args());
            match BAR.get() {
                Some(bar) => bar.suspend(|| writeln!(out, "{line}")),
                None => writeln!(out, "{line}"),
            }
        })
        .init();
}

/// The bar of a command's stages.
pub fn the_bar() -> ProgressBar {
    BAR.get_or_init(|| ProgressBar::new(0)).clone()
}

/// A spinner on a terminal, shown until it is dropped.
pub struct Spinner(Option<ProgressBar>);

/// Shows a spinner with a message and the elapsed time.
pub fn spinner(what: String) -> Spinner {
    events::say(|| serde_json::json!({ "event": "stage", "text": what }));
    let bar = std::io::stderr().is_terminal().then(|| {
        let style = ProgressStyle::with_template("{spinner} {msg}  {elapsed}");
        let bar = BAR.get_or_init(ProgressBar::new_spinner).clone();
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
        bar.reset();
        bar.set_message(what);
        bar.enable_steady_tick(Duration::from_millis(100));
        bar
    });
    Spinner(bar)
}

impl Spinner {
    /// Changes the message.
    pub fn say(&self, what: String) {
        if let Some(bar) = &self.0 {
            bar.set_message(what);
        }
    }
}

impl Drop for Spinner {
    fn drop(&mut self) {
        if let Some(bar) = &self.0 {
            bar.disable_steady_tick();
            bar.finish_and_clear();
        }
    }
}

/// The progress of a training run.
pub struct Progress {
    bar: Option<ProgressBar>,
    steps: u32,
    /// When and where the current measurement of the pace began.
    since: Instant,
    since_step: u32,
    /// Steps a second.
    pace: f64,
    last: Option<Statistics>,
    test: Option<Mean>,
}

impl Progress {
    pub fn new(steps: u32, done: u32) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template("{bar:32.cyan/dim} {pos}/{len}  {msg}");
            let bar = BAR.get_or_init(|| ProgressBar::new(steps.into())).clone();
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar.set_position(done.into());
            bar
        });
        Self { bar, steps, since: Instant::now(), since_step: done, pace: 0.0, last: None, test: None }
    }

    /// Takes note of what a run tells.
    pub fn take(&mut self, told: Event) {
        events::of_training(&told, self.steps);
        match told {
            Event::Opened(steps) => self.set_steps(steps),
            Event::Statistics(statistics) => self.show(&statistics),
            Event::Evaluated(step, mean) => self.evaluated(step, mean),
            Event::Saved(step) => self.restart(step),
        }
    }

    fn set_steps(&mut self, steps: u32) {
        self.steps = steps;
        if let Some(bar) = &self.bar {
            bar.set_length(steps.into());
        }
    }

    /// Takes note of statistics, which also say that the GPU has done `step` steps by now.
    fn show(&mut self, statistics: &Statistics) {
        let step = statistics.step;
        let elapsed = self.since.elapsed();
        let due = elapsed >= INTERVAL || step == self.steps;
        if step > self.since_step && (due || self.pace == 0.0) {
            self.pace = f64::from(step - self.since_step) / elapsed.as_secs_f64().max(1e-9);
        }
        self.last = Some(*statistics);
        match &self.bar {
            Some(bar) => {
                bar.set_position(step.into());
                bar.set_message(self.message(step));
            }
            None if due => eprintln!("step {step}/{}  {}", self.steps, self.message(step)),
            None => {}
        }
        if due {
            self.restart(step);
        }
    }

    /// Takes note of an evaluation, whose time is not the steps'.
    fn evaluated(&mut self, step: u32, mean: Mean) {
        self.test = Some(mean);
        let line = format!("step {step}: held-out {}", mean.words(2));
        match &self.bar {
            Some(bar) => bar.println(line),
            None => eprintln!("{line}"),
        }
        self.restart(step);
    }

    /// Measures the pace from here on.
    fn restart(&mut self, step: u32) {
        self.since = Instant::now();
        self.since_step = step;
    }

    fn message(&self, step: u32) -> String {
        let left = f64::from(self.steps - step) / self.pace.max(1e-9);
        let mut message =
            format!("{:.1} it/s  {} left", self.pace, HumanDuration(Duration::from_secs_f64(left.min(1e9))));
        if let Some(statistics) = &self.last {
            let count = HumanCount(statistics.gaussians as u64);
            message += &format!("  {count} Gaussians  loss {:.4}", statistics.loss);
        }
        if let Some(test) = &self.test {
            message += &format!("  PSNR {:.2}", test.psnr);
        }
        message
    }

    pub fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish();
        }
    }
}
