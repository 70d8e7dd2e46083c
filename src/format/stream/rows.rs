//! The rows of a PLY, in blocks.

use std::fs::File;
use std::io::{BufReader, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use glam::Vec3;

use crate::format::detect::{self, Opened};
use crate::format::folder::scene_in;
use crate::format::ply::read_floats;
use crate::format::ply_columns::{RowLayout, are_gaussians};
use crate::format::ply_header::{PlyFile, check_size, skip_rows};
use crate::format::sequence;
use crate::scene::Scene;

/// Rows of a block.
const BLOCK: usize = 1 << 16;

/// A PLY of Gaussians in INRIA's layout, which is read in blocks, as often as needed.
pub struct PlyRows {
    path: PathBuf,
    layout: RowLayout,
    /// Offset of each number in a row, and the size of a row, bytes.
    offsets: Vec<usize>,
    stride: usize,
    /// Where the rows start, and how many they are.
    start: u64,
    count: usize,
    antialiased: bool,
    up: Option<Vec3>,
}

impl PlyRows {
    /// Opens a file or a run folder; `None` where that is no PLY whose rows are little-endian floats.
    ///
    /// # Errors
    /// A file that cannot be opened, or a damaged header.
    pub fn open(path: &Path) -> Result<Option<Self>> {
        if path.is_dir() && !sequence::find(path).is_empty() {
            return Ok(None);
        }
        let path = scene_in(path)?;
        let Opened::Ply(file) = detect::open(&path)? else { return Ok(None) };
        Self::of(&path, file).with_context(|| path.display().to_string())
    }

    fn of(path: &Path, file: PlyFile) -> Result<Option<Self>> {
        let mut remaining = file.remaining();
        let PlyFile { header, mut reader, length } = file;
        let Some(at) = header.elements.iter().position(|element| element.name == "vertex") else { return Ok(None) };
        let vertex = &header.elements[at];
        if !are_gaussians(vertex) {
            return Ok(None);
        }
        for earlier in &header.elements[..at] {
            remaining -= skip_rows(&mut reader, header.encoding, earlier, remaining)?;
        }
        let layout = RowLayout::of(&header, vertex)?;
        let Some((offsets, stride)) = layout.offsets(header.encoding, vertex)? else { return Ok(None) };
        check_size(header.encoding, vertex, remaining)?;
        let (path, count) = (path.to_path_buf(), usize::try_from(vertex.count)?);
        let (antialiased, up) = (header.says_antialiased(), header.up());
        Ok(Some(Self { path, layout, offsets, stride, start: length - remaining, count, antialiased, up }))
    }

    /// Number of rows.
    pub fn count(&self) -> usize {
        self.count
    }

    pub fn sh_degree(&self) -> u32 {
        self.layout.degree
    }

    pub fn is_antialiased(&self) -> bool {
        self.antialiased
    }

    /// What was assumed about the columns, one sentence each.
    pub fn warnings(&self) -> &[String] {
        &self.layout.warnings
    }

    /// Reads all rows, in order; `take` gets each block, and the share of the rows that have been read with it.
    ///
    /// # Errors
    /// Rows that cannot be read, or what `take` says.
    pub fn for_each_block(&self, mut take: impl FnMut(Scene, f64) -> Result<()>) -> Result<()> {
        let named = || self.path.display().to_string();
        let mut file = File::open(&self.path).with_context(named)?;
        file.seek(SeekFrom::Start(self.start)).with_context(named)?;
        let mut reader = BufReader::with_capacity(1 << 20, file);
        for first in (0..self.count).step_by(BLOCK) {
            let count = BLOCK.min(self.count - first);
            let (sh_degree, antialiased, up) = (self.layout.degree, self.antialiased, self.up);
            let mut block = Scene { sh_degree, antialiased, up, ..Scene::default() };
            read_floats(&mut reader, &self.layout, &self.offsets, self.stride, count, &mut block)
                .with_context(|| format!("{}: from row {first} on", self.path.display()))?;
            take(block, (first + count) as f64 / self.count as f64)?;
        }
        Ok(())
    }
}
