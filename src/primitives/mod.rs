//! Scan, sort and reduce on the GPU: the parts of the pipeline that know nothing of Gaussians.
//!
//! How many elements there are is read from a buffer on the GPU, at most a capacity that is fixed at construction.
//! Dispatches cover the capacity and the blocks above the count end at once, which costs less than a kernel that writes
//! indirect arguments. All results are exact and do not depend on the adapter: each kernel has several forms, and the
//! tests hold them against each other.

mod reduce;
mod scan;
mod sort;

pub use reduce::Reduce;
pub use scan::Scan;
pub use sort::Sort;

use crate::gpu::{Declaration, Gpu, Kernel};
use crate::shared;

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
    Plain,
}

impl Form {
    pub const ALL: [Self; 3] = [Self::Serial, Self::Subgroups, Self::Plain];

    /// The form that suits an adapter.
    pub fn of(gpu: &Gpu) -> Self {
        match (gpu.is_software(), gpu.subgroups()) {
            (true, _) => Self::Serial,
            (false, true) => Self::Subgroups,
            (false, false) => Self::Plain,
        }
    }

    /// The constants that choose this form in a shader.
    fn constants(self) -> [(&'static str, u32); 2] {
        [("SERIAL", (self == Self::Serial).into()), ("SUBGROUPS", (self == Self::Subgroups).into())]
    }

    /// Workgroups that cover `blocks` blocks.
    fn groups(self, blocks: u32) -> u32 {
        if self == Self::Serial { blocks.div_ceil(SERIAL_LANES) } else { blocks }
    }
}

/// Invocations of a workgroup of the serial forms, the workgroup size in `lanes_serial.wgsl`.
const SERIAL_LANES: u32 = 8;
/// Threads of a workgroup of the other forms, the workgroup size in `lanes_subgroups.wgsl` and `lanes_plain.wgsl`.
const GROUP_THREADS: u32 = 256;

shared! {
    /// How elements are cut into blocks: `shaders/shared/blocks.wgsl`.
    pub struct Extent {
        pub capacity: u32,
        pub max_blocks: u32,
        pub min_block: u32,
    }
}

impl Extent {
    /// Blocks of `block` elements, however many it takes.
    fn fixed(capacity: usize, block: u32) -> Self {
        let capacity = u32::try_from(capacity).expect("buffers hold fewer than 2^32 elements");
        Self { capacity, max_blocks: capacity.div_ceil(block).max(1), min_block: block }
    }

    /// As many blocks as keep the lanes of every core of this machine busy, of at least `min_block` elements.
    fn serial(capacity: usize, min_block: u32) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get().min(256) as u32);
        let lanes = cores * SERIAL_LANES;
        let fixed = Self::fixed(capacity, min_block);
        Self { max_blocks: fixed.max_blocks.min(BLOCKS_PER_LANE * lanes), ..fixed }
    }
}

/// Blocks for each lane of a software adapter: more than one, so that an uneven load evens out.
const BLOCKS_PER_LANE: u32 = 4;
