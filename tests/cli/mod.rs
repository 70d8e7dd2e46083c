//! The command line as a person meets it: exit codes, one clear line for every mistake, and whole runs.

mod bench;
mod blocks;
mod captures;
mod clips;
mod compare;
mod crash;
mod export;
mod files;
mod floaters;
mod flow_tool;
mod guide;
mod lod;
mod losses;
mod pages;
#[cfg(unix)]
mod photos;
mod programs;
mod readings;
mod resume;
mod sky;
mod verify;
mod views;

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use assert_cmd::Command;

use crate::support::files::Folder;

impl Folder {
    fn dapple(&self, line: &str) -> Command {
        let mut command = Command::cargo_bin("dapple").expect("the binary is built");
        command.current_dir(self.0.path()).args(line.split_whitespace());
        command
    }

    /// Runs a command that must fail with `code`; returns its only line.
    fn error(&self, line: &str, code: i32) -> String {
        let output = self.dapple(line).assert().code(code).get_output().clone();
        let text = String::from_utf8(output.stderr).expect("text");
        // A software adapter is announced.
        let said: Vec<&str> = text.lines().filter(|line| !line.starts_with("note: ")).collect();
        assert_eq!(said.len(), 1, "one line for `dapple {line}`: {text}");
        assert!(said[0].starts_with("error: "), "{text}");
        said[0].to_string()
    }

    /// Runs a command that must succeed; returns what it wrote to the standard error.
    fn succeed(&self, line: &str) -> String {
        let output = self.dapple(line).assert().success().get_output().clone();
        String::from_utf8(output.stderr).expect("text")
    }

    /// A copy of the tiny capture, to break.
    fn capture(&self, name: &str) -> PathBuf {
        copy(tiny(), &self.path(name));
        self.path(name)
    }

    /// The bytes of a file.
    fn bytes(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    fn text(&self, name: &str) -> String {
        String::from_utf8(self.bytes(name)).expect("text")
    }

    /// Like [`Folder::error`], of a run that has shown progress before.
    fn error_at_end(&self, line: &str, code: i32) -> String {
        let output = self.dapple(line).assert().code(code).get_output().clone();
        let text = String::from_utf8(output.stderr).expect("text");
        let errors: Vec<&str> = text.lines().filter(|line| line.starts_with("error: ")).collect();
        assert!(errors.len() == 1 && text.ends_with(&format!("{}\n", errors[0])), "one error, at the end: {text}");
        errors[0].to_string()
    }

    /// A scene of one Gaussian.
    fn text_of_scene(&self) -> String {
        std::fs::read_to_string(self.scene("one.ply")).expect("reads")
    }

    /// Writes a scene of one Gaussian.
    fn scene(&self, name: &str) -> PathBuf {
        let names = "x y z f_dc_0 f_dc_1 f_dc_2 opacity scale_0 scale_1 scale_2 rot_0 rot_1 rot_2 rot_3";
        let properties: String = names.split(' ').map(|name| format!("property float {name}\n")).collect();
        let row = "0 0 0 1 1 1 2 -3 -3 -3 1 0 0 0";
        self.file(name, format!("ply\nformat ascii 1.0\nelement vertex 1\n{properties}end_header\n{row}\n"))
    }
}

/// A capture of 12 + 3 images of 64 × 64 pixels with 600 points, made once.
fn tiny() -> &'static Path {
    static CAPTURE: OnceLock<PathBuf> = OnceLock::new();
    CAPTURE.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("tiny");
        let _ = std::fs::remove_dir_all(&folder);
        let mut synth = Command::cargo_bin("dapple").expect("the binary is built");
        synth.arg("synth").arg(repository("scenes/tiny.toml")).arg(&folder).assert().success();
        folder
    })
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("creates");
    for entry in std::fs::read_dir(from).expect("reads") {
        let (entry, name) = entry.map(|entry| (entry.path(), entry.file_name())).expect("reads");
        if entry.is_dir() {
            copy(&entry, &to.join(name));
        } else {
            std::fs::copy(&entry, to.join(name)).expect("copies");
        }
    }
}

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

