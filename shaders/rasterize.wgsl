//#use grid
//#use column
//#use SUBGROUPS ? exchange_subgroup : exchange_workgroup
//#use FLOW ? flow_channels : flow_absent
// Composites a tile's Gaussians front to back (ALGORITHMS B.2, inclusive stop). One workgroup of LANES invocations a
// tile; a lane owns 32 / LANES columns of eight pixels, with their state in registers, and the records go round by
// shuffle. With FLOW two more channels are composited, the flow. Twin: tests/reference/rasterize.rs.

@group(0) @binding(0) var<uniform> view: View;
// [tiles + 1]
@group(0) @binding(1) var<storage, read> starts: array<u32>;
// [pairs] slots, sorted by tile, then depth.
@group(0) @binding(2) var<storage, read> slots: array<u32>;
// [pairs]
@group(0) @binding(3) var<storage, read> slot_gaussians: array<u32>;
// [N][3]
@group(0) @binding(4) var<storage, read> records: array<vec4f>;
// [H][W] features over the background; w = transmittance left.
@group(0) @binding(5) var<storage, read_write> image: array<vec4f>;

const COLUMNS: u32 = 32u / LANES;
const PIXELS: u32 = COLUMNS * ROWS;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
    let tile_index = flat_group(group);
    if (tile_index >= view.size.z * view.size.w) {
        return;
    }
    let tile = vec2u(tile_index % view.size.z, tile_index / view.size.z);
    let first = starts[tile_index];
    let last = starts[tile_index + 1u];
    var transmittance: array<f32, PIXELS>;
    var colour: array<vec3f, PIXELS>;
    var flow: FlowState;
    for (var i = 0u; i < PIXELS; i++) {
        transmittance[i] = 1.0;
        colour[i] = vec3f(0.0);
    }
    for (var batch_start = first; batch_start < last; batch_start += LANES) {
        var own: Batch;
        var own_flow: FlowRecord;
        if (batch_start + lane < last) {
            let gaussian = slot_gaussians[slots[batch_start + lane]];
            own = Batch(records[3u * gaussian], records[3u * gaussian + 1u], records[3u * gaussian + 2u], 0u);
            own_flow = load_flow(gaussian);
        }
        let batch = share(lane, own);
        let flow_batch = share_flow(lane, own_flow);
        let members = min(LANES, last - batch_start);
        for (var j = 0u; j < members; j++) {
            let record = shared_record(batch, j);
            let flow_record = shared_flow(flow_batch, j);
            for (var block = 0u; block < COLUMNS; block++) {
                let origin = column_origin(tile, block * LANES + lane);
                let falloff = column_falloff(origin, record.r0, record.r1);
                if (falloff.reached) {
                    let weights = column_weights(falloff.d, record.r0, record.r1);
                    for (var row = 0u; row < ROWS; row++) {
                        let i = block * ROWS + row;
                        let alpha = min(ALPHA_MAX, record.r1.y * weights[row]);
                        let counts = alpha >= ALPHA_MIN && transmittance[i] >= TRANSMITTANCE_MIN;
                        let weight = select(0.0, transmittance[i] * alpha, counts);
                        transmittance[i] -= weight;
                        colour[i] += weight * record.r2.xyz;
                        add_flow(&flow, i, weight, flow_record, falloff.d, row);
                    }
                }
            }
        }
        var most = 0.0;
        for (var i = 0u; i < PIXELS; i++) {
            most = max(most, transmittance[i]);
        }
        if (!lane_any(lane, most >= TRANSMITTANCE_MIN)) {
            break;
        }
    }
    for (var block = 0u; block < COLUMNS; block++) {
        let origin = column_origin(tile, block * LANES + lane);
        for (var row = 0u; row < ROWS; row++) {
            let i = block * ROWS + row;
            if (origin.x < view.size.x && origin.y + row < view.size.y) {
                let over = colour[i] + transmittance[i] * view.background.xyz;
                let pixel = (origin.y + row) * view.size.x + origin.x;
                image[pixel] = vec4f(over, transmittance[i]);
                store_flow(&flow, i, pixel);
            }
        }
    }
}
