// Whether the invocations of a workgroup lie in one subgroup: each asks the first for a number.

@group(0) @binding(0) var<storage, read_write> heard: array<u32>;

@compute @workgroup_size(LANES)
fn main(@builtin(local_invocation_index) lane: u32) {
    heard[lane] = subgroupShuffle(lane + 1u, 0u);
}
