use std::io::Write;
use std::process::ExitCode;

use dapple::cli;

fn main() -> ExitCode {
    match cli::parse().and_then(cli::run) {
        Ok(code) => code,
        Err(error) => {
            // One line, whatever the causes contain.
            let line = format!("{error:#}").split_whitespace().collect::<Vec<_>>().join(" ");
            // The reader of the errors may have left as well.
            let _ = writeln!(std::io::stderr(), "error: {line}");
            ExitCode::from(if error.is::<cli::UsageError>() { 2 } else { 1 })
        }
    }
}
