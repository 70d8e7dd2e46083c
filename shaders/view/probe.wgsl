//#use splat/column
// What makes one pixel: its Gaussians front to back with their weights, by the arithmetic of the rasterizer. One
// invocation in all, which walks the pixel's tile.
// Twin: tests/reference/rasterize.rs (contributions).

struct Chosen {
    x: u32,
    y: u32,
    // Contributions that there is room for; all are counted.
    most: u32,
    unused: u32,
}

@group(0) @binding(0) var<uniform> view: View;
@group(0) @binding(1) var<uniform> chosen: Chosen;
// [tiles + 1]
@group(0) @binding(2) var<storage, read> starts: array<u32>;
// [pairs] slots, sorted by tile, then depth.
@group(0) @binding(3) var<storage, read> slots: array<u32>;
// [pairs]
@group(0) @binding(4) var<storage, read> slot_gaussians: array<u32>;
// [N]
@group(0) @binding(5) var<storage, read> splats: array<SplatRow>;
// [N] bits of the depth.
@group(0) @binding(6) var<storage, read> depths: array<u32>;
// [1 + most] the count, then the index of each contribution's Gaussian; a float would lose small ones as denormals.
@group(0) @binding(7) var<storage, read_write> indices: array<u32>;
// [1 + most]: (transmittance left, sum of weight x depth, unused, unused), then (weight, alpha, depth, unused) each.
@group(0) @binding(8) var<storage, read_write> hits: array<vec4f>;

@compute @workgroup_size(1)
fn main() {
    let pixel = vec2u(chosen.x, chosen.y);
    let tile = pixel / TILE;
    let tile_index = tile.y * view.size.z + tile.x;
    let inside = pixel % TILE;
    let row = inside.y % ROWS;
    let origin = column_origin(tile, inside.x + TILE * (inside.y / ROWS));
    var transmittance = 1.0;
    var depth = 0.0;
    var count = 0u;
    for (var pair = starts[tile_index]; pair < starts[tile_index + 1u]; pair++) {
        let gaussian = slot_gaussians[slots[pair]];
        let splat = unpack_splat(splats[gaussian]);
        let falloff = column_falloff(origin, splat);
        if (falloff.reached) {
            let weights = column_weights(falloff.d, splat);
            let alpha = min(ALPHA_MAX, splat.opacity * weights[row]);
            if (alpha >= ALPHA_MIN && transmittance >= TRANSMITTANCE_MIN) {
                let weight = transmittance * alpha;
                let z = bitcast<f32>(depths[gaussian]);
                if (count < chosen.most) {
                    indices[1u + count] = gaussian;
                    hits[1u + count] = vec4f(weight, alpha, z, 0.0);
                }
                transmittance -= weight;
                depth += weight * z;
                count++;
            }
        }
    }
    indices[0] = count;
    hits[0] = vec4f(transmittance, depth, 0.0, 0.0);
}
