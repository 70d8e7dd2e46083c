//! Gaussians on disk, in cells of space that fit into memory one by one.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use glam::Vec3;
use rayon::prelude::*;

use crate::format::atomic::{UnfinishedFolder, create_folder, describe_write_error};
use crate::format::lod::Cells;
use crate::scene::Scene;

/// Floats of a Gaussian without its colours: mean, quaternion, logarithmic scales, logit.
const GEOMETRY: usize = 11;
/// Bytes that wait to be written, for each cell.
const BUFFER: usize = 1 << 16;

/// A hidden folder beside a file that is being written, which goes when this is dropped.
pub struct Scratch {
    folder: PathBuf,
    _unfinished: UnfinishedFolder,
}

impl Scratch {
    pub fn beside(path: &Path) -> Result<Self> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let folder = path.with_file_name(format!(".{name}.scratch"));
        // What a run that was killed has left.
        let _ = std::fs::remove_dir_all(&folder);
        create_folder(&folder)?;
        let unfinished = UnfinishedFolder::new(&folder);
        Ok(Self { folder, _unfinished: unfinished })
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// The cells of a scene on disk.
pub struct DiskCells {
    pub scratch: Scratch,
    /// Degree of the harmonics and what else is the same for all; without Gaussians.
    pub facts: Scene,
    counts: Vec<usize>,
}

impl DiskCells {
    /// Sorts the blocks that `pass` gives into cells, in a folder beside `path`.
    ///
    /// # Errors
    /// Those of `pass`, or a failed write.
    pub fn scatter(
        path: &Path,
        cells: &Cells,
        facts: Scene,
        pass: impl FnOnce(&mut dyn FnMut(Scene) -> Result<()>) -> Result<()>,
    ) -> Result<Self> {
        let scratch = Scratch::beside(path)?;
        let file = |i: usize| -> Result<BufWriter<File>> {
            let path = scratch.file(&i.to_string());
            let file = File::create(&path).map_err(|error| describe_write_error(&path, error))?;
            Ok(BufWriter::with_capacity(BUFFER, file))
        };
        let mut files = (0..cells.len()).map(file).collect::<Result<Vec<_>>>()?;
        let mut counts = vec![0; cells.len()];
        let failed = |error| describe_write_error(&scratch.folder, error);
        pass(&mut |block| {
            let places: Vec<usize> = block.means.par_iter().map(|mean| cells.find(*mean)).collect();
            let stride = block.sh_stride();
            for (i, cell) in places.into_iter().enumerate() {
                let mut row = [0.0; GEOMETRY];
                row[..3].copy_from_slice(&block.means[i].to_array());
                row[3..7].copy_from_slice(&block.quaternions[i]);
                row[7..10].copy_from_slice(&block.log_scales[i].to_array());
                row[10] = block.logits[i];
                files[cell].write_all(bytemuck::cast_slice(&row)).map_err(failed)?;
                let sh = &block.sh[i * stride..(i + 1) * stride];
                files[cell].write_all(bytemuck::cast_slice(sh)).map_err(failed)?;
                counts[cell] += 1;
            }
            Ok(())
        })?;
        files.iter_mut().try_for_each(Write::flush).map_err(failed)?;
        Ok(Self { scratch, facts, counts })
    }

    pub fn len(&self) -> usize {
        self.counts.len()
    }

    /// The Gaussians of a cell, in the order in which they came; the disk forgets them.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn take(&self, cell: usize) -> Result<Scene> {
        let path = self.scratch.file(&cell.to_string());
        let (n, stride) = (self.counts[cell], self.facts.sh_stride());
        let mut rows = vec![0.0_f32; n * (GEOMETRY + stride)];
        let read = File::open(&path)
            .and_then(|mut file| std::io::Read::read_exact(&mut file, bytemuck::cast_slice_mut(&mut rows)));
        read.with_context(|| format!("cannot read {}", path.display()))?;
        let _ = std::fs::remove_file(&path);
        let rows = || rows.chunks_exact(GEOMETRY + stride);
        Ok(Scene {
            means: rows().map(Vec3::from_slice).collect(),
            quaternions: rows().map(|row| [row[3], row[4], row[5], row[6]]).collect(),
            log_scales: rows().map(|row| Vec3::from_slice(&row[7..])).collect(),
            logits: rows().map(|row| row[10]).collect(),
            sh: rows().flat_map(|row| &row[GEOMETRY..]).copied().collect(),
            ..self.facts.clone()
        })
    }
}
