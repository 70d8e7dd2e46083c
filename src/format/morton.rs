//! An order in which neighbours in space are neighbours in the file.

use glam::Vec3;
use rayon::prelude::*;

/// Bits of each axis; three of them fit 64 bits, and they are fine enough for scenes with far outliers.
const BITS: u32 = 21;

/// Indices of `means` along the Morton curve over their bounds; equal places stay in the order they were in.
pub fn order(means: &[Vec3]) -> Vec<u32> {
    let empty = (Vec3::INFINITY, Vec3::NEG_INFINITY);
    let (low, high) = means.iter().fold(empty, |(low, high), &mean| (low.min(mean), high.max(mean)));
    let cells = ((1_u32 << BITS) - 1) as f32;
    // Axes without extent would divide by zero.
    let scale = Vec3::from_array((high - low).to_array().map(|extent| if extent > 0.0 { cells / extent } else { 0.0 }));
    let codes = means.par_iter().enumerate().map(|(i, &mean)| {
        let cell = ((mean - low) * scale).to_array().map(|v| v as u64);
        (spread(cell[0]) | spread(cell[1]) << 1 | spread(cell[2]) << 2, i as u32)
    });
    let mut codes: Vec<(u64, u32)> = codes.collect();
    codes.par_sort_unstable();
    codes.into_iter().map(|(_, i)| i).collect()
}

/// The low 21 bits of `v`, two zeros after each.
fn spread(v: u64) -> u64 {
    let v = v & 0x1f_ffff;
    let v = (v | v << 32) & 0x001f_0000_0000_ffff;
    let v = (v | v << 16) & 0x001f_0000_ff00_00ff;
    let v = (v | v << 8) & 0x100f_00f0_0f00_f00f;
    let v = (v | v << 4) & 0x10c3_0c30_c30c_30c3;
    (v | v << 2) & 0x1249_2492_4924_9249
}
