// Sum of each block: the first half of a reduce-then-scan (docs/algorithms.md H). scan_apply.wgsl is the second.
// Twin: tests/primitives.rs (prefix_sums).
//#use layout/blocks
//#use form/scan_sum_{SERIAL}
@group(0) @binding(0) var<uniform> extent: Extent;
@group(0) @binding(1) var<storage, read> count: array<u32>;       // [1]
@group(0) @binding(2) var<storage, read> input: array<u32>;       // [capacity]
@group(0) @binding(3) var<storage, read_write> sums: array<u32>;  // [max_blocks]
