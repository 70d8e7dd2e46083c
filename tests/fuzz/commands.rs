//! Damaged and odd files of every format given to the program: `info` and `export` all of them, `view` every tenth, without
//! a window and, where there is a display without a screen, in its window.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::random::Rng;
use crate::wholes::{READERS, Whole, damage, wholes_of};

/// Damaged files of each format.
const EACH: usize = 12;
/// One file in so many is viewed.
const VIEWED: usize = 10;
/// The longest that a command may take on a file of a few kilobytes.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long a window is watched.
const WATCHED: Duration = Duration::from_secs(6);

/// The first variants of a file: cut at places, bits turned over, and the file of another format under its name.
fn variant(whole: &Whole, k: usize, random: &mut Rng) -> (String, Vec<u8>) {
    let mut bytes = whole.bytes.clone();
    let n = bytes.len();
    let what = match k {
        0 => "whole".to_string(),
        1..=6 => {
            let length = [0, 1, n / 4, n / 2, n - n / 50, n - 1][k - 1];
            bytes.truncate(length);
            format!("cut at {length} of {n}")
        }
        7 => {
            bytes[n / 2] ^= 0xff;
            "a byte in the middle turned over".into()
        }
        8 => {
            bytes = b"ply\r\nformat ascii 1.0\r\nelement vertex -3\r\nend_header\r\n".to_vec();
            "an odd header".into()
        }
        _ => {
            (0..1 + random.below(4)).for_each(|_| damage(&mut bytes, random));
            "damaged by chance".into()
        }
    };
    (what, (whole.wrap)(bytes))
}

/// What became of a command.
struct Ended {
    /// `None` where a signal or the clock ended it.
    code: Option<i32>,
    late: bool,
    said: String,
}

impl Ended {
    /// What is wrong with it: an error must be one line, and nothing else may end a command.
    fn trouble(&self) -> Option<String> {
        let errors = self.said.lines().filter(|line| line.starts_with("error: ")).count();
        match self.code {
            _ if self.late => Some(format!("took more than {PATIENCE:?}")),
            None => Some("was ended by a signal".into()),
            _ if self.said.contains("panicked") => Some(format!("panicked: {}", self.said)),
            Some(0) if errors == 0 => None,
            Some(1) if errors == 1 => None,
            Some(code) => Some(format!("ended with {code} and {errors} errors: {}", self.said)),
        }
    }
}

/// Runs the program until it ends, or for `patience` at most.
fn run(folder: &Path, words: &[&str], patience: Duration) -> Ended {
    let mut child = Command::new(env!("CARGO_BIN_EXE_dapple"))
        .current_dir(folder)
        .args(words)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("starts");
    let mut pipe = child.stderr.take().expect("a pipe");
    let reader = std::thread::spawn(move || {
        let mut said = Vec::new();
        let _ = pipe.read_to_end(&mut said);
        String::from_utf8_lossy(&said).into_owned()
    });
    let (code, late) = wait(&mut child, patience);
    Ended { code, late, said: reader.join().expect("reads") }
}

/// Waits for a child, and ends it where it takes too long.
fn wait(child: &mut Child, patience: Duration) -> (Option<i32>, bool) {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait().expect("waits") {
            return (status.code(), false);
        }
        if start.elapsed() > patience {
            let _ = child.kill();
            return (child.wait().expect("waits").code(), true);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A display without a screen, gone with its owner.
struct Display(Child);

impl Display {
    const NAME: &str = ":187";

    fn new() -> Option<Self> {
        let mut command = Command::new("Xvfb");
        command.args([Self::NAME, "-screen", "0", "640x480x24", "-nolisten", "tcp", "-noreset"]);
        let child = command.stderr(Stdio::null()).spawn();
        std::thread::sleep(Duration::from_secs(2));
        child.ok().map(Self)
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Opens a window on a file: it stays (the code is 0 then), or there is one error.
fn window(folder: &Path, file: &str) -> Ended {
    let xvfb = format!("DISPLAY={}", Display::NAME);
    let program = env!("CARGO_BIN_EXE_dapple");
    let mut command = Command::new("env");
    command.args(["-u", "WAYLAND_DISPLAY", &xvfb, program, "view", file]).current_dir(folder);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("starts");
    let (code, stayed) = wait(&mut child, WATCHED);
    let mut said = String::new();
    child.stderr.take().expect("a pipe").read_to_string(&mut said).expect("reads");
    Ended { code: if stayed { Some(0) } else { code }, late: false, said }
}

/// The results of one command: how many ended with 0 and with 1, and one error for each format.
#[derive(Default)]
struct Table {
    counts: BTreeMap<(&'static str, Option<i32>), usize>,
    troubles: Vec<String>,
}

impl Table {
    fn note(&mut self, command: &'static str, file: &str, ended: &Ended) {
        *self.counts.entry((command, ended.code)).or_default() += 1;
        self.troubles.extend(ended.trouble().map(|what| format!("{command} {file} {what}")));
        let error = ended.said.lines().find(|line| line.starts_with("error: ")).unwrap_or("");
        println!("{command:10} {:5} {file}: {}", ended.code.map_or("-".into(), |code| code.to_string()), cut(error));
    }
}

fn cut(text: &str) -> String {
    text.chars().take(160).collect()
}

#[test]
#[ignore = "starts the program some hundred times"]
fn commands_end_with_a_scene_or_one_line() {
    let display = Display::new();
    let (mut random, mut table, mut count) = (Rng::new(1), Table::default(), 0);
    for reader in READERS {
        let wholes = wholes_of(reader);
        for k in 0..EACH.max(wholes.len()) {
            let folder = tempfile::tempdir().expect("temporary folder");
            let whole = &wholes[k % wholes.len()];
            let (what, bytes) = variant(whole, k % EACH, &mut random);
            let (path, _) = whole.write(folder.path(), &bytes);
            let file = path.to_string_lossy().into_owned();
            let named = format!("{} ({what})", whole.name);
            table.note("info", &named, &run(folder.path(), &["info", &file], PATIENCE));
            let export = ["export", &file, "out.dapple", "--views", "0"];
            let ended = run(folder.path(), &export, PATIENCE);
            if ended.code != Some(0) && folder.path().join("out.dapple").exists() {
                table.troubles.push(format!("export of {named} failed and left a file"));
            }
            table.note("export", &named, &ended);
            if count % VIEWED == 0 {
                let view = ["view", &file, "--screenshot", "out.png", "--size", "64x48"];
                table.note("view", &named, &run(folder.path(), &view, PATIENCE));
                if display.is_some() {
                    let ended = window(folder.path(), &file);
                    table.note("window", &named, &ended);
                    if k == 0 && ended.code != Some(0) {
                        table.troubles.push(format!("no window on {named}: {}", ended.said));
                    }
                }
            }
            count += 1;
        }
    }
    println!("{count} files");
    for ((command, code), n) in &table.counts {
        println!("{command:10} exit code {code:?}: {n}");
    }
    println!(
        "{} troubles; {}",
        table.troubles.len(),
        if display.is_some() { "windows too" } else { "no windows: no Xvfb" }
    );
    assert!(table.troubles.is_empty(), "{:#?}", table.troubles);
}
