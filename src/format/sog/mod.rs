//! PlayCanvas's SOG (docs/formats.md 1.5): a description and images whose pixels are Gaussians, in a zip archive or a
//! folder.

mod read;
mod streamed;
mod tree;
mod write;

pub use read::read;
pub(super) use read::{Images, PixelGrid, decode_images, rotation};
pub use streamed::{Region, Streamed};
pub use tree::{Bound, Meta, Node, Range};
pub use write::write;
pub(super) use write::{NamedFile, Pixels, attributes, bundle, encode_in_order, order};

/// Sets of coefficients per row of the palette image.
pub(super) const PALETTE_COLUMNS: usize = 64;
/// Alpha of a rotation whose largest component of (w, x, y, z) is the first.
pub(super) const FIRST_LARGEST: u8 = 252;
