//#use math/grid
//#use layout/view
//#use layout/splat
//#use splat/tiles
// Writes every (Gaussian, tile) pair in depth order: the tile as sort key, the pair's slot as value. A slot is where
// the backward pass will leave that pair's gradient; those of one Gaussian are contiguous. One invocation a visible
// Gaussian. Twin: tests/reference/tiles.rs.

@group(0) @binding(0) var<uniform> view: View;
// [2] admitted pairs, and the visible Gaussians that have them: 0 when the frame was not admitted.
@group(0) @binding(1) var<storage, read> admitted: array<u32>;
// [visible] Gaussians by depth, and the first pair of each.
@group(0) @binding(2) var<storage, read> gaussians: array<u32>;
@group(0) @binding(3) var<storage, read> offsets: array<u32>;
// [N] on return with the slots as emitted.
@group(0) @binding(4) var<storage, read_write> splats: array<SplatRow>;
// [pairs]
@group(0) @binding(5) var<storage, read_write> keys: array<u32>;
@group(0) @binding(6) var<storage, read_write> slots: array<u32>;
@group(0) @binding(7) var<storage, read_write> slot_gaussians: array<u32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
    let rank = flat_group(group) * 64u + lane;
    if (rank >= admitted[1]) {
        return;
    }
    let gaussian = gaussians[rank];
    let base = offsets[rank];
    let row = splats[gaussian];
    let splat = unpack_splat(row);
    let bands = tile_bands(splat.mean, splat.conic, splat.determinant, splat.opacity, view.size.zw);
    // The count is the law: should a compiler round the two passes differently, the surplus is cut or goes nowhere.
    let end = base + row.slot_count;
    var at = base;
    var tile = 0u;
    for (var index = bands.first; index <= bands.last; index++) {
        let span = band_span(bands, index);
        for (var along = span.x; along < span.y && at < end; along++) {
            tile = u32(select(index * bands.tiles + along, along * i32(view.size.z) + index, bands.transposed));
            keys[at] = tile;
            slots[at] = at;
            slot_gaussians[at] = gaussian;
            at++;
        }
    }
    splats[gaussian].first_slot = base;
    splats[gaussian].slot_count = at - base;
    for (; at < end; at++) {
        keys[at] = view.size.z * view.size.w;
        slots[at] = at;
        slot_gaussians[at] = gaussian;
    }
}
