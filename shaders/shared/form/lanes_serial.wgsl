// Entry point of kernels that give each invocation a block of its own, for software adapters: one subgroup a
// workgroup, no barriers. The kernel defines block_body().
//#use math/grid
const LANES: u32 = 8u;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
    block_body(flat_group(group) * LANES + lane);
}
