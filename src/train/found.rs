//! What a run has found beside the scene, as a JSON file in its folder.

use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::format::write_atomically;

/// Writes a file of a run's folder.
pub fn write(path: &Path, value: &impl Serialize) -> Result<()> {
    let mut json = serde_json::to_vec_pretty(value)?;
    json.push(b'\n');
    write_atomically(path, |file| file.write_all(&json))
}

/// Reads a file of a run's folder, which holds `what`; `None` where there is none.
///
/// # Errors
/// Names the file that cannot be read.
pub fn read<T: DeserializeOwned>(path: &Path, what: &str) -> Result<Option<T>> {
    match std::fs::read(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        read => {
            let bytes = read.with_context(|| format!("cannot read {}", path.display()))?;
            let wrong = || format!("{}: no {what} of a run; remove it to measure without", path.display());
            serde_json::from_slice(&bytes).map(Some).with_context(wrong)
        }
    }
}
