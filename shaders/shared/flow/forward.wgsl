//#use flow/at
//#use layout/flow_image
// The flow channels of rasterize.wgsl: the weighted sum of the flows of all contributors, which the image's opacity
// normalises afterwards (docs/algorithms.md F.4).

// [N]
@group(0) @binding(6) var<storage, read> flow_splats: array<FlowSplat>;

fn add_flow_pixel(column: ptr<function, Column>, row: u32, weight: f32, flow: FlowSplat, d: vec2f) {
    (*column).flow[row] += weight * flow_at(flow, d, row);
}

fn store_flow_pixel(column: ptr<function, Column>, row: u32, pixel: u32) {
    image[flow_pixel_index(pixel, view.size.xy)] = vec4f((*column).flow[row], 0.0, 0.0);
}
