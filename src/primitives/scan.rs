//! Exclusive prefix sums.

use super::blocks::{Blocks, Extent};
use super::form::Form;
use crate::gpu::{Buffer, Gpu, GpuError, Pipeline};
use crate::kernel;

kernel! {
    /// Sum of each block.
    pub ScanSum = "primitives/scan_sum.wgsl" [SERIAL = 1 in [0, 1], SUBGROUPS = 0 in [0, 1]] {
        uniform extent: Extent, read count: u32, read input: u32, write sums: u32
    }
}

kernel! {
    /// Exclusive prefix sums, given the sum of each block.
    pub ScanApply = "primitives/scan_apply.wgsl" [SERIAL = 1 in [0, 1], SUBGROUPS = 0 in [0, 1], ROWS = 16 in [ROWS]] {
        uniform extent: Extent, read count: u32, read input: u32, read sums: u32, write output: u32, write total: u32
    }
}

/// Elements that a thread of the workgroup forms scans.
pub(super) const ROWS: u32 = 16;
/// Least elements that one invocation scans.
const SERIAL_BLOCK: u32 = 64;

/// The exclusive prefix sum of `u32`, modulo 2^32; the total stays at 2^32 − 1 where it would wrap, as long as no block's
/// sum does. Reads 8 and writes 4 bytes an element, in two dispatches.
#[derive(Debug)]
pub struct Scan {
    blocks: Blocks,
    sums: Buffer<u32>,
    sum: Pipeline<ScanSum<'static>>,
    apply: Pipeline<ScanApply<'static>>,
}

impl Scan {
    /// A scan of at most `capacity` elements, in the form that suits the adapter.
    pub fn new(gpu: &Gpu, capacity: usize) -> Result<Self, GpuError> {
        Self::with_form(gpu, capacity, Form::of(gpu))
    }

    /// A scan in a form of the caller's choice.
    pub fn with_form(gpu: &Gpu, capacity: usize, form: Form) -> Result<Self, GpuError> {
        let blocks = Blocks::new(gpu, form, capacity, ROWS, SERIAL_BLOCK)?;
        Ok(Self {
            sums: gpu.zeros("scan sums", blocks.number)?,
            blocks,
            sum: gpu.pipeline::<ScanSum>(&form.constants())?,
            apply: gpu.pipeline::<ScanApply>(&form.constants())?,
        })
    }

    /// Records the scan: `output[i]` is the sum of `input[..i]` for all i < `count[0]`, and `total[0]` the sum of
    /// `input[..count[0]]`. Elements of `output` from `count[0]` on keep their values; a count above the capacity is
    /// taken as the capacity.
    ///
    /// The four buffers must be different ones.
    pub fn run(
        &self,
        pass: &mut wgpu::ComputePass<'_>,
        input: &Buffer<u32>,
        output: &Buffer<u32>,
        count: &Buffer<u32>,
        total: &Buffer<u32>,
    ) {
        let (blocks, sums) = (&self.blocks, &self.sums);
        let extent = &blocks.extent;
        blocks.dispatch(&self.sum, pass, &ScanSum { extent, count, input, sums });
        blocks.dispatch(&self.apply, pass, &ScanApply { extent, count, input, sums, output, total });
    }
}
