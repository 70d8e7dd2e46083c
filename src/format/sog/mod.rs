//! PlayCanvas's SOG (docs/formats.md 1.5): a description and images whose pixels are Gaussians, in a zip archive or a
//! folder.

mod read;
mod streamed;
mod write;

pub use read::read;
pub(super) use write::order;
pub use write::write;

/// Sets of coefficients per row of the palette image.
const PALETTE_COLUMNS: usize = 64;
/// Alpha of a rotation whose largest component of (w, x, y, z) is the first.
const FIRST_LARGEST: u8 = 252;
