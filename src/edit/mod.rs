//! Edits of a scene: transform, crop, prune, join and sort.
//!
//! Edits work in place and keep the motion of a dynamic scene. Results do not depend on the number of threads.

mod join;
mod order;
mod select;
mod similarity;
mod spherical_harmonics;

pub use join::{append, cap_degree};
pub use order::{morton_order, octave_order, permute};
pub use select::{Region, importance, isolation, keep_most, peak_opacity, seen_within};
pub use similarity::{Similarity, flip};
pub use spherical_harmonics::{ShRotation, sh_basis};
