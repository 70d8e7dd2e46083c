//! Events of `--json`: what a long command does, as one JSON object a line on the standard output.

use std::process::ExitCode;

use anyhow::Result;
use serde_json::{Value, json};

use super::output;
use crate::train;

/// From here on the standard output holds events only, if `wanted`.
pub fn start(command: &str, wanted: bool) {
    output::set_events(wanted);
    say(|| json!({ "event": "start", "command": command, "version": env!("CARGO_PKG_VERSION") }));
}

/// Prints an event, where they are wanted.
pub fn say(event: impl FnOnce() -> Value) {
    if output::has_events() {
        output::raw_line(format_args!("{}", event()));
    }
}

/// Prints what a training run tells.
pub fn of_training(told: &train::Event, steps: u32) {
    say(|| match told {
        train::Event::Opened(steps) => json!({ "event": "opened", "steps": steps }),
        train::Event::Statistics(now) => json!({
            "event": "progress", "done": now.step, "of": steps, "loss": now.loss, "l1": now.l1, "ssim": now.ssim,
            "flow": now.flow, "gaussians": now.gaussians,
        }),
        train::Event::Evaluated(step, mean) => {
            json!({ "event": "evaluated", "step": step, "psnr": mean.psnr, "ssim": mean.ssim })
        }
        train::Event::Saved(step) => json!({ "event": "saved", "step": step }),
    });
}

/// Prints how a command ended. `code` is that of the process.
pub fn end(result: &Result<ExitCode>, code: u8) {
    say(|| match result {
        Ok(_) => json!({ "event": "end", "exit_code": code }),
        Err(error) => json!({ "event": "error", "message": format!("{error:#}"), "exit_code": code }),
    });
}
