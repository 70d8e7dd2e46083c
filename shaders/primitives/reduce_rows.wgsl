// One level of a tree of sums over the rows of a matrix: n rows become n / 32, rounded up. An invocation adds up every
// (n / 32)th row of one column, so that neighbours read neighbours whatever the width. Each level works out its n from
// the count of the first.
// Twin: tests/primitives.rs (tree_sums).
//#use math/grid
//#use layout/level
@group(0) @binding(0) var<uniform> level: Level;
@group(0) @binding(1) var<storage, read> count: array<u32>;       // [1]
@group(0) @binding(2) var<storage, read> rows: array<f32>;        // [n][width]
@group(0) @binding(3) var<storage, read_write> sums: array<f32>;  // [n / 32][width]

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
    var n = min(count[0], level.capacity);
    for (var d = 0u; d < level.depth; d++) {
        n = max(1u, (n + FAN_IN - 1u) / FAN_IN);
    }
    let stride = max(1u, (n + FAN_IN - 1u) / FAN_IN) * level.width;
    let index = flat_group(group) * 64u + thread;
    if index >= stride {
        return;
    }
    var sum = 0.0;
    for (var i = index; i < n * level.width; i += stride) {
        sum += rows[i];
    }
    sums[index] = sum;
}
