//! Every kernel's header names its twin, the serial code that a test holds the kernel to, or says why it has none.

use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The kernels: shaders with a compute entry point, but for the shared files they are composed of.
fn kernels(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() && !path.ends_with("shared") {
            kernels(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "wgsl") {
            found.push(path);
        }
    }
}

/// The comment at the head of a shader, in one line.
fn header(text: &str) -> String {
    let comments = text.lines().take_while(|line| line.starts_with("//")).filter(|line| !line.starts_with("//#"));
    comments.map(|line| line.trim_start_matches('/').trim()).collect::<Vec<_>>().join(" ")
}

/// What is wrong with the twins that a header names, if anything. `Twin: tests/a/b.rs.` or `Twins: tests/a/b.rs (function),
/// c.rs.`, where a name without a folder lies in that before it; or `No twin:` and the reason.
fn problem(header: &str) -> Option<String> {
    if let Some((_, reason)) = header.split_once("No twin: ") {
        return (reason.split_whitespace().count() < 5).then(|| "gives no reason for having no twin".into());
    }
    let Some((_, named)) = header.split_once("Twin: ").or_else(|| header.split_once("Twins: ")) else {
        return Some("names no twin".into());
    };
    let mut folder = PathBuf::new();
    for name in named.split(". ").next()?.trim_end_matches('.').split(", ") {
        let (file, function) = match name.split_once(" (") {
            Some((file, function)) => (file, Some(function.trim_end_matches(')'))),
            None => (name, None),
        };
        let path = if file.contains('/') { PathBuf::from(file) } else { folder.join(file) };
        let Ok(text) = std::fs::read_to_string(root().join(&path)) else {
            return Some(format!("names {}, which is not there", path.display()));
        };
        if let Some(function) = function.filter(|function| !text.contains(&format!("fn {function}"))) {
            return Some(format!("names {function}, which is not in {}", path.display()));
        }
        folder = path.parent()?.to_path_buf();
    }
    None
}

#[test]
fn every_kernel_names_its_twin() {
    let mut files = Vec::new();
    kernels(&root().join("shaders"), &mut files);
    let texts = files.iter().map(|path| (path, std::fs::read_to_string(path).unwrap()));
    let is_kernel = |text: &str| !text.contains("@fragment");
    let headers: Vec<_> = texts.filter(|(_, text)| is_kernel(text)).map(|(path, text)| (path, header(&text))).collect();
    assert!(headers.len() >= 37, "only {} kernels", headers.len());
    let problems =
        headers.iter().filter_map(|(path, header)| Some(format!("{}: {}", path.display(), problem(header)?)));
    let problems: Vec<_> = problems.collect();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn a_header_without_its_twin_is_seen() {
    assert_eq!(problem("Adds. Twin: tests/primitives.rs (prefix_sums)."), None);
    assert_eq!(problem("Adds. Twins: tests/reference/sh.rs, adam.rs. More words."), None);
    assert!(problem("Adds.").unwrap().contains("no twin"));
    assert!(problem("Adds. Twins: tests/reference/sh.rs, nobody.rs.").unwrap().contains("tests/reference/nobody.rs"));
    assert!(problem("Adds. Twin: tests/primitives.rs (nothing).").unwrap().contains("nothing"));
    assert!(problem("Adds. No twin: none.").is_some());
    assert_eq!(problem("Adds. No twin: it compares two counts, no more."), None);
}
