//! Levels of detail (docs/formats.md 1.5): streamed SOG is written, and read by parts as a camera needs them.

mod choose;
mod detail;
mod regions;
mod write;

pub use choose::choose;
pub use detail::{Detail, Picked};
pub(super) use regions::Cells;
pub use write::{Levels, write};
pub(super) use write::{LodWriter, order};
