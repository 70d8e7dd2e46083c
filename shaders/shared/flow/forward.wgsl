//#use flow/at
// The flow channels of rasterize.wgsl: the weighted sum of the flows of all contributors, which the image's opacity
// normalises afterwards (docs/algorithms.md F.4).

// [N]
@group(0) @binding(6) var<storage, read> flow_splats: array<FlowSplat>;
// [H][W][2] sum of w f.
@group(0) @binding(7) var<storage, read_write> flow_image: array<f32>;

fn add_flow_pixel(column: ptr<function, Column>, row: u32, weight: f32, flow: FlowSplat, d: vec2f) {
    (*column).flow[row] += weight * flow_at(flow, d, row);
}

fn store_flow_pixel(column: ptr<function, Column>, row: u32, pixel: u32) {
    let sum = (*column).flow[row];
    flow_image[2u * pixel] = sum.x;
    flow_image[2u * pixel + 1u] = sum.y;
}
