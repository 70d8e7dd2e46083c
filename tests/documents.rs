//! Nothing in the repository cites what is not in it: documents, their sections, links, files, options and pictures.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Folders that documents may name files of.
const FOLDERS: [&str; 9] =
    ["src/", "shaders/", "tests/", "benches/", "tools/", "examples/", "scenes/", "docs/", "assets/"];
/// Documents whose sections are cited by letter and number.
const NUMBERED: [&str; 2] = ["docs/algorithms.md", "docs/formats.md"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Files under a folder, relative to the repository, of which `wanted` is true.
fn files(folder: &str, wanted: fn(&Path) -> bool) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let Ok(entries) = std::fs::read_dir(root().join(folder)) else { return found };
    for entry in entries.map(|entry| entry.unwrap().path()) {
        let path = entry.strip_prefix(root()).unwrap().to_path_buf();
        if entry.is_dir() {
            found.extend(files(path.to_str().unwrap(), wanted));
        } else if wanted(&path) {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_default()
}

fn is_markdown(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "md")
}

/// The pages: those at the top and those in `docs`.
fn pages() -> Vec<(PathBuf, String)> {
    let top = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"].map(PathBuf::from);
    let all = top.into_iter().chain(files("docs", is_markdown));
    all.map(|path| (path.clone(), read(&path))).collect()
}

/// Sources and scripts, with comments that are folded over several lines in one.
fn sources() -> Vec<(PathBuf, String)> {
    let folders = ["src", "shaders", "tests", "benches", "tools", "examples"];
    let text = |path: &Path| !path.ends_with("documents.rs") && !path.starts_with("tests/damaged");
    let all = folders.into_iter().flat_map(|folder| files(folder, |_| true)).filter(|path| text(path));
    all.map(|path| (path.clone(), unfolded(&read(&path)))).collect()
}

fn unfolded(text: &str) -> String {
    let line = |line: &str| line.trim().trim_start_matches(['/', '!', '#']).trim().to_string();
    text.lines().map(line).collect::<Vec<_>>().join(" ")
}

/// Whether a word is the name of a section: `B`, `B.10`, `1.4`.
fn is_section(word: &str) -> bool {
    let (part, number) = word.split_once('.').unwrap_or((word, "0"));
    let letter = part.len() == 1 && ("A"..="I").contains(&part);
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    (letter || digits(part)) && digits(number)
}

/// The sections that a text cites of a document: "docs/algorithms.md B.1, B.4 to B.8".
fn cited(text: &str, document: &str) -> Vec<String> {
    let mut found = Vec::new();
    for rest in text.split(document).skip(1) {
        for word in rest.split_whitespace() {
            let name = word.trim_matches(|c: char| !c.is_ascii_alphanumeric());
            if is_section(name) {
                found.push(name.to_string());
            } else if !["to", "and", "part", "section"].contains(&name) {
                break;
            }
            // A list goes on after a comma; otherwise the next word must say so.
            if name != word && !word.ends_with(',') {
                break;
            }
        }
    }
    found
}

/// The numbered headings of a document.
fn sections(document: &str) -> BTreeSet<String> {
    let text = read(Path::new(document));
    let headings = text.lines().filter(|line| line.starts_with('#'));
    let names = headings.filter_map(|line| line.trim_start_matches('#').split_whitespace().next());
    names.filter(|name| is_section(name)).map(String::from).collect()
}

#[test]
fn cited_sections_exist() {
    let (mut problems, mut seen) = (Vec::new(), 0);
    for document in NUMBERED {
        let known = sections(document);
        for (path, text) in sources().into_iter().chain(pages()) {
            for name in cited(&text, document) {
                seen += 1;
                if !known.contains(&name) {
                    problems.push(format!("{}: {document} has no section {name}", path.display()));
                }
            }
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    assert!(seen > 60, "only {seen} citations were found: the test reads the wrong files");
}

/// Words that stand for documents which were never in the repository.
const GHOSTS: [&str; 3] = ["ALGORITHMS", "FORMATS", "SPEED"];

#[test]
fn cited_documents_exist() {
    let mut problems = Vec::new();
    for (path, text) in sources() {
        for word in text.split(|c: char| !c.is_ascii_alphanumeric() && !"/._-".contains(c)) {
            let name = word.trim_matches('.');
            if name.starts_with("docs/") && is_markdown(Path::new(name)) && !root().join(name).exists() {
                problems.push(format!("{}: there is no {name}", path.display()));
            }
        }
        for ghost in GHOSTS {
            let follows = |rest: &str| rest.starts_with(' ') && rest.split_whitespace().next().is_some_and(is_cited);
            if text.split(ghost).skip(1).any(follows) {
                problems.push(format!("{}: cites {ghost}", path.display()));
            }
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

fn is_cited(word: &str) -> bool {
    is_section(word.trim_matches(|c: char| !c.is_ascii_alphanumeric()))
}

/// The name by which GitHub links to a heading.
fn anchor(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = text.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

/// Targets of the links and pictures of a page.
fn links(text: &str) -> Vec<&str> {
    text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target).collect()
}

#[test]
fn links_lead_somewhere() {
    let mut problems = Vec::new();
    for (path, text) in pages() {
        // The page of releases is relative to the repository on its server.
        for link in links(&text).into_iter().filter(|link| !link.contains("://") && *link != "../../releases/latest") {
            let (file, part) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() { path.clone() } else { path.parent().unwrap().join(file) };
            if !root().join(&target).exists() {
                problems.push(format!("{}: there is no {link}", path.display()));
            } else if !part.is_empty() && !read(&target).lines().any(|l| l.starts_with('#') && anchor(l) == part) {
                problems.push(format!("{}: {} has no heading #{part}", path.display(), target.display()));
            }
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// Whether a path is a pattern for names to be chosen, such as `shaders/ROOM/NAME.wgsl`.
fn is_pattern(path: &str) -> bool {
    let stem = |part: &str| part.split('.').next().unwrap_or_default().to_string();
    path.contains('*') || path.split('/').map(stem).any(|s| s.len() > 1 && s.bytes().all(|b| b.is_ascii_uppercase()))
}

/// What a page sets in backticks, code blocks included.
fn code(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

#[test]
fn named_files_exist() {
    let (mut problems, mut seen) = (Vec::new(), 0);
    for (path, text) in pages() {
        for word in code(&text).flat_map(|code| code.split_whitespace()) {
            let name = word.trim_matches(|c: char| !c.is_ascii_alphanumeric() && c != '*' && c != '/');
            if !FOLDERS.iter().any(|folder| name.starts_with(folder)) || is_pattern(name) {
                continue;
            }
            seen += 1;
            if !root().join(name).exists() {
                problems.push(format!("{}: there is no {name}", path.display()));
            }
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    assert!(seen > 20, "only {seen} names were found: the test reads the wrong files");
}

#[test]
fn named_options_exist() {
    let mut known = String::new();
    for (_, text) in sources() {
        known.push_str(&text);
    }
    for path in files(".github", |_| true) {
        known.push_str(&read(&path));
    }
    let mut problems = Vec::new();
    for (path, text) in pages() {
        for rest in text.split("--").skip(1) {
            let flag: String = rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
            let starts = flag.starts_with(|c: char| c.is_ascii_lowercase());
            if starts && !known.contains(&format!("--{flag}")) && !known.contains(&flag.replace('-', "_")) {
                problems.push(format!("{}: there is no option --{flag}", path.display()));
            }
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn pictures_are_shown() {
    let shown: BTreeSet<PathBuf> = pages()
        .iter()
        .flat_map(|(path, text)| {
            links(text).into_iter().map(|link| path.parent().unwrap().join(link)).collect::<Vec<_>>()
        })
        .collect();
    let pictures = files("docs", |path| path.extension().is_some_and(|e| e == "png" || e == "jpg"));
    let unused: Vec<_> = pictures.iter().filter(|picture| !shown.contains(*picture)).collect();
    assert!(unused.is_empty(), "no page shows {unused:?}");
}

#[test]
fn wrong_citations_are_seen() {
    let text = unfolded("// As in (EWA; docs/formats.md\n    /// 1.4, 1.7 to 1.9), not 2.0; docs/formats.md A\n");
    assert_eq!(cited(&text, "docs/formats.md"), ["1.4", "1.7", "1.9", "A"]);
    assert!(is_cited("B.4)") && is_cited("1.8") && !is_cited("for") && !is_cited("B-4"));
    assert_eq!(anchor("### 2.1 COLMAP, and more"), "21-colmap-and-more");
    assert!(is_pattern("src/format/NAME.rs") && is_pattern("tests/*.rs") && !is_pattern("tools/interop"));
    assert_eq!(links("[a](b.md#c) and ![d](e.png)"), ["b.md#c", "e.png"]);
}
