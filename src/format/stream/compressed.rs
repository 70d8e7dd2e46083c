//! Compressed PLY, cell by cell.

use std::fs::File;
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::Path;

use anyhow::Result;
use rayon::prelude::*;

use super::cells::DiskCells;
use crate::edit;
use crate::format::compressed_ply::{CHUNK, best_order, header, pack_chunk, pack_harmonics};
use crate::format::write_atomically;
use crate::scene::Scene;

/// Gaussians whose harmonics are packed at once.
const BLOCK: usize = 1 << 16;

/// Writes `count` Gaussians, each cell in the order that is best for it; `progress` is told the cell.
///
/// # Errors
/// A cell that cannot be read, or a failed write.
pub fn write(path: &Path, count: usize, cells: &DiskCells, progress: &mut dyn FnMut(usize)) -> Result<()> {
    let rest = cells.facts.sh_stride() / 3 - 1;
    let chunks = count.div_ceil(CHUNK);
    let start = header(&cells.facts, count, chunks, 3 * rest);
    write_atomically(path, |file| {
        file.write_all(start.as_bytes())?;
        let mut parts = Parts { bounds: Vec::with_capacity(chunks), rest, harmonics: None };
        if rest > 0 {
            parts.harmonics = Some(BufWriter::new(File::create_new(cells.scratch.file("harmonics"))?));
        }
        // The bounds of all chunks come first, and are known last.
        file.seek_relative((chunks * size_of::<[f32; 18]>()) as i64)?;
        let mut carried = cells.facts.clone();
        for cell in 0..cells.len() {
            progress(cell);
            let scene = cells.take(cell).map_err(|error| io::Error::other(format!("{error:#}")))?;
            let scene = edit::gather(&scene, &best_order(&scene));
            edit::append(&mut carried, scene).map_err(|error| io::Error::other(format!("{error:#}")))?;
            let n = carried.len();
            let whole = if cell + 1 == cells.len() { n } else { n / CHUNK * CHUNK };
            parts.write(file, &carried, whole)?;
            let left: Vec<u32> = (whole as u32..n as u32).collect();
            carried = edit::gather(&carried, &left);
        }
        parts.finish(file, start.len() as u64, cells)
    })
}

/// What belongs before and behind the words of the Gaussians.
struct Parts {
    bounds: Vec<[f32; 18]>,
    rest: usize,
    harmonics: Option<BufWriter<File>>,
}

impl Parts {
    /// Writes the first `n` Gaussians of a scene, whole chunks but for the last.
    fn write(&mut self, file: &mut BufWriter<File>, scene: &Scene, n: usize) -> io::Result<()> {
        let order: Vec<u32> = (0..n as u32).collect();
        let packed: Vec<_> = order.par_chunks(CHUNK).map(|chunk| pack_chunk(scene, chunk)).collect();
        for (bounds, words) in packed {
            self.bounds.push(bounds);
            file.write_all(bytemuck::cast_slice(&words))?;
        }
        let Some(harmonics) = &mut self.harmonics else { return Ok(()) };
        order.chunks(BLOCK).try_for_each(|block| harmonics.write_all(&pack_harmonics(scene, block, self.rest)))
    }

    fn finish(self, file: &mut BufWriter<File>, start: u64, cells: &DiskCells) -> io::Result<()> {
        if let Some(mut harmonics) = self.harmonics {
            harmonics.flush()?;
            io::copy(&mut File::open(cells.scratch.file("harmonics"))?, file)?;
        }
        file.seek(SeekFrom::Start(start))?;
        file.write_all(bytemuck::cast_slice(&self.bounds))
    }
}
