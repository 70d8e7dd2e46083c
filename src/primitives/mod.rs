//! Scan, sort and reduce on the GPU: the parts of the pipeline that know nothing of Gaussians.
//!
//! How many elements there are is read from a buffer on the GPU, at most a capacity that is fixed at construction.
//! Dispatches cover the capacity and the blocks above the count end at once, which spares a kernel that writes indirect
//! arguments. Scan and sort have a form for each kind of adapter with the same results, and row sums have one
//! form and one order; the tests hold all of them against the CPU.

mod blocks;
mod form;
mod lanes;
pub mod plan;
mod reduce;
mod scan;
mod sort;

pub use form::Form;
pub use lanes::in_one_subgroup;
pub use reduce::Reduce;
pub use scan::Scan;
pub use sort::Sort;

use crate::gpu::{Declaration, Kernel};

/// Every kernel of this module.
pub const DECLARATIONS: &[Declaration] = &[
    scan::ScanSum::DECLARATION,
    scan::ScanApply::DECLARATION,
    sort::SortCount::DECLARATION,
    sort::SortScatter::DECLARATION,
    reduce::ReduceRows::DECLARATION,
    lanes::Lanes::DECLARATION,
];
