//! How elements are cut into blocks, and how many workgroups cover them.

use super::form::Form;
use crate::gpu::wgsl::constant;
use crate::gpu::{Buffer, Gpu, GpuError, Kernel, Pipeline};
use crate::shared;

/// Invocations of a workgroup of the serial forms.
const SERIAL_LANES: u32 = constant("form/lanes_serial", "LANES") as u32;
/// Threads of a workgroup of the other forms.
pub(super) const GROUP_THREADS: u32 = constant("layout/blocks", "THREADS") as u32;
/// Blocks for each lane of a software adapter: more than one, so that an uneven load evens out.
const BLOCKS_PER_LANE: u32 = 4;

shared! {
    /// The struct in `shaders/shared/layout/blocks.wgsl`, which says what its fields are.
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
    /// Whether a block is an invocation's work rather than a workgroup's.
    serial: bool,
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
        let extent = gpu.upload("extent", &[Extent { capacity, max_blocks, min_block }])?;
        Ok(Self { extent, number: max_blocks as usize, serial })
    }

    /// Dispatches a kernel over all blocks.
    pub fn dispatch<K: Kernel, B: Kernel<Static = K>>(
        &self,
        pipeline: &Pipeline<K>,
        pass: &mut wgpu::ComputePass<'_>,
        kernel: &B,
    ) {
        if self.serial {
            pipeline.dispatch(pass, kernel, self.number as u32);
        } else {
            pipeline.dispatch_groups(pass, kernel, self.number as u32);
        }
    }
}
