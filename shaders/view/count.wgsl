//#use math/grid
//#use splat/column
// Counts the Gaussians that contribute to each pixel, by the rules of the rasterizer: in place of the colours that it
// composites. One workgroup of 32 invocations a tile, each with a column of eight pixels.
// Twin: tests/reference/rasterize.rs.

@group(0) @binding(0) var<uniform> view: View;
// [tiles + 1]
@group(0) @binding(1) var<storage, read> starts: array<u32>;
// [pairs] slots, sorted by tile, then depth.
@group(0) @binding(2) var<storage, read> slots: array<u32>;
// [pairs]
@group(0) @binding(3) var<storage, read> slot_gaussians: array<u32>;
// [N]
@group(0) @binding(4) var<storage, read> splats: array<SplatRow>;
// [H][W] the count in xyz; w = transmittance left.
@group(0) @binding(5) var<storage, read_write> image: array<vec4f>;

@compute @workgroup_size(32)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
    let tile_index = flat_group(group);
    if (tile_index >= view.size.z * view.size.w) {
        return;
    }
    let tile = vec2u(tile_index % view.size.z, tile_index / view.size.z);
    let origin = column_origin(tile, lane);
    var transmittance: array<f32, ROWS>;
    var count: array<f32, ROWS>;
    for (var row = 0u; row < ROWS; row++) {
        transmittance[row] = 1.0;
        count[row] = 0.0;
    }
    for (var pair = starts[tile_index]; pair < starts[tile_index + 1u]; pair++) {
        let gaussian = slot_gaussians[slots[pair]];
        let splat = unpack_splat(splats[gaussian]);
        let falloff = column_falloff(origin, splat);
        if (falloff.reached) {
            let weights = column_weights(falloff.d, splat);
            for (var row = 0u; row < ROWS; row++) {
                let alpha = min(ALPHA_MAX, splat.opacity * weights[row]);
                if (alpha >= ALPHA_MIN && transmittance[row] >= TRANSMITTANCE_MIN) {
                    transmittance[row] -= transmittance[row] * alpha;
                    count[row] += 1.0;
                }
            }
        }
    }
    for (var row = 0u; row < ROWS; row++) {
        if (origin.x < view.size.x && origin.y + row < view.size.y) {
            image[(origin.y + row) * view.size.x + origin.x] = vec4f(vec3f(count[row]), transmittance[row]);
        }
    }
}
