//#use math/grid
//#use layout/view
//#use layout/splat
// Tiles met by each visible Gaussian, in depth order: what the scan turns into offsets of pairs. One invocation a
// visible Gaussian.
// Twin: tests/reference/tiles.rs (ordered_lists).

@group(0) @binding(0) var<uniform> view: View;
// [1] number of visible Gaussians.
@group(0) @binding(1) var<storage, read> visible_count: array<u32>;
// [visible] by depth.
@group(0) @binding(2) var<storage, read> gaussians: array<u32>;
// [N]
@group(0) @binding(3) var<storage, read> splats: array<SplatRow>;
// [visible] by depth.
@group(0) @binding(4) var<storage, read_write> counts: array<u32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
    let rank = flat_group(group) * 64u + lane;
    if (rank < visible_count[0]) {
        counts[rank] = splats[gaussians[rank]].slot_count;
    }
}
