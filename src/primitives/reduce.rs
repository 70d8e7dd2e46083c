//! Sums of rows in a fixed order.

use crate::gpu::wgsl::constant;
use crate::gpu::{Buffer, Gpu, GpuError, Pipeline};
use crate::{kernel, shared};

shared! {
    /// One level of the tree of sums.
    pub struct Level {
        pub capacity: u32,
        pub width: u32,
        /// How often the rows have been cut to a 32nd before.
        pub depth: u32,
    }
}

kernel! {
    /// Sums of 32 rows each.
    pub ReduceRows = "primitives/reduce_rows.wgsl" [] {
        uniform level: Level, read count: u32, read rows: f32, write sums: f32
    }
}

/// Rows that one invocation adds up.
const FAN_IN: u32 = constant("layout/level", "FAN_IN") as u32;

/// Sums of the columns of a matrix, always in the same order: the sum over a tree with 32 branches, whose rounding
/// error grows with the logarithm of the rows. Bitwise the same in every run.
#[derive(Debug)]
pub struct Reduce {
    /// Each with the number of sums it makes.
    levels: Vec<(Buffer<Level>, u32)>,
    partial: [Buffer<f32>; 2],
    pipeline: Pipeline<ReduceRows<'static>>,
}

impl Reduce {
    /// A sum of at most `capacity` rows of `width` columns.
    pub fn new(gpu: &Gpu, capacity: usize, width: usize) -> Result<Self, GpuError> {
        let fits = |n: usize| u32::try_from(n).expect("buffers hold fewer than 2^32 elements");
        let (capacity, width) = (fits(capacity), fits(width));
        let mut levels = Vec::new();
        let mut rows = capacity;
        loop {
            rows = rows.div_ceil(FAN_IN).max(1);
            let level = Level { capacity, width, depth: levels.len() as u32 };
            levels.push((gpu.upload("reduce level", &[level])?, rows * width));
            if rows == 1 {
                break;
            }
        }
        let first = (capacity.div_ceil(FAN_IN) * width) as usize;
        let second = (capacity.div_ceil(FAN_IN * FAN_IN) * width) as usize;
        Ok(Self {
            levels,
            partial: [gpu.zeros("reduce partial sums", first)?, gpu.zeros("reduce partial sums", second)?],
            pipeline: gpu.pipeline::<ReduceRows>(&[])?,
        })
    }

    /// Records the sums of `input[count[0]][width]` into `output[width]`: zeros for no rows. A count above the capacity
    /// is taken as the capacity.
    pub fn run(
        &self,
        pass: &mut wgpu::ComputePass<'_>,
        input: &Buffer<f32>,
        output: &Buffer<f32>,
        count: &Buffer<u32>,
    ) {
        let mut rows = input;
        for (index, (level, sums_of_level)) in self.levels.iter().enumerate() {
            let last = index + 1 == self.levels.len();
            let sums = if last { output } else { &self.partial[index % 2] };
            self.pipeline.dispatch(pass, &ReduceRows { level, count, rows, sums }, *sums_of_level);
            rows = sums;
        }
    }
}
