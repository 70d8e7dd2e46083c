//#use flow_record
// The flow channels of rasterize.wgsl: the weighted sum of the flows of all contributors, which the image's opacity
// normalises afterwards (ALGORITHMS F.4).

// [N][2]
@group(0) @binding(6) var<storage, read> flow_records: array<vec4f>;
// [H][W][2] sum of w f.
@group(0) @binding(7) var<storage, read_write> flow_image: array<f32>;

struct FlowColumn {
    sum: array<vec2f, 8>,
}

fn open_flow_pixel(column: ptr<function, Column>, row: u32) {
    (*column).flow.sum[row] = vec2f(0.0);
}

fn add_flow_pixel(column: ptr<function, Column>, row: u32, weight: f32, record: FlowRecord, d: vec2f) {
    (*column).flow.sum[row] += weight * flow_at(record, d, row);
}

fn store_flow_pixel(column: ptr<function, Column>, row: u32, pixel: u32) {
    let sum = (*column).flow.sum[row];
    flow_image[2u * pixel] = sum.x;
    flow_image[2u * pixel + 1u] = sum.y;
}
