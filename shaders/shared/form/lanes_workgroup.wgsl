// Entry point of kernels with 256 threads a workgroup, where there are no subgroups; the kernel defines body().
//#use math/grid
var<workgroup> lane_sums: array<u32, THREADS>;

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
    body(flat_group(group), thread);
}

// Sum of the values of the threads before this one, and of all (Hillis and Steele). Uniform control flow only.
fn workgroup_scan(thread: u32, value: u32) -> vec2u {
    var sum = value;
    workgroupBarrier();
    lane_sums[thread] = sum;
    for (var step = 1u; step < THREADS; step <<= 1u) {
        workgroupBarrier();
        if thread >= step {
            sum += lane_sums[thread - step];
        }
        workgroupBarrier();
        lane_sums[thread] = sum;
    }
    workgroupBarrier();
    return vec2u(sum - value, lane_sums[THREADS - 1u]);
}
