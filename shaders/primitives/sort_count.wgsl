// How many keys of each block have each digit, the first step of a pass of the radix sort (docs/algorithms.md H):
// counts[digit * blocks + block], whose exclusive scan is where each block's keys of each digit go.
// Twin: tests/primitives.rs (expected).
//#use layout/blocks
//#use layout/digit
//#use form/sort_count_{SERIAL}
@group(0) @binding(0) var<uniform> extent: Extent;
@group(0) @binding(1) var<uniform> digit: Digit;
@group(0) @binding(2) var<storage, read> count: array<u32>;                // [1]
@group(0) @binding(3) var<storage, read> keys: array<u32>;                 // [capacity]
@group(0) @binding(4) var<storage, read_write> counts: array<u32>;         // [digits * max_blocks]
@group(0) @binding(5) var<storage, read_write> counts_number: array<u32>;  // [1]: digits * blocks
