//#use math/grid
//#use splat/column
//#use form/exchange_{SUBGROUPS}
//#if FLOW
//#use flow/forward
// Composites a tile's Gaussians front to back (docs/algorithms.md B.2, inclusive stop). One workgroup of LANES
// invocations a tile; a lane owns 32 / LANES columns of eight pixels, with their state in registers, and the splats go
// round by shuffle. With FLOW the image has two more channels. Twins: tests/reference/rasterize.rs, flow.rs.

@group(0) @binding(0) var<uniform> view: View;
// [tiles + 1]
@group(0) @binding(1) var<storage, read> starts: array<u32>;
// [pairs] slots, sorted by tile, then depth.
@group(0) @binding(2) var<storage, read> slots: array<u32>;
// [pairs]
@group(0) @binding(3) var<storage, read> slot_gaussians: array<u32>;
// [N]
@group(0) @binding(4) var<storage, read> splats: array<SplatRow>;
// [H][W] features over the background; w = transmittance left.
@group(0) @binding(5) var<storage, read_write> image: array<vec4f>;

const COLUMNS: u32 = 32u / LANES;

// State of one column of pixels.
struct Column {
    origin: vec2u,
    transmittance: array<f32, 8>,
    colour: array<vec3f, 8>,
    //#if FLOW
    flow: array<vec2f, 8>,
}

fn open_column(tile: vec2u, unit: u32) -> Column {
    var out: Column;
    out.origin = column_origin(tile, unit);
    for (var row = 0u; row < ROWS; row++) {
        out.transmittance[row] = 1.0;
        out.colour[row] = vec3f(0.0);
        //#if FLOW
        out.flow[row] = vec2f(0.0);
    }
    return out;
}

fn add_column(column: ptr<function, Column>, member: Batch) {
    let splat = unpack_splat(member.row);
    let falloff = column_falloff((*column).origin, splat);
    if (!falloff.reached) {
        return;
    }
    let weights = column_weights(falloff.d, splat);
    for (var row = 0u; row < ROWS; row++) {
        let alpha = min(ALPHA_MAX, splat.opacity * weights[row]);
        let before = (*column).transmittance[row];
        let counts = alpha >= ALPHA_MIN && before >= TRANSMITTANCE_MIN;
        let weight = select(0.0, before * alpha, counts);
        (*column).transmittance[row] = before - weight;
        (*column).colour[row] += weight * splat.features;
        //#if FLOW
        add_flow_pixel(column, row, weight, member.flow, falloff.d);
    }
}

fn open_pixels(column: ptr<function, Column>) -> f32 {
    var most = 0.0;
    for (var row = 0u; row < ROWS; row++) {
        most = max(most, (*column).transmittance[row]);
    }
    return most;
}

fn store_column(column: ptr<function, Column>) {
    let origin = (*column).origin;
    for (var row = 0u; row < ROWS; row++) {
        if (origin.x < view.size.x && origin.y + row < view.size.y) {
            let pixel = (origin.y + row) * view.size.x + origin.x;
            let left = (*column).transmittance[row];
            image[pixel] = vec4f((*column).colour[row] + left * view.background.xyz, left);
            //#if FLOW
            store_flow_pixel(column, row, pixel);
        }
    }
}

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
    let tile_index = flat_group(group);
    if (tile_index >= view.size.z * view.size.w) {
        return;
    }
    let tile = vec2u(tile_index % view.size.z, tile_index / view.size.z);
    let first = starts[tile_index];
    let last = starts[tile_index + 1u];
    // Four named columns rather than an array: drivers keep them in registers. Those past COLUMNS are never touched.
    var c0 = open_column(tile, lane);
    var c1: Column;
    var c2: Column;
    var c3: Column;
    if (COLUMNS > 1u) {
        c1 = open_column(tile, LANES + lane);
    }
    if (COLUMNS > 2u) {
        c2 = open_column(tile, 2u * LANES + lane);
        c3 = open_column(tile, 3u * LANES + lane);
    }
    for (var batch_start = first; batch_start < last; batch_start += LANES) {
        var own: Batch;
        if (batch_start + lane < last) {
            let gaussian = slot_gaussians[slots[batch_start + lane]];
            own.row = splats[gaussian];
            //#if FLOW
            own.flow = flow_splats[gaussian];
        }
        let batch = share(lane, own);
        let members = min(LANES, last - batch_start);
        for (var j = 0u; j < members; j++) {
            let member = shared_splat(batch, j);
            add_column(&c0, member);
            if (COLUMNS > 1u) {
                add_column(&c1, member);
            }
            if (COLUMNS > 2u) {
                add_column(&c2, member);
                add_column(&c3, member);
            }
        }
        var most = open_pixels(&c0);
        if (COLUMNS > 1u) {
            most = max(most, open_pixels(&c1));
        }
        if (COLUMNS > 2u) {
            most = max(most, max(open_pixels(&c2), open_pixels(&c3)));
        }
        if (!lane_any(lane, most >= TRANSMITTANCE_MIN)) {
            break;
        }
    }
    store_column(&c0);
    if (COLUMNS > 1u) {
        store_column(&c1);
    }
    if (COLUMNS > 2u) {
        store_column(&c2);
        store_column(&c3);
    }
}
