//#use math/grid
//#use math/random
//#use layout/refine
// Draws a source for every target, with replacement, in proportion to the weights: a uniform integer below their sum,
// looked up in their prefix sum. One invocation a candidate. Twin: tests/reference/relocate.rs.

@group(0) @binding(0) var<uniform> refine: Refine;
// [N] weights and their exclusive prefix sum; [1] their sum.
@group(0) @binding(1) var<storage, read> weights: array<u32>;
@group(0) @binding(2) var<storage, read> prefix: array<u32>;
@group(0) @binding(3) var<storage, read> total: array<u32>;
// [N + added] source of each target, NO_SOURCE for the others.
@group(0) @binding(4) var<storage, read_write> sources: array<u32>;
// [N] how often each Gaussian was drawn.
@group(0) @binding(5) var<storage, read_write> draws: array<atomic<u32>>;

// Upper half of the 64-bit product: a uniform integer below `bound` from 32 random bits.
fn multiply_high(a: u32, bound: u32) -> u32 {
    let a0 = a & 0xffffu;
    let a1 = a >> 16u;
    let b0 = bound & 0xffffu;
    let b1 = bound >> 16u;
    let low = a0 * b0;
    let middle = a1 * b0 + (low >> 16u);
    let cross = a0 * b1 + (middle & 0xffffu);
    return a1 * b1 + (middle >> 16u) + (cross >> 16u);
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
    let index = flat_group(group) * 64u + lane;
    if (index >= refine.gaussians + refine.added) {
        return;
    }
    sources[index] = NO_SOURCE;
    var weight = 0u;
    if (index < refine.gaussians) {
        weight = weights[index];
    }
    // Without a living Gaussian there is no source.
    if (total[0] == 0u || !is_target(index, weight, refine)) {
        return;
    }
    let stream = select(STREAM_RELOCATE, STREAM_GROW, GROW != 0u);
    let drawn = multiply_high(pcg4d(vec4u(index, refine.step, refine.seed, stream)).x, total[0]);
    // Last entry of the prefix sum that is not above the number drawn.
    var low = 0u;
    var high = refine.gaussians;
    while (high - low > 1u) {
        let middle = (low + high) / 2u;
        if (prefix[middle] <= drawn) {
            low = middle;
        } else {
            high = middle;
        }
    }
    sources[index] = low;
    atomicAdd(&draws[low], 1u);
}
