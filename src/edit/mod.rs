//! What can be done to a scene between reading and writing it: moved, cut, thinned out, joined, put in order.
//!
//! Everything works in place and carries the motion of a dynamic scene along. Results do not depend on the number of
//! threads.

mod join;
mod order;
mod select;
mod similarity;
mod spherical_harmonics;

pub use join::{append, cap_degree};
pub use order::{morton_order, permute};
pub use select::{Region, importance, isolation, keep_most, peak_opacity};
pub use similarity::Similarity;
pub use spherical_harmonics::{ShRotation, sh_basis};
