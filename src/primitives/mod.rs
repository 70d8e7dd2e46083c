//! Scan, sort and reduce on the GPU: the parts of the pipeline that know nothing of Gaussians.
//!
//! How many elements there are is read from a buffer on the GPU, at most a capacity that is fixed at construction.
//! Dispatches cover the capacity and the blocks above the count end at once, which spares a kernel that writes indirect
//! arguments. Scan and sort have a form for each kind of adapter with the same results, and row sums have one
//! form and one order; the tests hold all of them against the CPU.

mod blocks;
mod reduce;
mod scan;
mod sort;

pub use reduce::Reduce;
pub use scan::Scan;
pub use sort::Sort;

use crate::gpu::{Declaration, Gpu, Kernel};

/// Every kernel of this module.
pub const DECLARATIONS: &[Declaration] = &[
    scan::ScanSum::DECLARATION,
    scan::ScanApply::DECLARATION,
    sort::SortCount::DECLARATION,
    sort::SortScatter::DECLARATION,
    reduce::ReduceRows::DECLARATION,
];

/// How the kernels are written; the results are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Each invocation works through a block of its own: for software adapters, where barriers and traffic between
    /// lanes cost more than all else.
    Serial,
    /// A workgroup shares a block, with subgroup operations of any subgroup size.
    Subgroups,
    /// A workgroup shares a block through workgroup memory alone.
    Workgroup,
}

impl Form {
    pub const ALL: [Self; 3] = [Self::Serial, Self::Subgroups, Self::Workgroup];

    /// The form that suits an adapter.
    pub fn of(gpu: &Gpu) -> Self {
        match (gpu.is_software(), gpu.subgroups()) {
            (true, _) => Self::Serial,
            (false, true) => Self::Subgroups,
            (false, false) => Self::Workgroup,
        }
    }

    /// The constants that choose this form in a shader.
    fn constants(self) -> [(&'static str, u32); 2] {
        [("SERIAL", (self == Self::Serial).into()), ("SUBGROUPS", (self == Self::Subgroups).into())]
    }
}
