// Moves each pair to its place by one digit, keeping the order of equal digits: the last step of a pass of the radix
// sort (docs/algorithms.md H). offsets[digit * blocks + block] is where the block's first key of that digit goes.
// Twin: tests/primitives.rs (expected).
//#use layout/blocks
//#use layout/digit
//#use form/sort_scatter_{SERIAL}
@group(0) @binding(0) var<uniform> extent: Extent;
@group(0) @binding(1) var<uniform> digit: Digit;
@group(0) @binding(2) var<storage, read> count: array<u32>;             // [1]
@group(0) @binding(3) var<storage, read> keys: array<u32>;              // [capacity]
@group(0) @binding(4) var<storage, read> values: array<u32>;            // [capacity]
@group(0) @binding(5) var<storage, read_write> offsets: array<u32>;     // [digits * max_blocks]
@group(0) @binding(6) var<storage, read_write> new_keys: array<u32>;    // [capacity]
@group(0) @binding(7) var<storage, read_write> new_values: array<u32>;  // [capacity]
