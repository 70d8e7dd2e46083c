//! Imports go one way, between rooms by the table in `src/lib.rs` and between the files of a room without a circle; and
//! files and functions stay short.

#[path = "layers/files.rs"]
mod files;
#[path = "layers/imports.rs"]
mod imports;

use std::collections::{BTreeMap, BTreeSet};

use files::{Source, functions, sources};
use imports::{circles, edges, rooms_of};

/// A room and the rooms that it may import from; tests inside a room may import whatever they need.
const ALLOWED: &[(&str, &[&str])] = &[
    ("camera", &[]),
    ("scene", &["camera"]),
    ("edit", &["scene"]),
    ("format", &["edit", "scene", "camera"]),
    ("dataset", &["scene", "camera"]),
    ("synth", &["dataset", "format", "scene", "camera"]),
    ("gpu", &[]),
    ("primitives", &["gpu"]),
    ("model", &["gpu", "scene"]),
    ("image", &["format"]),
    ("photos", &["dataset", "image", "format"]),
    ("render", &["model", "primitives", "gpu", "camera", "scene"]),
    ("page", &["image", "render", "gpu", "format", "scene", "camera"]),
    ("train", &["image", "render", "model", "primitives", "gpu", "dataset", "format", "edit", "scene", "camera"]),
    ("blocks", &["train", "image", "render", "gpu", "dataset", "format", "edit", "scene", "camera"]),
    ("view", &["train", "image", "render", "model", "gpu", "dataset", "format", "edit", "scene", "camera"]),
    (
        "cli",
        &[
            "view", "blocks", "train", "photos", "page", "image", "render", "model", "gpu", "synth", "dataset",
            "format", "edit", "scene", "camera",
        ],
    ),
];

/// Rooms whose files still import each other in a circle.
const KNOWN_CIRCLES: &[&str] = &[];
/// Files that are still longer than [`MAX_FILE`].
const KNOWN_LONG_FILES: &[&str] = &[];
/// Functions, by file and name, that are still longer than [`MAX_FUNCTION`] or [`MAX_TEST`].
const KNOWN_LONG_FUNCTIONS: &[(&str, &str)] = &[];

/// The most lines of a file.
const MAX_FILE: usize = 400;
/// The most lines of a function, from `fn` to its closing brace.
const MAX_FUNCTION: usize = 60;
/// The same in tests.
const MAX_TEST: usize = 80;

