//! Edits of a scene: transform, crop, prune, join and sort; and what two scenes have in common.
//!
//! Edits work in place and keep the motion of a dynamic scene. Results do not depend on the number of threads.

mod field;
mod floating;
mod join;
mod matching;
mod merge;
mod order;
mod places;
mod select;
mod shape;
mod similarity;
mod spherical_harmonics;

pub use field::field_distance;
pub use floating::floating;
pub use join::{append, cap_degree};
pub use matching::{Matching, Spread, matching};
pub use merge::merge_to;
pub use order::{gather, morton_order, octave_order, permute};
pub use select::{Region, importance, isolation, keep_most, peak_opacity, seen_within};
pub use shape::extent;
pub use similarity::{Similarity, flip};
pub use spherical_harmonics::{ShRotation, sh_basis};
