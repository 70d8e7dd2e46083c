//! Bounds on the memory that a file can claim.

use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use crate::scene::sh_coefficients;

/// The most bytes that compressed data may decompress to: this many times their size, plus [`FLOOR`] for small files.
/// Scenes of real captures take 10 to 20 times the size of their file; more is a damaged header or a decompression bomb.
const RATIO: u64 = 256;
const FLOOR: u64 = 16 << 20;
/// The bytes of a scene in memory that a file of any size may claim: 170 000 Gaussians of degree 3, which may be alike.
const SCENE_FLOOR: u64 = 40 << 20;

/// The end of the message about a file that ends too early.
pub(super) const CUT_SHORT: &str = "copy or export the file again";

/// The most bytes that `compressed` ones may become.
pub(super) fn limit(compressed: u64) -> u64 {
    FLOOR.saturating_add(compressed.saturating_mul(RATIO))
}

/// Checks a header's claim of `count` Gaussians of `sh_degree` against the compressed bytes that are to hold them, and
/// gives the bytes that they have at `size` each in the file.
///
/// # Errors
/// A claim whose scene would take more than [`limit`] and more than [`SCENE_FLOOR`].
pub(super) fn check_claim(count: u64, sh_degree: u32, size: usize, compressed: u64) -> Result<usize> {
    let in_memory = 4 * (11 + 3 * sh_coefficients(sh_degree));
    let plausible = |bytes: &u64| *bytes <= limit(compressed).max(SCENE_FLOOR);
    let bytes = count.checked_mul(in_memory.max(size) as u64).filter(plausible).map(|_| count as usize * size);
    bytes.with_context(|| {
        format!("the header claims {count} Gaussians, more than {compressed} bytes can hold; {CUT_SHORT}")
    })
}

/// The whole file.
pub(super) fn read_file(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).context("cannot read the file")
}

/// Exactly `size` bytes, which [`check_claim`] has found plausible, with the memory growing as they arrive.
pub(super) fn read_exactly(reader: impl Read, size: usize, what: &str) -> Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(size.min(FLOOR as usize));
    reader.take(size as u64).read_to_end(&mut bytes).with_context(|| format!("{what} is damaged; {CUT_SHORT}"))?;
    ensure!(bytes.len() == size, "{what} is cut short: {size} bytes expected, {} found; {CUT_SHORT}", bytes.len());
    Ok(bytes)
}

/// Everything that `reader` gives, up to `most` bytes.
pub(super) fn read_at_most(reader: impl Read, most: u64, what: &str) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    reader
        .take(most.saturating_add(1))
        .read_to_end(&mut bytes)
        .with_context(|| format!("{what} is damaged; {CUT_SHORT}"))?;
    ensure!(bytes.len() as u64 <= most, "{what} is larger than the {most} bytes that it may have");
    Ok(bytes)
}

/// `bytes[at..at + size]`.
///
/// # Errors
/// The place where the file ends too early.
pub(super) fn slice<'a>(bytes: &'a [u8], at: usize, size: usize, what: &str) -> Result<&'a [u8]> {
    at.checked_add(size).and_then(|end| bytes.get(at..end)).with_context(|| {
        format!(
            "cut short: {what} needs {size} bytes from byte {at} on, the file has {} in all; {CUT_SHORT}",
            bytes.len()
        )
    })
}