#[test]
fn help_and_version_succeed() {
    let folder = Folder::new();
    let version = folder.dapple("--version").assert().success().get_output().stdout.clone();
    assert_eq!(String::from_utf8_lossy(&version), format!("dapple {}\n", env!("CARGO_PKG_VERSION")));
    let help = folder.dapple("train --help").assert().success().get_output().stdout.clone();
    let help = String::from_utf8_lossy(&help);
    for flag in ["--steps <", "--cap-max <", "--resume", "--strict", "[default: auto]", "--noise <"] {
        assert!(help.contains(flag), "{flag} in the help");
    }
}

#[test]
fn a_command_line_that_makes_no_sense_exits_2() {
    let folder = Folder::new();
    assert!(folder.error("train c --out r --stepz 3", 2).contains("--stepz"));
    assert!(folder.error("train c", 2).contains("--out"));
    assert!(folder.error("train c --out r --steps many", 2).contains("many"));
    assert!(folder.error("train c --out r --background mauve", 2).contains("not black, white, random"));
    assert!(folder.error("train c --out r --init points.txt", 2).contains(".ply"));
    assert!(folder.error("train --out r", 2).contains("no capture"));
    assert!(folder.error("render scene.ply --out d", 2).contains("--orbit"));
    assert!(folder.error("render scene.ply --out d --orbit 3 --size big", 2).contains("WIDTHxHEIGHT"));
    assert!(folder.error("render s.ply --out d --orbit 3 --capture c", 2).contains("cannot be used with"));
    assert!(folder.error("fly", 2).contains("fly"));
}

#[test]
fn a_run_that_cannot_start_says_why_and_leaves_nothing() {
    let folder = Folder::new();
    assert!(folder.error("train nowhere --out r", 1).contains("nowhere"));
    std::fs::create_dir(folder.path("empty")).expect("creates");
    assert!(folder.error("train empty --out r", 1).contains("no capture is here"));
    assert!(folder.error("train empty --out r --cap-max 0", 1).contains("--cap-max must be at least 1"));
    assert!(folder.error("train empty --out r --noise=-1", 1).contains("--noise"));
    folder.file("wrong.toml", "steps = 5\nstepz = 7\n");
    assert!(folder.error("train empty --out r --config wrong.toml", 1).contains("wrong.toml:2: unknown field `stepz`"));
    assert!(folder.error("train empty --out r --config none.toml", 1).contains("cannot read none.toml"));
    assert!(!folder.path("r").exists());
}

#[test]
fn a_run_is_neither_overwritten_nor_continued_as_another() {
    let folder = Folder::new();
    folder.file("r/config.toml", "capture = \"c\"\nsteps = 500\n");
    assert!(folder.error("train empty --out r", 1).contains("continue it with --resume"));
    let other = folder.error("train --out r --resume --steps 600", 1);
    assert!(other.contains("--steps is 600") && other.contains("has 500"), "{other}");
    folder.file("r/checkpoint.safetensors", "not one");
    assert!(folder.error("train --out r --resume", 1).contains("checkpoint.safetensors: not a checkpoint"));
    let header = r#"{"__metadata__":{"dapple":"{\"version\":9}"}}"#;
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    std::fs::write(folder.path("r/checkpoint.safetensors"), bytes).expect("writes");
    assert!(folder.error("train --out r --resume", 1).contains("version 9"));
}

#[test]
fn scenes_and_paths_that_cannot_be_read_are_named() {
    let folder = Folder::new();
    folder.scene("scene.ply");
    assert!(folder.error("eval none.ply --capture c", 1).contains("none.ply"));
    assert!(folder.error("eval scene.ply --capture nowhere", 1).contains("nowhere"));
    assert!(folder.error("render scene.ply --orbit 0 --out d", 1).contains("--orbit"));
    folder.file("path.json", "{\"cameras\": [");
    assert!(folder.error("render scene.ply --path path.json --out d", 1).contains("path.json"));
    folder.file("path.json", "{\"cameras\": []}");
    assert!(folder.error("render scene.ply --path path.json --out d", 1).contains("no cameras"));
}

#[test]
fn synth_makes_a_capture_that_opens() {
    let folder = Folder::new();
    folder.dapple("synth").arg(repository("scenes/tiny.toml")).arg("tiny").assert().success();
    let options = dapple::dataset::CaptureOptions { strict: true, ..Default::default() };
    let capture = dapple::dataset::Capture::open(&folder.path("tiny"), &options).expect("opens");
    assert_eq!(capture.shots.len(), 15);
    assert!(folder.error("synth none.toml out", 1).contains("none.toml"));
}