#[test]
fn imports_between_rooms_go_one_way() {
    let mut problems = Vec::new();
    let mut seen = 0;
    for source in sources("src").iter().filter(|source| !source.is_test()) {
        let room = source.room();
        let Some((_, allowed)) = ALLOWED.iter().find(|(name, _)| *name == room) else {
            assert!(["lib", "main"].contains(&room), "{} is in no room of the table", source.path);
            continue;
        };
        let known = |name: &String| ALLOWED.iter().any(|(known, _)| known == name);
        for import in rooms_of(&source.code()).into_iter().filter(known) {
            seen += 1;
            if import != room && !allowed.contains(&import.as_str()) {
                problems.push(format!("{}: {room} must not import {import}", source.path));
            }
        }
    }
    assert!(seen > 50, "only {seen} imports were found: the test reads the wrong files");
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn files_of_a_room_import_each_other_in_no_circle() {
    let sources: Vec<Source> = sources("src").into_iter().filter(|source| !source.is_test()).collect();
    let edges = edges(&sources);
    let count: usize = edges.values().map(BTreeSet::len).sum();
    assert!(count > 200, "only {count} imports between files were found: the test reads the wrong files");
    let circles = circles(&edges);
    let room = |file: &str| file.trim_start_matches("src/").split('/').next().unwrap_or_default().to_string();
    let found: BTreeSet<String> = circles.iter().map(|circle| room(&circle[0])).collect();
    let unknown = circles.iter().filter(|circle| !KNOWN_CIRCLES.contains(&room(&circle[0]).as_str()));
    let unknown: Vec<String> = unknown.map(|circle| circle.join(" → ")).collect();
    assert!(unknown.is_empty(), "files import each other in a circle:\n{}", unknown.join("\n"));
    let needless: Vec<_> = KNOWN_CIRCLES.iter().filter(|room| !found.contains(**room)).collect();
    assert!(needless.is_empty(), "no circle is left in {needless:?}; take the rooms out of KNOWN_CIRCLES");
}

#[test]
fn files_and_functions_are_short() {
    let (mut files, mut long) = (BTreeMap::new(), BTreeMap::new());
    for source in sources("src").into_iter().chain(sources("tests")) {
        files.insert(source.path.clone(), source.text.lines().count());
        for function in functions(&source) {
            let most = if function.in_test { MAX_TEST } else { MAX_FUNCTION };
            if function.lines > most {
                long.insert((source.path.clone(), function.name), function.lines);
            }
        }
    }
    files.retain(|_, lines| *lines > MAX_FILE);
    let known_file = |path: &str| KNOWN_LONG_FILES.contains(&path);
    let known = |path: &str, name: &str| KNOWN_LONG_FUNCTIONS.contains(&(path, name));
    let mut problems = Vec::new();
    let files_found = files.iter().filter(|(path, _)| !known_file(path));
    problems.extend(files_found.map(|(path, lines)| format!("{path} has {lines} lines; {MAX_FILE} are the most")));
    let functions_found = long.iter().filter(|((path, name), _)| !known(path, name));
    problems.extend(functions_found.map(|((path, name), lines)| format!("{path}: {name} has {lines} lines")));
    let needless = KNOWN_LONG_FILES.iter().filter(|path| !files.contains_key(**path));
    problems.extend(needless.map(|path| format!("{path} is short now; take it out of KNOWN_LONG_FILES")));
    let is_long = |path: &str, name: &str| long.contains_key(&(path.to_string(), name.to_string()));
    let needless = KNOWN_LONG_FUNCTIONS.iter().filter(|(path, name)| !is_long(path, name));
    problems.extend(needless.map(|(path, name)| format!("{name} in {path} is short now: no exception is needed")));
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// Files of a made-up room, by path and text.
fn made_up(files: &[(&str, &str)]) -> Vec<Source> {
    files.iter().map(|(path, text)| Source { path: (*path).into(), text: (*text).into() }).collect()
}

#[test]
fn a_wrong_import_is_seen() {
    let source = &made_up(&[("src/a.rs", "use crate::train::Trainer;\n#[cfg(test)]\nuse crate::cli::X;")])[0];
    assert_eq!(rooms_of(&source.code()), ["train"]);
}

#[test]
fn a_made_up_circle_is_seen() {
    let through = |last: &str| {
        circles(&edges(&made_up(&[
            ("src/a/mod.rs", "mod b;\nmod c;\nmod d;\npub use b::{\n    B,\n    other,\n};\n"),
            ("src/a/b.rs", "use super::c;\npub struct B;\nfn f() { c::g(); }\n"),
            ("src/a/c.rs", "use super::{\n    d::{D, h},\n};\n"),
            ("src/a/d.rs", last),
        ])))
    };
    let circle = ["src/a/b.rs", "src/a/c.rs", "src/a/d.rs", "src/a/b.rs"];
    assert_eq!(through("use crate::a::B;\n"), [circle], "by what the room re-exports");
    assert_eq!(through("fn f() -> super::B { super::B }\n"), [circle], "by a path in the code");
    for none in
        ["// use super::B;\n", "fn f() {}\n#[cfg(test)]\nmod tests { use super::super::B; }\n", "use std::b::B;\n"]
    {
        assert!(through(none).is_empty(), "{none}");
    }
    // Items of mod.rs itself are its own, and what it uses are its imports.
    let with_items = [
        ("src/a/mod.rs", "#[cfg(test)]\nmod tests;\nmod b;\npub struct A;\nfn f() { b::g() }\n"),
        ("src/a/b.rs", "use super::A;\n"),
    ];
    assert_eq!(circles(&edges(&made_up(&with_items))), [["src/a/b.rs", "src/a/mod.rs", "src/a/b.rs"]]);
}

#[test]
fn functions_are_measured() {
    let text = "impl A {\n    pub fn f() {\n        1\n    }\n}\n#[cfg(test)]\nmod tests {\n    fn t() {\n    }\n}\n";
    let found = functions(&made_up(&[("src/a.rs", text)])[0]);
    let found: Vec<_> = found.iter().map(|f| (f.name.as_str(), f.lines, f.in_test)).collect();
    assert_eq!(found, [("f", 3, false), ("t", 2, true)]);
}
