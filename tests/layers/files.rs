//! Source files and their functions.

use std::path::Path;

/// A source file.
pub struct Source {
    /// From the repository's root on, with forward slashes.
    pub path: String,
    pub text: String,
}

impl Source {
    /// Whether it holds tests alone.
    pub fn is_test(&self) -> bool {
        let mut parts = self.path.trim_start_matches("src/").split('/');
        self.path.starts_with("tests/") || parts.any(|part| part == "tests" || part.ends_with("tests.rs"))
    }

    /// The part before its unit tests, without items of one line that are for tests alone.
    pub fn code(&self) -> String {
        let mut code = String::new();
        let mut lines = self.text.lines();
        while let Some(line) = lines.next() {
            if line.trim() != "#[cfg(test)]" {
                code += line;
            } else if lines.next().is_some_and(|item| item.ends_with(';')) {
                code += "\n";
            } else {
                break;
            }
            code += "\n";
        }
        code
    }

    /// The room it belongs to: the first part of its path under `src`.
    pub fn room(&self) -> &str {
        let first = self.path.trim_start_matches("src/").split('/').next().unwrap_or_default();
        first.trim_end_matches(".rs")
    }
}

/// The Rust files below a folder of the repository, in order of their paths.
pub fn sources(folder: &str) -> Vec<Source> {
    fn collect(folder: &Path, path: &str, found: &mut Vec<Source>) {
        for entry in std::fs::read_dir(folder).expect("the folder is readable") {
            let entry = entry.expect("the folder is readable").path();
            let path = format!("{path}/{}", entry.file_name().unwrap_or_default().to_string_lossy());
            if entry.is_dir() {
                collect(&entry, &path, found);
            } else if path.ends_with(".rs") {
                found.push(Source { path, text: std::fs::read_to_string(&entry).expect("sources are text") });
            }
        }
    }
    let mut found = Vec::new();
    collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), folder, &mut found);
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

/// A function and its length.
pub struct Function {
    pub name: String,
    pub lines: usize,
    pub in_test: bool,
}

/// The functions of a file, which rustfmt has laid out: one ends at the next brace of its own indentation.
pub fn functions(source: &Source) -> Vec<Function> {
    let lines: Vec<&str> = source.text.lines().collect();
    let tests = source.code().lines().count();
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let indent = line.len() - line.trim_start().len();
        let mut words = line.split_whitespace().skip_while(|word| {
            word.starts_with("pub") || ["const", "unsafe", "async", "extern", "in", "super)"].contains(word)
        });
        if words.next() != Some("fn") {
            continue;
        }
        let name = words.next().unwrap_or_default().split(['(', '<']).next().unwrap_or_default();
        let closes = |line: &&str| line.trim_end() == format!("{}}}", " ".repeat(indent));
        let one_line = line.trim_end().ends_with(['}', ';']);
        let Some(end) = lines[at + 1..].iter().position(closes).filter(|_| !one_line) else { continue };
        let in_test = source.is_test() || at >= tests;
        found.push(Function { name: name.into(), lines: end + 2, in_test });
    }
    found
}
