// Whether the invocations of a workgroup lie in one subgroup: each asks the first for its number. One workgroup.
// No twin: what each has to hear is said in src/primitives/lanes.rs.

@group(0) @binding(0) var<storage, read_write> heard: array<u32>;  // [LANES]

@compute @workgroup_size(LANES)
fn main(@builtin(local_invocation_index) lane: u32) {
    heard[lane] = subgroupShuffle(lane + 1u, 0u);
}
