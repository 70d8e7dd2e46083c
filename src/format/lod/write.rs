//! Writing streamed SOG: space in regions, each with its Gaussians at several levels, and files that hold one level of
//! several neighbouring regions.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use glam::Vec3;
use rayon::prelude::*;
use serde_json::json;

use super::regions::{Cells, Tree, split};
use crate::edit;
use crate::format::atomic::{UnfinishedFolder, create_folder, describe_write_error, write_atomically};
use crate::format::html::{self, PageSetting};
use crate::format::kind::{LOD_META, SOG_META};
use crate::format::sog::{Bound, Meta, Node, Range, encode_in_order};
use crate::scene::Scene;

/// Gaussians of a region at most, whose level is chosen as one.
const REGION: usize = 8192;
/// Gaussians that are handled at once at most, about; more cells than [`MOST_CELLS`] are not made.
const CELL: usize = 1 << 19;
const MOST_CELLS: usize = 512;
/// The most means that the borders of cells are found with.
const SAMPLE: usize = 1 << 20;
/// As many Gaussians as any phone draws: what the coarsest level has at most, where nobody says how many levels.
const COARSEST: usize = 100_000;
/// The most levels; at the last a full region has one Gaussian.
const MAX_LEVELS: usize = 14;
/// The page that shows the scene: what servers show of a folder.
const PAGE: &str = "index.html";
/// Where a Gaussian ends, in standard deviations.
const REACH: f32 = 3.0;

/// The levels of detail that are written.
#[derive(Clone, Copy, Debug)]
pub struct Levels {
    /// Number of levels, each with half of the Gaussians of the one before; if `None`, so many that the coarsest has at
    /// most 100 000.
    pub count: Option<usize>,
    /// Gaussians in a file at most; at least 8192.
    pub chunk: usize,
}

impl Levels {
    /// Gaussians in a file: about 2 MB, which a telephone's network brings in a second.
    pub const CHUNK: usize = 131_072;

    /// The number of levels of `n` Gaussians.
    fn of(&self, n: usize) -> usize {
        let enough = || (1..MAX_LEVELS).find(|&levels| n >> (levels - 1) <= COARSEST).unwrap_or(MAX_LEVELS);
        self.count.unwrap_or_else(enough).clamp(1, MAX_LEVELS)
    }
}

impl Default for Levels {
    fn default() -> Self {
        Self { count: None, chunk: Self::CHUNK }
    }
}

/// Writes a still scene as a folder: `lod-meta.json`, a folder for each of its SOGs, and `index.html`, which shows it. An earlier one is replaced as a whole.
///
/// # Errors
/// A scene that is not finite, a folder that holds something else, or a failed write, after which the earlier folder is as it was.
pub fn write(path: &Path, scene: &Scene, levels: Levels, page: &PageSetting) -> Result<()> {
    scene.validate().with_context(|| format!("cannot write {}", path.display()))?;
    let (cells, members) = cells_of(scene);
    let mut writer = LodWriter::new(path, scene.len(), levels)?;
    let nodes = members.iter().map(|members| writer.add(&edit::gather(scene, members))).collect::<Result<_>>()?;
    writer.finish(cells.tree(), nodes, page)
}

/// Indices of the Gaussians in the order of the finest level.
pub fn order(scene: &Scene) -> Vec<u32> {
    let in_cell = |members: &Vec<u32>| {
        let means: Vec<Vec3> = members.iter().map(|&i| scene.means[i as usize]).collect();
        let parts = split(&means, REGION).1.into_iter().flat_map(|part| along_curve(&means, &part));
        parts.map(|k| members[k as usize]).collect::<Vec<u32>>()
    };
    cells_of(scene).1.iter().flat_map(in_cell).collect()
}

fn cells_of(scene: &Scene) -> (Cells, Vec<Vec<u32>>) {
    let step = LodWriter::sample_step(scene.len());
    let mut sample: Vec<Vec3> = scene.means.iter().step_by(step).copied().collect();
    let cells = Cells::of(&mut sample, LodWriter::cells(scene.len()));
    let mut members = vec![Vec::new(); cells.len()];
    scene.means.iter().enumerate().for_each(|(i, mean)| members[cells.find(*mean)].push(i as u32));
    (cells, members)
}

