//! PlayCanvas's SOG (FORMATS 1.5): a description and images whose pixels are Gaussians, in a zip archive or a folder.

mod read;
mod write;

pub use read::read;
pub use write::write;

/// Sets of harmonics in a row of the image of the palette.
const PALETTE_COLUMNS: usize = 64;
/// Alpha of the image of rotations where (w, x, y, z)'s first is the largest.
const FIRST_LARGEST: u8 = 252;
