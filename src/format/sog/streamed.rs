//! Streamed SOG: a tree of regions, each with its Gaussians at several levels of detail, in several SOG files.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

use super::tree::{Bound, Meta, Range, VERSION};
use crate::edit;
use crate::format::bounded::read_file;
use crate::format::{Format, LOD_META, Loaded};
use crate::scene::Scene;

/// The most levels that are counted in a message.
const SAID: usize = 8;

/// A streamed SOG whose description has been read.
#[derive(Debug)]
pub struct Streamed {
    path: PathBuf,
    /// Descriptions of the SOGs.
    files: Vec<String>,
    environment: Option<String>,
    pub regions: Vec<Region>,
}

/// A part of space, with its Gaussians at one level or more, the finest first.
#[derive(Debug)]
pub struct Region {
    pub bound: Bound,
    pub levels: Vec<Range>,
}

impl Streamed {
    /// Reads the description, `lod-meta.json`.
    ///
    /// # Errors
    /// Names the file, the place in it and the fault.
    pub fn open(path: &Path) -> Result<Self> {
        Self::parse(path).with_context(|| path.display().to_string())
    }

    fn parse(path: &Path) -> Result<Self> {
        let meta: Meta = serde_json::from_slice(&read_file(path)?)
            .map_err(|error| anyhow::anyhow!("{LOD_META} is not the description of a streamed SOG: {error}"))?;
        let version = meta.version.unwrap_or(VERSION);
        ensure!(version <= VERSION, "streamed SOG version {version} is not known; version {VERSION} is read");
        let regions = meta.tree.leaves()?;
        let regions = regions.into_iter().map(|leaf| Region {
            bound: leaf.bound,
            levels: leaf.lods.values().copied().filter(|range| range.count > 0).collect(),
        });
        let regions: Vec<Region> = regions.filter(|region| !region.levels.is_empty()).collect();
        let files = meta.filenames.len();
        if let Some(range) = regions.iter().flat_map(|region| &region.levels).find(|range| range.file >= files) {
            bail!("there is no file {}; it has {files}", range.file);
        }
        let environment = meta.environment.filter(|name| !name.is_empty());
        Ok(Self { path: path.to_path_buf(), files: meta.filenames, environment, regions })
    }

    /// Number of the SOGs that the regions are in.
    pub fn file_count(&self) -> usize {
        self.files.len()
    }

    /// The number of Gaussians at a level of all regions, or at the coarsest of those that have fewer levels.
    pub fn count(&self, level: usize) -> usize {
        self.regions
            .iter()
            .filter_map(|region| region.levels.get(level).or(region.levels.last()))
            .map(|r| r.count)
            .sum()
    }

    /// The most levels of a region.
    pub fn level_count(&self) -> usize {
        self.regions.iter().map(|region| region.levels.len()).max().unwrap_or(0)
    }

    /// The description of a SOG, by its number.
    ///
    /// # Errors
    /// A name that leads elsewhere, or a file that is not there.
    pub fn file(&self, index: usize) -> Result<PathBuf> {
        let name = self.files.get(index);
        self.part(name.with_context(|| format!("{}: there is no file {index}", self.path.display()))?)
    }

    /// The description of the SOG that is always drawn, where there is one.
    ///
    /// # Errors
    /// As [`Streamed::file`].
    pub fn environment(&self) -> Result<Option<PathBuf>> {
        self.environment.as_ref().map(|name| self.part(name)).transpose()
    }

    fn part(&self, name: &str) -> Result<PathBuf> {
        let path = self.path.display();
        let plain = Path::new(name).components().all(|part| matches!(part, Component::Normal(_)));
        ensure!(plain, "{path}: \"{name}\" is no name of a file beside it");
        let file = self.path.with_file_name("").join(name);
        ensure!(
            file.is_file(),
            "{path}: a streamed SOG whose part {name} is not there; copy the whole folder, or give one of its SOG files"
        );
        Ok(file)
    }

    /// # Errors
    /// A range that is not within the `len` Gaussians of its file.
    pub fn check(&self, range: Range, len: usize) -> Result<()> {
        let Range { file, offset, count } = range;
        let name = self.files.get(file).map_or("", String::as_str);
        let within = offset.checked_add(count).is_some_and(|end| end <= len);
        ensure!(within, "{}: Gaussians from {offset} of {name}, which has {len}", self.path.display());
        Ok(())
    }

    /// What is read of it.
    fn describe(&self) -> String {
        let files = self.files.len();
        let levels = self.level_count();
        if levels < 2 {
            return format!("a streamed SOG of {files} files; the finest level of each region is read");
        }
        let counts: Vec<String> = (0..levels.min(SAID)).map(|level| self.count(level).to_string()).collect();
        let more = if levels > SAID { ", …" } else { "" };
        format!(
            "a streamed SOG of {files} files, with {levels} levels of {}{more} Gaussians; the finest level of each region is read",
            counts.join(", ")
        )
    }
}

/// Reads the finest level of all regions, and the environment around them; `read` reads one SOG.
///
/// # Errors
/// Names the file, the place in it and the fault.
pub fn read(path: &Path, read: impl Fn(&Path) -> Result<Loaded>) -> Result<Loaded> {
    let streamed = Streamed::open(path)?;
    let named = || path.display().to_string();
    let mut by_file: BTreeMap<usize, Vec<Range>> = BTreeMap::new();
    let finest = streamed.regions.iter().filter_map(|region| region.levels.first());
    finest.for_each(|range| by_file.entry(range.file).or_default().push(*range));
    let mut all = Scene::default();
    for (file, ranges) in by_file {
        let mut scene = read(&streamed.file(file)?)?.scene;
        let mut kept = vec![false; scene.len()];
        for range in ranges {
            streamed.check(range, scene.len())?;
            kept[range.offset..range.offset + range.count].fill(true);
        }
        scene.retain(|_, i| kept[i]);
        edit::append(&mut all, scene).with_context(named)?;
    }
    if let Some(environment) = streamed.environment()? {
        edit::append(&mut all, read(&environment)?.scene).with_context(named)?;
    }
    let warnings = vec![streamed.describe()];
    Ok(Loaded { version: "streamed".into(), warnings, ..Loaded::new(all, Format::Sog) })
}
