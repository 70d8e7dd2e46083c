//! An external program at work: what it says goes into a log, and it ends where the work is to stop.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};

use super::hooks::Hooks;

/// How to get a program that is missing.
pub fn missing(program: &str) -> anyhow::Error {
    let apt = format!("sudo apt-get install {program}");
    let (brew, windows) = match program {
        "colmap" => ("brew install colmap", "the archive of github.com/colmap/colmap/releases, on the PATH"),
        _ => ("brew install ffmpeg", "winget install ffmpeg"),
    };
    anyhow!(
        "{program} is not installed: {apt} (Debian, Ubuntu), {brew} (macOS), {windows} (Windows); then run this again"
    )
}

/// The error of a program that does not start.
pub fn start_error(program: &str, error: &std::io::Error) -> anyhow::Error {
    match error.kind() {
        std::io::ErrorKind::NotFound => missing(program),
        _ => anyhow!("cannot start {program}: {error}"),
    }
}

/// Runs a command to its end. Each line that it says goes into the log and to `on_line`.
///
/// # Errors
/// A program that is missing or fails, with its last line and the log's path; [`Stopped`].
pub fn run(
    mut command: Command,
    log: &Path,
    hooks: &mut Hooks,
    mut on_line: impl FnMut(&str, &mut Hooks),
) -> Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let mut file = open(log)?;
    let told = |error| anyhow!("cannot write {}: {error}", log.display());
    writeln!(file, "\n# {}", shown(&command)).map_err(told)?;
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| start_error(&program, &error))?;
    let (sender, lines) = channel();
    if let (Some(out), Some(err)) = (child.stdout.take(), child.stderr.take()) {
        forward(out, sender.clone());
        forward(err, sender);
    }
    let mut last = String::new();
    loop {
        match lines.recv_timeout(Duration::from_millis(100)) {
            Ok(line) => {
                writeln!(file, "{line}").map_err(told)?;
                on_line(&line, hooks);
                if !line.trim().is_empty() {
                    last = line.trim().chars().take(200).collect();
                }
            }
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {}
        }
        if let Err(stopped) = hooks.check() {
            // On a terminal the same key has reached it; it may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
            return Err(stopped);
        }
    }
    let status = child.wait().with_context(|| format!("cannot wait for {program}"))?;
    // A key that ends it ends the work too, which may hear of it a moment later.
    std::thread::sleep(Duration::from_millis(if status.success() { 0 } else { 50 }));
    hooks.check()?;
    if !status.success() {
        let said = if last.is_empty() { String::new() } else { format!(", its last line: {last}") };
        bail!("{program} failed ({status}{said}); {} holds all that it said", log.display());
    }
    Ok(())
}

fn open(log: &Path) -> Result<File> {
    let file = OpenOptions::new().create(true).append(true).open(log);
    file.with_context(|| format!("cannot write {}", log.display()))
}

/// The command as a person would type it, for the log.
fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

/// Sends the lines of a stream, which may end in carriage returns alone, and count on the same line with tabs.
fn forward(stream: impl Read + Send + 'static, sender: Sender<String>) {
    std::thread::spawn(move || {
        for line in BufReader::new(stream).split(b'\n').map_while(Result::ok) {
            for part in String::from_utf8_lossy(&line).split('\r').filter(|part| !part.is_empty()) {
                // The reader is gone where the work was stopped.
                if sender.send(part.to_string()).is_err() {
                    return;
                }
            }
        }
    });
}
