//! `plan.json`: the cells of a partition, and where the block and the run of each are.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use glam::DVec3;
use serde::{Deserialize, Serialize};

use crate::dataset::Cell;
use crate::format::write_atomically;
use crate::scene::Normalisation;

/// The file that makes a folder a plan.
pub const PLAN: &str = "plan.json";
/// Version of the file; raised when a field changes its meaning.
const VERSION: u32 = 2;
/// The options of a block's run, in its folder.
pub const OPTIONS: &str = "train.toml";

/// A partition of a capture. Paths are relative to the plan's folder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    pub version: u32,
    pub capture: PathBuf,
    /// Unit vector.
    pub up: DVec3,
    /// What is subtracted from the capture's own coordinates.
    pub shift: DVec3,
    /// The frame that all blocks are trained in.
    pub frame: Normalisation,
    /// The whole, from which the coarse scene is trained first.
    pub coarse: PlannedBlock,
    pub cells: Vec<PlannedCell>,
}

/// A block of a plan: a capture to train, and the run that trains it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlannedBlock {
    pub name: String,
    pub capture: PathBuf,
    pub run: PathBuf,
    /// Photos to train on, and those held out.
    pub photos: usize,
    pub held_out: usize,
    /// First points in the cell, without its margin.
    pub points: usize,
    /// Training cameras that stand in the cell.
    pub cameras: usize,
}

/// A cell and the block that is trained for it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlannedCell {
    #[serde(flatten)]
    pub block: PlannedBlock,
    pub cell: Cell,
}

impl Plan {
    /// A plan without cells yet.
    pub fn new(capture: PathBuf, up: DVec3, shift: DVec3, frame: Normalisation, coarse: PlannedBlock) -> Self {
        Self { version: VERSION, capture, up, shift, frame, coarse, cells: Vec::new() }
    }

    /// Reads the plan of a folder, or the file itself; and the folder.
    ///
    /// # Errors
    /// No plan, one that cannot be read, or one of another version.
    pub fn read(path: &Path) -> Result<(Self, PathBuf)> {
        let file = if path.is_dir() { path.join(PLAN) } else { path.to_path_buf() };
        let none = || format!("{}: no plan is here; dapple partition CAPTURE FOLDER makes one", path.display());
        ensure!(file.is_file(), none());
        let text = std::fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let plan: Self = serde_json::from_slice(&text).with_context(none)?;
        ensure!(
            plan.version == VERSION,
            "{}: of version {}, this Dapple reads {VERSION}; partition the capture anew",
            file.display(),
            plan.version
        );
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        Ok((plan, folder.to_path_buf()))
    }

    /// Writes the plan into its folder.
    pub fn write(&self, folder: &Path) -> Result<()> {
        write_atomically(&folder.join(PLAN), |out| {
            serde_json::to_writer_pretty(&mut *out, self)?;
            out.write_all(b"\n")
        })
    }
}

impl PlannedBlock {
    /// The command that trains the block of a plan in `folder`, or goes on where it stopped.
    pub fn command(&self, folder: &Path) -> String {
        let at = |path: &Path| folder.join(path).display().to_string();
        let (capture, options, run) = (at(&self.capture), at(&self.capture.join(OPTIONS)), at(&self.run));
        format!("dapple train {capture} --config {options} --out {run} --resume")
    }
}
