//! Lines on the standard output and the standard error, whose reader may have left: `dapple info scene.ply | head -1`.

use std::fmt::Arguments;
use std::io::{ErrorKind, Write};
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether the standard output holds events only.
static EVENTS: AtomicBool = AtomicBool::new(false);

/// Makes each line of text an event, if `wanted`.
pub fn set_events(wanted: bool) {
    EVENTS.store(wanted, Ordering::SeqCst);
}

/// Whether the standard output holds events only.
pub fn has_events() -> bool {
    EVENTS.load(Ordering::SeqCst)
}

/// Prints a line on the standard error, where it can.
pub fn error_line(text: Arguments) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// Prints a line, as an event where those are wanted.
pub fn line(text: Arguments) {
    if has_events() {
        raw_line(format_args!("{}", serde_json::json!({ "event": "message", "text": text.to_string() })));
    } else {
        raw_line(text);
    }
}

/// Prints a line. A reader that has left is no fault of the command, which goes on with its work; another failure to
/// write, as on a full disk, ends the program with an error.
pub fn raw_line(text: Arguments) {
    match writeln!(std::io::stdout().lock(), "{text}") {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            let _ = writeln!(std::io::stderr(), "error: cannot write to the standard output: {error}");
            std::process::exit(1);
        }
        _ => {}
    }
}
