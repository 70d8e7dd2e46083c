//! Atomic writing of files.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result};

/// Partial files of the writes in progress.
static UNFINISHED: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

fn unfinished() -> MutexGuard<'static, BTreeSet<PathBuf>> {
    UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Writes a temporary file beside `path`, syncs it to disk and renames it: `path` holds either the old content or the new
/// one, even after a crash.
///
/// # Errors
/// Names the path, the reason and, if the disk is full, a remedy.
pub fn write_atomically(path: &Path, fill: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>) -> Result<()> {
    // A fixed name, unlike a random one, leaves at most one partial file behind however often a run is killed.
    let partial = partial_name(path);
    unfinished().insert(partial.clone());
    let written = fill_and_sync(&partial, fill).and_then(|()| std::fs::rename(&partial, path));
    if written.is_err() {
        // Gives the space of a full disk back; that this may fail too changes nothing.
        let _ = std::fs::remove_file(&partial);
    }
    unfinished().remove(&partial);
    written.map_err(|error| describe_write_error(path, error))
}

/// Removes the partial files of unfinished [`write_atomically`] calls, before the process ends.
pub fn remove_unfinished() {
    for partial in unfinished().iter() {
        let _ = if partial.is_dir() { std::fs::remove_dir_all(partial) } else { std::fs::remove_file(partial) };
    }
}

/// A folder that [`remove_unfinished`] removes too, as long as this lives.
pub struct UnfinishedFolder(PathBuf);

impl UnfinishedFolder {
    pub fn new(folder: &Path) -> Self {
        unfinished().insert(folder.to_path_buf());
        Self(folder.to_path_buf())
    }
}

impl Drop for UnfinishedFolder {
    fn drop(&mut self) {
        unfinished().remove(&self.0);
    }
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

/// Formats the error of a write in one line: path, reason, remedy.
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