/// The members of a part along a Morton curve.
fn along_curve(means: &[Vec3], part: &[u32]) -> Vec<u32> {
    let inside: Vec<Vec3> = part.iter().map(|&i| means[i as usize]).collect();
    edit::morton_order(&inside).into_iter().map(|k| part[k as usize]).collect()
}

/// A streamed SOG that is written cell by cell.
pub struct LodWriter {
    path: PathBuf,
    folder: PathBuf,
    chunk: usize,
    levels: Vec<Level>,
    files: Vec<String>,
    /// What the page needs: means, one in [`LodWriter::sample_step`] of each cell, and up.
    step: usize,
    sample: Vec<Vec3>,
    up: Option<Vec3>,
    finished: bool,
    _unfinished: UnfinishedFolder,
}

/// What has been written of a level.
#[derive(Default)]
struct Level {
    count: u64,
    /// Files that were begun, and the number and the Gaussians of the one that is not full yet.
    begun: usize,
    file: usize,
    open: Scene,
}

impl LodWriter {
    /// # Errors
    /// A path where something else is, or no place to write.
    pub fn new(path: &Path, gaussians: usize, levels: Levels) -> Result<Self> {
        ensure!(gaussians > 0, "{}: there are no Gaussians to write", path.display());
        ensure!(levels.chunk >= REGION, "a file of a streamed SOG holds at least {REGION} Gaussians");
        let empty = || std::fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none());
        if path.exists() && !path.join(LOD_META).is_file() && !empty() {
            bail!("{} is there and is no streamed SOG; choose another name", path.display());
        }
        let folder = beside(path, "partial");
        remove(&folder)?;
        create_folder(&folder)?;
        let made = (0..levels.of(gaussians)).map(|_| Level::default()).collect();
        let unfinished = UnfinishedFolder::new(&folder);
        let path = path.to_path_buf();
        Ok(Self {
            path,
            folder,
            chunk: levels.chunk,
            levels: made,
            files: Vec::new(),
            step: Self::sample_step(gaussians),
            sample: Vec::new(),
            up: None,
            finished: false,
            _unfinished: unfinished,
        })
    }

    /// Number of cells for so many Gaussians.
    pub fn cells(gaussians: usize) -> usize {
        gaussians.div_ceil(CELL).min(MOST_CELLS)
    }

    /// One mean in how many the borders of cells are found with.
    pub fn sample_step(gaussians: usize) -> usize {
        gaussians.div_ceil(SAMPLE).max(1)
    }

    /// Adds the Gaussians of a cell; returns its part of the tree.
    ///
    /// # Errors
    /// A failed write.
    pub fn add(&mut self, cell: &Scene) -> Result<Node> {
        self.sample.extend(cell.means.iter().step_by(self.step));
        self.up = cell.up;
        let (tree, parts) = split(&cell.means, REGION);
        let count = self.levels.len();
        let regions = parts.par_iter().map(|part| levels(edit::gather(cell, &along_curve(&cell.means, part)), count));
        let mut full = Vec::new();
        let mut nodes = Vec::new();
        for levels in regions.collect::<Result<Vec<Vec<Scene>>>>()? {
            let mut node = Node { bound: Bound::NOTHING, ..Node::default() };
            for (level, scene) in levels.into_iter().enumerate() {
                node.bound = node.bound.with(bound(&scene));
                node.lods.insert(level as u32, self.place(level, scene, &mut full)?);
            }
            nodes.push(Some(node));
        }
        full.par_iter().try_for_each(|(name, scene)| self.write_file(name, scene))?;
        Ok(joined(&tree, &mut nodes))
    }

    /// Puts a region's Gaussians into the open file of their level; files that are full go to `full`.
    fn place(&mut self, level: usize, scene: Scene, full: &mut Vec<(String, Scene)>) -> Result<Range> {
        let (files, chunk) = (&mut self.files, self.chunk);
        let own = &mut self.levels[level];
        if !own.open.is_empty() && own.open.len() + scene.len() > chunk {
            full.push((files[own.file].clone(), std::mem::take(&mut own.open)));
        }
        if own.open.is_empty() {
            own.file = files.len();
            files.push(format!("{level}_{}", own.begun));
            own.begun += 1;
        }
        let range = Range { file: own.file, offset: own.open.len(), count: scene.len() };
        own.count += scene.len() as u64;
        edit::append(&mut own.open, scene)?;
        Ok(range)
    }

    fn write_file(&self, name: &str, scene: &Scene) -> Result<()> {
        let folder = self.folder.join(name);
        create_folder(&folder)?;
        let order = (0..scene.len() as u32).collect();
        let files = encode_in_order(scene, order)?;
        files
            .iter()
            .try_for_each(|(name, content)| write_atomically(&folder.join(name), |file| file.write_all(content)))
    }

    /// Writes what is left, the description and the page, and puts the folder in its place; `cells` are the parts of the tree.
    ///
    /// # Errors
    /// A failed write.
    pub fn finish(mut self, tree: Tree, cells: Vec<Node>, page: &PageSetting) -> Result<()> {
        let open = self.levels.iter_mut().filter(|level| !level.open.is_empty());
        let rest: Vec<_> = open.map(|level| (level.file, std::mem::take(&mut level.open))).collect();
        rest.par_iter().try_for_each(|(file, scene)| self.write_file(&self.files[*file], scene))?;
        let counts: Vec<u64> = self.levels.iter().map(|level| level.count).collect();
        let meta = Meta {
            version: Some(1),
            asset: json!({ "generator": concat!("Dapple ", env!("CARGO_PKG_VERSION")) }),
            count: counts.iter().sum(),
            lod_levels: counts.len(),
            counts,
            environment: None,
            filenames: self.files.iter().map(|name| format!("{name}/{SOG_META}")).collect(),
            tree: joined(&tree, &mut cells.into_iter().map(Some).collect::<Vec<_>>()),
        };
        let text = serde_json::to_vec(&meta)?;
        write_atomically(&self.folder.join(LOD_META), |file| file.write_all(&text))?;
        let title = self.path.file_stem().unwrap_or_default().to_string_lossy();
        html::write_streamed(&self.folder.join(PAGE), &title, std::mem::take(&mut self.sample), self.up, page)?;
        let old = beside(&self.path, "replaced");
        remove(&old)?;
        let failed = |error| describe_write_error(&self.path, error);
        if self.path.exists() {
            std::fs::rename(&self.path, &old).map_err(failed)?;
        }
        std::fs::rename(&self.folder, &self.path).map_err(failed)?;
        self.finished = true;
        remove(&old)
    }
}

