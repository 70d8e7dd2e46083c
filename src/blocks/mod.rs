//! Captures larger than one machine (docs/blocks.md): a capture is cut into blocks, each an ordinary capture of its own
//! whose run needs nothing of the others, and the trained blocks are merged into one scene.
//!
//! [`partition`] writes a plan: a folder with a block for the whole, from which the coarse scene is trained, and one for
//! each cell. [`merge`] takes of each block's scene what lies in its cell.

mod cells;
mod merge;
mod partition;
mod picture;
mod plan;
mod report;
mod visibility;

pub use cells::{Grid, cells, ground_axes};
pub use merge::{Merged, merge};
pub use partition::{Options, partition};
pub use plan::{PLAN, Plan, PlannedBlock, PlannedCell};
