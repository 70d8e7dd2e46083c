//#use flow/at
//#use layout/flow_slot
//#use layout/flow_image
// The flow channels of rasterize_backward.wgsl. Each pair leaves, besides its nine sums,
//   sum w G (x, y), and with FLOW = 2 sum w G e^T (xx, xy, yx, yy),   e = pixel - u,
// where G is the gradient by the flow's sum. With FLOW_ALL the flow also says how much each Gaussian should weigh, as
// colour does; otherwise the weights are taken as they are.

// [N]
@group(0) @binding(8) var<storage, read> flow_splats: array<FlowSplat>;

struct FlowSums {
    s: vec2f,
    m: vec4f,
}

// Reads a pixel's gradient by its flow, and adds what is still to be composited of the flow, dotted with it.
fn load_flow_pixel(column: ptr<function, Column>, row: u32, pixel: u32) {
    let flow = image[flow_pixel_index(pixel, view.size.xy)];
    let gradient = flow.zw;
    (*column).flow_gradient[row] = gradient;
    if (FLOW_ALL != 0u) {
        (*column).remaining[row] += dot(flow.xy, gradient);
    }
}

fn along_flow(column: ptr<function, Column>, row: u32, flow: FlowSplat, d: vec2f, along: f32) -> f32 {
    if (FLOW_ALL == 0u) {
        return along;
    }
    return along + dot(flow_at(flow, d, row), (*column).flow_gradient[row]);
}

fn add_flow_sums(column: ptr<function, Column>, row: u32, weight: f32, d: vec2f, sums: ptr<function, Sums>) {
    let g = weight * (*column).flow_gradient[row];
    (*sums).flow.s += g;
    if (FLOW == 2u) {
        let e = vec2f(-d.x, f32(row) - f32(ANCHOR) - d.y);
        (*sums).flow.m += vec4f(g.x * e, g.y * e);
    }
}

fn store_flow_sums(lane: u32, slot: u32, sums: ptr<function, Sums>) {
    let s = (*sums).flow.s;
    let m = (*sums).flow.m;
    // Without the ellipse only the first two are not zero.
    let sum = reduce_9(lane, array<f32, 9>(s.x, s.y, m.x, m.y, m.z, m.w, 0.0, 0.0, 0.0));
    if (lane < FLOW_SLOT) {
        slot_gradients[flow_slot_index(slot, lane)] = sum.x;
    }
}

fn clear_flow_slot(slot: u32) {
    for (var i = 0u; i < FLOW_SLOT; i++) {
        slot_gradients[flow_slot_index(slot, i)] = 0.0;
    }
}
