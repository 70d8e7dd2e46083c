// Entry point of kernels with 256 threads a workgroup, where subgroups can be used; the kernel defines body(). Threads
// are numbered by their place in their subgroup, so neither the size of subgroups nor the driver's way to fill them
// matters. A driver may run narrower subgroups than it reports (Intel's does): the width is counted.
//#use math/grid
var<private> lane: u32;
var<private> subgroup: u32;
var<private> subgroup_width: u32;
var<workgroup> subgroup_sums: array<u32, 64>;

@compute @workgroup_size(THREADS)
fn main(
    @builtin(workgroup_id) group: vec3u,
    @builtin(subgroup_id) subgroup_index: u32,
    @builtin(subgroup_invocation_id) lane_index: u32,
) {
    lane = lane_index;
    subgroup = subgroup_index;
    subgroup_width = subgroupAdd(1u);
    body(flat_group(group), subgroup * subgroup_width + lane);
}

// Sum of the values of the threads before this one, and of all. Uniform control flow only.
fn workgroup_scan(thread: u32, value: u32) -> vec2u {
    let before = subgroupExclusiveAdd(value);
    workgroupBarrier();
    if lane == subgroup_width - 1u {
        subgroup_sums[subgroup] = before + value;
    }
    workgroupBarrier();
    var base = 0u;
    var total = 0u;
    for (var s = 0u; s < THREADS / subgroup_width; s++) {
        base += select(0u, subgroup_sums[s], s < subgroup);
        total += subgroup_sums[s];
    }
    return vec2u(base + before, total);
}
