//#use math/grid
//#use splat/column
//#use form/exchange_{SUBGROUPS}
//#use layout/slot
//#if FLOW
//#use flow/backward
// Adjoint of rasterize.wgsl, front to back with the remaining sum as one scalar (docs/algorithms.md B.3, C.4). Layout
// of work as there. Each (Gaussian, tile) pair leaves its sums in its slot.
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
// [H][W] as the forward pass left it.
@group(0) @binding(5) var<storage, read> image: array<vec4f>;
// [H][W] gradient of rgb over the background; w = gradient of alpha = 1 - transmittance.
@group(0) @binding(6) var<storage, read> image_gradient: array<vec4f>;
// [pairs][9] by slot.
@group(0) @binding(7) var<storage, read_write> slot_gradients: array<f32>;

const COLUMNS: u32 = 32u / LANES;

// State of one column of pixels.
struct Column {
    origin: vec2u,
    transmittance: array<f32, 8>,
    // What is still to be composited behind, dotted with the pixel's gradient.
    remaining: array<f32, 8>,
    gradient: array<vec3f, 8>,
    //#if FLOW
    flow_gradient: array<vec2f, 8>,
}

// The sums of a pair.
struct Sums {
    image: SlotSums,
    //#if FLOW
    flow: FlowSums,
}

fn load_column(tile: vec2u, unit: u32) -> Column {
    var out: Column;
    out.origin = column_origin(tile, unit);
    for (var row = 0u; row < ROWS; row++) {
        if (out.origin.x < view.size.x && out.origin.y + row < view.size.y) {
            let pixel = (out.origin.y + row) * view.size.x + out.origin.x;
            let colour = image[pixel];
            let gradient = image_gradient[pixel];
            out.transmittance[row] = 1.0;
            out.gradient[row] = gradient.xyz;
            out.remaining[row] = dot(colour.xyz, gradient.xyz) - colour.w * gradient.w;
            //#if FLOW
            load_flow_pixel(&out, row, pixel);
        } else {
            out.transmittance[row] = 0.0;
            out.gradient[row] = vec3f(0.0);
            out.remaining[row] = 0.0;
            //#if FLOW
            out.flow_gradient[row] = vec2f(0.0);
        }
    }
    return out;
}

fn add_column(column: ptr<function, Column>, member: Batch, sums: ptr<function, Sums>) {
    let splat = unpack_splat(member.row);
    let falloff = column_falloff((*column).origin, splat);
    if (!falloff.reached) {
        return;
    }
    let weights = column_weights(falloff.d, splat);
    // Moments of g_sigma over the row's offset from the anchor.
    var m0 = 0.0;
    var m1 = 0.0;
    var m2 = 0.0;
    var rgb = vec3f(0.0);
    for (var row = 0u; row < ROWS; row++) {
        let raw = splat.opacity * weights[row];
        let alpha = min(ALPHA_MAX, raw);
        let before = (*column).transmittance[row];
        let counts = alpha >= ALPHA_MIN && before >= TRANSMITTANCE_MIN;
        let weight = select(0.0, before * alpha, counts);
        let gradient = (*column).gradient[row];
        var along = dot(splat.features, gradient);
        //#if FLOW
        along = along_flow(column, row, member.flow, falloff.d, along);
        let remaining = (*column).remaining[row] - weight * along;
        (*column).remaining[row] = remaining;
        (*column).transmittance[row] = before - weight;
        let g_alpha = before * along - remaining / (1.0 - alpha);
        let g_sigma = select(0.0, -alpha * g_alpha, counts && raw <= ALPHA_MAX);
        let offset = f32(row) - f32(ANCHOR);
        m0 += g_sigma;
        m1 += offset * g_sigma;
        m2 += offset * offset * g_sigma;
        rgb += weight * gradient;
        //#if FLOW
        add_flow_sums(column, row, weight, falloff.d, sums);
    }
    let d = falloff.d;
    let moved = d.y * m0 - m1;
    (*sums).image.s0 += m0;
    (*sums).image.s1 += vec2f(d.x * m0, moved);
    (*sums).image.s2 += vec3f(d.x * d.x * m0, d.x * moved, d.y * (d.y * m0 - 2.0 * m1) + m2);
    (*sums).image.rgb += rgb;
}

fn open_pixels(column: ptr<function, Column>) -> f32 {
    var most = 0.0;
    for (var row = 0u; row < ROWS; row++) {
        most = max(most, (*column).transmittance[row]);
    }
    return most;
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
    var c0 = load_column(tile, lane);
    var c1: Column;
    var c2: Column;
    var c3: Column;
    if (COLUMNS > 1u) {
        c1 = load_column(tile, LANES + lane);
    }
    if (COLUMNS > 2u) {
        c2 = load_column(tile, 2u * LANES + lane);
        c3 = load_column(tile, 3u * LANES + lane);
    }
    var batch_start = first;
    for (; batch_start < last; batch_start += LANES) {
        var own: Batch;
        if (batch_start + lane < last) {
            let slot = slots[batch_start + lane];
            let gaussian = slot_gaussians[slot];
            own.row = splats[gaussian];
            own.slot = slot;
            //#if FLOW
            own.flow = flow_splats[gaussian];
        }
        let batch = share(lane, own);
        let members = min(LANES, last - batch_start);
        for (var j = 0u; j < members; j++) {
            let member = shared_splat(batch, j);
            var sums: Sums;
            add_column(&c0, member, &sums);
            if (COLUMNS > 1u) {
                add_column(&c1, member, &sums);
            }
            if (COLUMNS > 2u) {
                add_column(&c2, member, &sums);
                add_column(&c3, member, &sums);
            }
            let sum = reduce_9(lane, all_sums(sums.image));
            if (lane < 8u) {
                slot_gradients[slot_index(member.slot, lane)] = sum.x;
            }
            if (lane == 0u) {
                slot_gradients[slot_index(member.slot, 8u)] = sum.y;
            }
            //#if FLOW
            store_flow_sums(lane, member.slot, &sums);
        }
        var most = open_pixels(&c0);
        if (COLUMNS > 1u) {
            most = max(most, open_pixels(&c1));
        }
        if (COLUMNS > 2u) {
            most = max(most, max(open_pixels(&c2), open_pixels(&c3)));
        }
        if (!lane_any(lane, most >= TRANSMITTANCE_MIN)) {
            batch_start += LANES;
            break;
        }
    }
    // Pairs behind the last contributor: no gradient.
    for (var pair = batch_start + lane; pair < last; pair += LANES) {
        for (var i = 0u; i < SLOT; i++) {
            slot_gradients[slot_index(slots[pair], i)] = 0.0;
        }
        //#if FLOW
        clear_flow_slot(slots[pair]);
    }
}
