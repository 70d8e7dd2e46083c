//! Imports go one way: the table in `src/lib.rs`, held to by reading every `use crate::` line.

use std::path::{Path, PathBuf};

/// A room and the rooms that it may import from; tests inside a room may import whatever they need.
const ALLOWED: &[(&str, &[&str])] = &[
    ("camera", &[]),
    ("scene", &["camera"]),
    ("edit", &["scene"]),
    ("format", &["edit", "scene"]),
    ("dataset", &["scene", "camera"]),
    ("synth", &["dataset", "scene", "camera"]),
    ("gpu", &[]),
    ("primitives", &["gpu"]),
    ("model", &["gpu", "scene"]),
    ("image", &["format"]),
    ("render", &["model", "primitives", "gpu", "camera", "scene"]),
    ("train", &["image", "render", "model", "primitives", "gpu", "dataset", "format", "scene", "camera"]),
    ("view", &["train", "image", "render", "model", "gpu", "dataset", "format", "edit", "scene", "camera"]),
    ("cli", &["view", "train", "image", "render", "model", "gpu", "synth", "dataset", "format", "edit", "scene", "camera"]),
];

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("src is readable") {
        let path = entry.expect("src is readable").path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The room a file belongs to: the first part of its path under `src`.
fn room(path: &Path, root: &Path) -> String {
    let relative = path.strip_prefix(root).expect("files lie under src");
    let first = relative.components().next().expect("a file has a name");
    first.as_os_str().to_string_lossy().trim_end_matches(".rs").to_string()
}

/// Rooms named after `crate::` in the part of a file before its unit tests.
fn imports(text: &str) -> Vec<String> {
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    let names =
        lines.flat_map(|line| line.split("crate::").skip(1).map(|rest| rest.trim_start_matches('{').to_string()));
    names.map(|rest| rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()).collect()
}

#[test]
fn imports_go_one_way() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    rust_files(&root, &mut files);
    let mut problems = Vec::new();
    let mut seen = 0;
    let is_test =
        |path: &Path| path.components().any(|part| part.as_os_str() == "tests" || part.as_os_str() == "tests.rs");
    for path in files.iter().filter(|path| !is_test(path)) {
        let room = room(path, &root);
        let Some((_, allowed)) = ALLOWED.iter().find(|(name, _)| *name == room) else {
            assert!(["lib", "main"].contains(&room.as_str()), "{} is in no room of the table", path.display());
            continue;
        };
        let text = std::fs::read_to_string(path).expect("sources are text");
        let rooms = imports(&text).into_iter().filter(|name| ALLOWED.iter().any(|(known, _)| known == name));
        for import in rooms {
            seen += 1;
            if import != room && !allowed.contains(&import.as_str()) {
                problems.push(format!("{}: {room} must not import {import}", path.display()));
            }
        }
    }
    assert!(seen > 50, "only {seen} imports were found: the test reads the wrong files");
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn a_wrong_import_is_seen() {
    assert_eq!(imports("use crate::train::Trainer;\n#[cfg(test)]\nuse crate::cli::X;"), ["train"]);
}
