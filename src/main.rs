use std::io::Write;
use std::process::ExitCode;

use dapple::cli;

fn main() -> ExitCode {
    match cli::parse().and_then(cli::run) {
        Ok(code) => code,
        Err(error) => {
            let line = one_line(&format!("{error:#}"));
            // The reader of the errors may have left as well.
            let _ = writeln!(std::io::stderr(), "error: {line}");
            ExitCode::from(if error.is::<cli::UsageError>() { 2 } else { 1 })
        }
    }
}

/// A text as one line that a terminal can show, whatever a damaged file put into it.
fn one_line(text: &str) -> String {
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let shown = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.to_string() };
    words.chars().map(shown).collect()
}
