// Exclusive prefix sums, given the sum of each block: the second half of a reduce-then-scan (docs/algorithms.md H).
// Each block adds up the sums before it by itself, which saves a dispatch: a block is long, so there are few of them.
// Twin: tests/primitives.rs (prefix_sums).
//#use layout/blocks
//#use form/scan_apply_{SERIAL}
@group(0) @binding(0) var<uniform> extent: Extent;
@group(0) @binding(1) var<storage, read> count: array<u32>;         // [1]
@group(0) @binding(2) var<storage, read> input: array<u32>;         // [capacity]
@group(0) @binding(3) var<storage, read> sums: array<u32>;          // [max_blocks]
@group(0) @binding(4) var<storage, read_write> output: array<u32>;  // [capacity]
@group(0) @binding(5) var<storage, read_write> total: array<u32>;   // [1]
