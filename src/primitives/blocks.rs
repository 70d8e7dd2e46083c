//! How elements are cut into blocks, and how many workgroups cover them.

use super::Form;
use crate::gpu::{Buffer, Gpu, GpuError};
use crate::shared;

/// Invocations of a workgroup of the serial forms, the workgroup size in `lanes_serial.wgsl`.
const SERIAL_LANES: u32 = 8;
/// Threads of a workgroup of the other forms, the workgroup size in `lanes_subgroups.wgsl` and `lanes_plain.wgsl`.
const GROUP_THREADS: u32 = 256;
/// Blocks for each lane of a software adapter: more than one, so that an uneven load evens out.
const BLOCKS_PER_LANE: u32 = 4;

shared! {
    /// The struct in `shaders/shared/blocks.wgsl`, which says what its fields are.
    pub struct Extent {
        pub capacity: u32,
        pub max_blocks: u32,
        pub min_block: u32,
    }
}

/// The cut for one capacity and form.
#[derive(Debug)]
pub struct Blocks {
    pub extent: Buffer<Extent>,
    /// Most blocks that there can be.
    pub number: usize,
    /// Workgroups that cover them.
    pub groups: u32,
}

impl Blocks {
    /// Blocks of `rows` elements a thread, as many as it takes; in the serial form as many as keep the lanes of every
    /// core of this machine busy, of at least `serial_least` elements.
    pub fn new(gpu: &Gpu, form: Form, capacity: usize, rows: u32, serial_least: u32) -> Result<Self, GpuError> {
        let capacity = u32::try_from(capacity).expect("buffers hold fewer than 2^32 elements");
        let serial = form == Form::Serial;
        let min_block = if serial { serial_least } else { GROUP_THREADS * rows };
        let mut max_blocks = capacity.div_ceil(min_block).max(1);
        if serial {
            let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get().min(256) as u32);
            max_blocks = max_blocks.min(BLOCKS_PER_LANE * SERIAL_LANES * cores);
        }
        let groups = if serial { max_blocks.div_ceil(SERIAL_LANES) } else { max_blocks };
        let extent = gpu.upload("extent", &[Extent { capacity, max_blocks, min_block }])?;
        Ok(Self { extent, number: max_blocks as usize, groups })
    }
}
