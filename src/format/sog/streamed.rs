//! Streamed SOG: a tree of regions, each with its Gaussians at several levels of detail, in several SOG files.

use std::collections::BTreeMap;
use std::path::{Component, Path};

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

use crate::edit;
use crate::format::bounded::read_file;
use crate::format::{Format, LOD_META, Loaded};
use crate::scene::Scene;

/// The deepest tree.
const MAX_DEPTH: usize = 64;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Meta {
    #[serde(default)]
    environment: Option<String>,
    filenames: Vec<String>,
    tree: Region,
}

#[derive(Deserialize)]
struct Region {
    #[serde(default)]
    children: Vec<Region>,
    /// By level, of which 0 is the finest.
    #[serde(default)]
    lods: BTreeMap<u32, Range>,
}

/// Gaussians `offset..offset + count` of a file.
#[derive(Clone, Copy, Deserialize)]
struct Range {
    file: usize,
    offset: usize,
    count: usize,
}

impl Region {
    /// The finest range of every region in the tree.
    fn finest(&self, depth: usize, found: &mut Vec<Range>) -> Result<()> {
        ensure!(depth < MAX_DEPTH, "its tree is more than {MAX_DEPTH} levels deep");
        found.extend(self.lods.values().next());
        self.children.iter().try_for_each(|child| child.finest(depth + 1, found))
    }
}

/// Reads the finest level of all regions, and the environment around them; `read` reads one SOG.
///
/// # Errors
/// Names the file, the place in it and the fault.
pub fn read(path: &Path, read: impl Fn(&Path) -> Result<Loaded>) -> Result<Loaded> {
    let named = || path.display().to_string();
    let meta = read_file(path).and_then(|bytes| {
        serde_json::from_slice::<Meta>(&bytes)
            .map_err(|error| anyhow::anyhow!("{LOD_META} is not the description of a streamed SOG: {error}"))
    });
    let meta = meta.with_context(named)?;
    let mut ranges = Vec::new();
    meta.tree.finest(0, &mut ranges).with_context(named)?;
    let mut by_file: BTreeMap<usize, Vec<Range>> = BTreeMap::new();
    ranges.into_iter().for_each(|range| by_file.entry(range.file).or_default().push(range));
    let part = |name: &str| -> Result<Loaded> {
        let plain = Path::new(name).components().all(|part| matches!(part, Component::Normal(_)));
        ensure!(plain, "{}: \"{name}\" is no name of a file beside it", named());
        let file = path.with_file_name("").join(name);
        ensure!(
            file.is_file(),
            "{}: a streamed SOG whose part {name} is not there; copy the whole folder, or give one of its SOG files",
            named()
        );
        read(&file)
    };
    let mut all = Scene::default();
    for (file, mut ranges) in by_file {
        let name = meta.filenames.get(file).with_context(|| format!("{}: there is no file {file}", named()))?;
        let mut scene = part(name)?.scene;
        let len = scene.len();
        if let Some(range) = ranges.iter().find(|r| r.offset.checked_add(r.count).is_none_or(|end| end > len)) {
            bail!("{}: Gaussians from {} of {name}, which has {len}", named(), range.offset);
        }
        ranges.sort_by_key(|range| range.offset);
        let mut kept = vec![false; len];
        ranges.iter().for_each(|range| kept[range.offset..range.offset + range.count].fill(true));
        scene.retain(|_, i| kept[i]);
        edit::append(&mut all, scene).with_context(named)?;
    }
    if let Some(environment) = meta.environment.filter(|name| !name.is_empty()) {
        edit::append(&mut all, part(&environment)?.scene).with_context(named)?;
    }
    let warning = format!("a streamed SOG of {} files; the finest level of each region is read", meta.filenames.len());
    Ok(Loaded { version: "streamed".into(), warnings: vec![warning], ..Loaded::new(all, Format::Sog) })
}
