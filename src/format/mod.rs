//! Scene files: what reads into a [`Scene`] and writes from one, and how files are written safely.

pub mod ply;
mod ply_header;

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::scene::Scene;

/// Name of the scene in a run folder.
pub const RUN_SCENE: &str = "scene.ply";

/// The formats of scene files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// INRIA PLY (FORMATS 1.1).
    Ply,
}

/// A scene as it was read, and what its file says of itself.
#[derive(Debug)]
pub struct Loaded {
    pub scene: Scene,
    pub format: Format,
    /// The version that the file names, such as "4" for SPZ; empty where the format has none.
    pub version: String,
    /// Facts that a reader had to assume or to leave out, a sentence each.
    pub warnings: Vec<String>,
}

/// Reads a scene file, or the scene of a run folder.
///
/// # Errors
/// Names the file, the place in it and what is wrong there.
pub fn read_scene(path: &Path) -> Result<Scene> {
    let loaded = load(path)?;
    for warning in &loaded.warnings {
        log::warn!("{}: {warning}", path.display());
    }
    Ok(loaded.scene)
}

/// As [`read_scene`], with what the file says of itself.
///
/// # Errors
/// As [`read_scene`].
pub fn load(path: &Path) -> Result<Loaded> {
    let file = if path.is_dir() { path.join(RUN_SCENE) } else { path.to_path_buf() };
    if !file.exists() && path.is_dir() {
        bail!("{} holds no {RUN_SCENE}; give a run folder or a .ply file", path.display());
    }
    require_ply(&file)?;
    Ok(Loaded { scene: ply::read(&file)?, format: Format::Ply, version: String::new(), warnings: Vec::new() })
}

/// Writes a scene in the format that the path's extension names.
///
/// # Errors
/// An unknown extension, or a disk that does not take the file; an earlier file of that name stays whole.
pub fn write_scene(path: &Path, scene: &Scene) -> Result<()> {
    require_ply(path)?;
    ply::write(path, scene)
}

fn require_ply(path: &Path) -> Result<()> {
    let extension = path.extension().map(|e| e.to_string_lossy().to_lowercase());
    match extension.as_deref() {
        Some("ply") => Ok(()),
        _ => bail!("{}: scenes are stored as .ply; this extension is not known", path.display()),
    }
}

/// Writes a file beside `path`, syncs it to the disk and renames it, so that `path` holds either all of the old or all
/// of the new content, whatever happens meanwhile.
///
/// # Errors
/// Names the path, the reason and, where the disk is full, the remedy.
pub fn write_atomically(path: &Path, fill: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>) -> Result<()> {
    // A fixed name, unlike a random one, leaves at most one partial file behind however often a run is killed.
    let partial = partial_name(path);
    let written = fill_and_sync(&partial, fill).and_then(|()| std::fs::rename(&partial, path));
    if written.is_err() {
        // Gives the space of a full disk back; that this may fail too changes nothing.
        let _ = std::fs::remove_file(&partial);
    }
    written.map_err(|error| describe_write_error(path, error))
}

fn fill_and_sync(partial: &Path, fill: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>) -> io::Result<()> {
    let mut file = BufWriter::with_capacity(1 << 20, File::create(partial)?);
    fill(&mut file)?;
    file.flush()?;
    file.get_ref().sync_all()
}

fn partial_name(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.partial"))
}

/// The error of a write as one line: path, reason, remedy.
pub fn describe_write_error(path: &Path, error: io::Error) -> anyhow::Error {
    let remedy = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "; free some space there and try again, a run with --resume"
        }
        io::ErrorKind::NotFound => "; its folder does not exist",
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "; choose a folder that you may write to"
        }
        _ => "",
    };
    anyhow::anyhow!("cannot write {}: {error}{remedy}", path.display())
}

/// Creates a folder and its parents.
pub fn create_folder(path: &Path) -> Result<()> {
    std::fs::create_dir_all(path).with_context(|| format!("cannot create the folder {}", path.display()))
}