impl Drop for LodWriter {
    fn drop(&mut self) {
        if !self.finished {
            let _ = std::fs::remove_dir_all(&self.folder);
        }
    }
}

/// A hidden name beside a path.
fn beside(path: &Path, what: &str) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{what}"))
}

fn remove(folder: &Path) -> Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(describe_write_error(folder, error)),
        _ => Ok(()),
    }
}

/// The levels of a region, the finest first: each is merged from the one before and has half as many.
fn levels(region: Scene, count: usize) -> Result<Vec<Scene>> {
    let mut levels = vec![region];
    while levels.len() < count {
        let mut coarser = levels[levels.len() - 1].clone();
        let half = coarser.len().div_ceil(2);
        edit::merge_to(&mut coarser, None, half)?;
        let order = edit::morton_order(&coarser.means);
        edit::permute(&mut coarser, &order);
        levels.push(coarser);
    }
    Ok(levels)
}

/// The box around the Gaussians.
fn bound(scene: &Scene) -> Bound {
    (0..scene.len()).fold(Bound::NOTHING, |bound, i| {
        let (mean, reach) = (scene.means[i], REACH * edit::extent(scene, i));
        bound.with(Bound { min: mean - reach, max: mean + reach })
    })
}

/// The tree with these parts, each of which is in it once.
fn joined(tree: &Tree, parts: &mut [Option<Node>]) -> Node {
    match tree {
        Tree::Part(part) => parts[*part].take().unwrap_or_default(),
        Tree::Fork(sides) => {
            let children: Vec<Node> = sides.iter().map(|side| joined(side, parts)).collect();
            let bound = children.iter().fold(Bound::NOTHING, |bound, child| bound.with(child.bound));
            Node { bound, children, ..Node::default() }
        }
    }
}
