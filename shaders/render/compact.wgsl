//#use math/grid
//#use layout/view
// Lists the visible Gaussians in their order, with their depth as sort key. One invocation a Gaussian.
// Twin: tests/reference/tiles.rs (ordered_lists).

@group(0) @binding(0) var<uniform> view: View;
// [N]
@group(0) @binding(1) var<storage, read> visible: array<u32>;
// [N] exclusive prefix sum of `visible`.
@group(0) @binding(2) var<storage, read> ranks: array<u32>;
// [N]
@group(0) @binding(3) var<storage, read> depths: array<u32>;
// [visible] keys and values of the depth sort.
@group(0) @binding(4) var<storage, read_write> keys: array<u32>;
@group(0) @binding(5) var<storage, read_write> gaussians: array<u32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
    let gaussian = flat_group(group) * 64u + lane;
    if (gaussian >= view.gaussians || visible[gaussian] == 0u) {
        return;
    }
    let rank = ranks[gaussian];
    keys[rank] = depths[gaussian];
    gaussians[rank] = gaussian;
}
