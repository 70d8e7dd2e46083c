//#use flow_record
// The flow channels of rasterize.wgsl: the weighted sum of the flows of all contributors, which their opacity normalises
// afterwards.

// [N][2]
@group(0) @binding(6) var<storage, read> flow_records: array<vec4f>;
// [H][W][2] sum of w f.
@group(0) @binding(7) var<storage, read_write> flow_image: array<f32>;

struct FlowState {
    sum: array<vec2f, PIXELS>,
}

fn add_flow(state: ptr<function, FlowState>, i: u32, weight: f32, record: FlowRecord, d: vec2f, row: u32) {
    (*state).sum[i] += weight * flow_at(record, d, row);
}

fn store_flow(state: ptr<function, FlowState>, i: u32, pixel: u32) {
    flow_image[2u * pixel] = (*state).sum[i].x;
    flow_image[2u * pixel + 1u] = (*state).sum[i].y;
}
