//! Which file imports from which, by reading `use` items and paths in the code.

use std::collections::{BTreeMap, BTreeSet};

use super::files::Source;

/// Segments of a path from the crate's root on.
type ModulePath = Vec<String>;

/// Rooms named after `crate::` in a file's code.
pub fn rooms_of(code: &str) -> Vec<String> {
    let code = without_comments(code);
    let rest = code.split("crate::").skip(1).map(|rest| rest.trim_start_matches('{').to_string());
    rest.map(|rest| rest.chars().take_while(|c| is_word(*c)).collect()).collect()
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn without_comments(code: &str) -> String {
    let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.map(|line| line.split(" // ").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

/// A file as a module: the names that it brings into scope, and the paths that its code spells out.
struct Module {
    file: String,
    /// The full path that each name of a `use` item means.
    names: BTreeMap<String, ModulePath>,
    /// Paths of `use` items that only pass names on.
    passed_on: BTreeSet<ModulePath>,
    code: String,
}

/// The module of a file: `src/a/b.rs` and `src/a/b/mod.rs` are both `a::b`.
fn module_of(file: &str) -> ModulePath {
    let stem = file.trim_start_matches("src/").trim_end_matches(".rs").trim_end_matches("/mod");
    stem.split('/').map(String::from).collect()
}

/// For each file the files of the same room that it imports from.
pub fn edges(sources: &[Source]) -> BTreeMap<String, BTreeSet<String>> {
    let inside = |source: &&Source| !["src/lib.rs", "src/main.rs"].contains(&source.path.as_str());
    let mut modules: BTreeMap<ModulePath, Module> = BTreeMap::new();
    for source in sources.iter().filter(inside) {
        let path = module_of(&source.path);
        modules.insert(path.clone(), read(source, &path));
    }
    let mut edges = BTreeMap::new();
    for (path, module) in &modules {
        let mut targets = BTreeSet::new();
        let leaves = module.names.values().filter(|leaf| !module.passed_on.contains(*leaf)).cloned();
        for target in leaves.chain(spelled_out(module, path, &modules)) {
            targets.extend(home(&target, &modules, 0));
        }
        targets.retain(|target| *target != module.file && module_of(target)[0] == path[0]);
        edges.insert(module.file.clone(), targets);
    }
    edges
}

fn read(source: &Source, path: &ModulePath) -> Module {
    let mut code = without_comments(&source.code());
    let mut module =
        Module { file: source.path.clone(), names: BTreeMap::new(), passed_on: BTreeSet::new(), code: String::new() };
    while let Some((start, public, end)) = next_use(&code) {
        let item: String = code[start..end].to_string();
        let tree = item.split_once("use ").map_or("", |(_, tree)| tree).trim_end_matches(';');
        let mut leaves = Vec::new();
        flatten(tree, Vec::new(), &mut leaves);
        for (name, leaf) in leaves {
            let Some(leaf) = absolute(&leaf, path) else { continue };
            if public && source.path.ends_with("/mod.rs") {
                module.passed_on.insert(leaf.clone());
            }
            module.names.insert(name, leaf);
        }
        code.replace_range(start..end, "");
    }
    module.code = code;
    module
}

/// Start, visibility and end of the first `use` item.
fn next_use(code: &str) -> Option<(usize, bool, usize)> {
    let mut at = 0;
    for line in code.split_inclusive('\n') {
        let item = line.trim_start();
        let begins = item.starts_with("use ") || item.starts_with("pub") && item.contains(" use ");
        if begins {
            return Some((at, item.starts_with("pub"), at + code[at..].find(';')? + 1));
        }
        at += line.len();
    }
    None
}

/// The names that a tree of `use` brings into scope, with their paths.
fn flatten(tree: &str, before: ModulePath, leaves: &mut Vec<(String, ModulePath)>) {
    let tree = tree.trim();
    if let Some((prefix, group)) = tree.split_once('{') {
        let mut path = before;
        path.extend(prefix.split("::").map(str::trim).filter(|part| !part.is_empty()).map(String::from));
        let group = group.trim_end().strip_suffix('}').unwrap_or(group);
        let (mut depth, mut start) = (0, 0);
        for (at, c) in group.char_indices().chain([(group.len(), ',')]) {
            match c {
                '{' => depth += 1,
                '}' => depth -= 1,
                ',' if depth == 0 => {
                    flatten(&group[start..at], path.clone(), leaves);
                    start = at + 1;
                }
                _ => {}
            }
        }
        return;
    }
    if tree.is_empty() {
        return;
    }
    let (path_text, name) = tree.split_once(" as ").unwrap_or((tree, ""));
    let mut path = before;
    path.extend(path_text.split("::").map(|part| part.trim().to_string()));
    path.retain(|part| part != "self" || path_text.starts_with("self"));
    let last = path.last().cloned().unwrap_or_default();
    let name = if name.is_empty() || name.trim() == "_" { last } else { name.trim().to_string() };
    leaves.push((name, path));
}

/// The path from the crate's root on; a path that starts with no keyword may start at a child module.
fn absolute(path: &ModulePath, module: &ModulePath) -> Option<ModulePath> {
    let mut full = module.clone();
    let mut rest = path.iter().peekable();
    match rest.peek()?.as_str() {
        "crate" => {
            rest.next();
            full.clear();
        }
        "self" => {
            rest.next();
        }
        _ => {
            while rest.next_if(|part| *part == "super").is_some() {
                full.pop();
            }
        }
    }
    full.extend(rest.cloned());
    Some(full)
}

/// Paths that the code spells out: from `crate`, `super` or `self`, a child module, or a module brought into scope.
fn spelled_out(module: &Module, path: &ModulePath, modules: &BTreeMap<ModulePath, Module>) -> Vec<ModulePath> {
    let mut found = Vec::new();
    let bytes = module.code.as_bytes();
    let mut at = 0;
    while let Some(next) = module.code[at..].find("::") {
        let colons = at + next;
        at = colons + 2;
        let start = module.code[..colons].rfind(|c: char| !is_word(c)).map_or(0, |i| i + 1);
        let continued = start >= 2 && &bytes[start - 2..start] == b"::";
        if start == colons || continued {
            continue;
        }
        let first = module.code[start..colons].to_string();
        let mut rest = Vec::new();
        let mut tail = &module.code[at..];
        loop {
            let word: String = tail.chars().take_while(|c| is_word(*c)).collect();
            tail = &tail[word.len()..];
            rest.push(word);
            let Some(more) = tail.strip_prefix("::") else { break };
            tail = more;
        }
        let mut child = path.clone();
        child.push(first.clone());
        let begin = match first.as_str() {
            "crate" | "super" | "self" => absolute(&vec![first], path),
            _ => module.names.get(&first).cloned().or_else(|| modules.contains_key(&child).then_some(child)),
        };
        let Some(begin) = begin else { continue };
        let supers = rest.iter().take_while(|part| *part == "super").count();
        let mut full = begin;
        (0..supers).for_each(|_| drop(full.pop()));
        full.extend(rest.into_iter().skip(supers));
        found.push(full);
    }
    found
}

/// The file in which the item of a path is at home: re-exports are followed. `None` outside the crate, and for a whole
/// `mod.rs`, of which paths in the code say what is used.
fn home(path: &ModulePath, modules: &BTreeMap<ModulePath, Module>, depth: usize) -> Option<String> {
    let longest = (1..=path.len()).rev().find(|&n| modules.contains_key(&path[..n]))?;
    let module = &modules[&path[..longest]];
    let Some(item) = path.get(longest) else {
        return (!module.file.ends_with("/mod.rs")).then(|| module.file.clone());
    };
    match module.names.get(item) {
        Some(passed) if depth < 8 && passed != path => {
            let mut full = passed.clone();
            full.extend_from_slice(&path[longest + 1..]);
            home(&full, modules, depth + 1)
        }
        _ => Some(module.file.clone()),
    }
}

/// A circle in each group of files that import each other: a shortest one from its first file, which ends it too.
pub fn circles(edges: &BTreeMap<String, BTreeSet<String>>) -> Vec<Vec<String>> {
    let mut found: Vec<Vec<String>> = Vec::new();
    for start in edges.keys() {
        if found.iter().any(|circle| circle.contains(start)) {
            continue;
        }
        found.extend(way_back(start, edges));
    }
    found
}

/// A shortest way from a file back to itself.
fn way_back(start: &String, edges: &BTreeMap<String, BTreeSet<String>>) -> Option<Vec<String>> {
    let mut ways = vec![vec![start.clone()]];
    let mut seen = BTreeSet::new();
    while !ways.is_empty() {
        let mut longer = Vec::new();
        for way in ways {
            for next in way.last().and_then(|last| edges.get(last)).into_iter().flatten() {
                let further = [way.as_slice(), std::slice::from_ref(next)].concat();
                if next == start {
                    return Some(further);
                }
                if seen.insert(next.clone()) {
                    longer.push(further);
                }
            }
        }
        ways = longer;
    }
    None
}
