//! Ctrl-C: a training run stops at a checkpoint, stages keep what they have, other commands end without unfinished files.

use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};

use super::events;
use crate::format;

/// Exit code after Ctrl-C, as shells expect it: 128 + SIGINT.
pub const INTERRUPTED: u8 = 130;

static STOP: AtomicBool = AtomicBool::new(false);

/// Whether [`catch_interrupts`] has been called.
static CAUGHT: AtomicBool = AtomicBool::new(false);

/// Whether the work is done, so that there is no checkpoint left to stop at.
static OVER: AtomicBool = AtomicBool::new(false);

/// From here on the first Ctrl-C (or termination signal) makes [`interrupted`] true, and the second ends the process;
/// once [`let_interrupts_end`] was called, the first does. Called again, it changes nothing.
pub fn catch_interrupts() -> Result<()> {
    if CAUGHT.swap(true, Ordering::SeqCst) {
        return Ok(());
    }
    let handler = || {
        if STOP.swap(true, Ordering::SeqCst) || OVER.load(Ordering::SeqCst) {
            std::process::exit(INTERRUPTED.into());
        }
        eprintln!("stopping; what is done is kept; once more to stop at once");
    };
    ctrlc::set_handler(handler).context("cannot catch Ctrl-C")
}

/// From here on Ctrl-C ends the process: the work is over and only its window is left.
#[cfg(feature = "viewer")]
pub fn let_interrupts_end() {
    OVER.store(true, Ordering::SeqCst);
}

/// From here on Ctrl-C ends the process, after the files that are half written have been removed.
pub fn exit_on_interrupt() -> Result<()> {
    let handler = || {
        format::remove_unfinished();
        events::end(&Ok(std::process::ExitCode::from(INTERRUPTED)), INTERRUPTED);
        std::process::exit(INTERRUPTED.into());
    };
    ctrlc::set_handler(handler).context("cannot catch Ctrl-C")
}

pub fn interrupted() -> bool {
    STOP.load(Ordering::SeqCst)
}
