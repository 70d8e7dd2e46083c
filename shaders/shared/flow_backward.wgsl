//#use flow_record
// The flow channels of rasterize_backward.wgsl. Each pair leaves, besides its nine sums,
//   sum w G (x, y), and with FLOW = 2 sum w G e^T (xx, xy, yx, yy),   e = pixel - u,
// where G is the gradient by the flow's sum. With FLOW_ALL the flow also says how much each Gaussian should weigh, as
// colour does; otherwise the weights are taken as they are.

// [N][2]
@group(0) @binding(8) var<storage, read> flow_records: array<vec4f>;
// [H][W][2] as the forward pass left it, and its gradient.
@group(0) @binding(9) var<storage, read> flow_image: array<f32>;
@group(0) @binding(10) var<storage, read> flow_gradient: array<f32>;
// [pairs][2 or 6] by slot.
@group(0) @binding(11) var<storage, read_write> flow_slots: array<f32>;

const FLOW_SLOT: u32 = select(2u, 6u, FLOW == 2u);

struct FlowColumn {
    gradient: array<vec2f, 8>,
}

struct FlowSums {
    s: vec2f,
    m: vec4f,
}

// Reads a pixel's gradient; returns what is still to be composited, dotted with it, with the flow.
fn load_flow_pixel(column: ptr<function, Column>, row: u32, pixel: u32, remaining: f32) -> f32 {
    let gradient = vec2f(flow_gradient[2u * pixel], flow_gradient[2u * pixel + 1u]);
    (*column).flow.gradient[row] = gradient;
    if (FLOW_ALL == 0u) {
        return remaining;
    }
    return remaining + dot(vec2f(flow_image[2u * pixel], flow_image[2u * pixel + 1u]), gradient);
}

fn clear_flow_pixel(column: ptr<function, Column>, row: u32) {
    (*column).flow.gradient[row] = vec2f(0.0);
}

fn along_flow(column: ptr<function, Column>, row: u32, record: FlowRecord, d: vec2f, along: f32) -> f32 {
    if (FLOW_ALL == 0u) {
        return along;
    }
    return along + dot(flow_at(record, d, row), (*column).flow.gradient[row]);
}

fn add_flow_sums(column: ptr<function, Column>, row: u32, weight: f32, d: vec2f, sums: ptr<function, Sums>) {
    let g = weight * (*column).flow.gradient[row];
    (*sums).flow.s += g;
    if (FLOW == 2u) {
        let e = vec2f(-d.x, f32(row) - f32(ANCHOR) - d.y);
        (*sums).flow.m += vec4f(g.x * e, g.y * e);
    }
}

fn store_flow_sums(lane: u32, slot: u32, sums: ptr<function, Sums>) {
    let s = (*sums).flow.s;
    let m = (*sums).flow.m;
    if (FLOW == 2u) {
        let sum = reduce_8(lane, array<f32, 8>(s.x, s.y, m.x, m.y, m.z, m.w, 0.0, 0.0));
        if (lane < 6u) {
            flow_slots[slot * FLOW_SLOT + lane] = sum;
        }
        return;
    }
    let x = reduce_1(lane, s.x);
    let y = reduce_1(lane, s.y);
    if (lane == 0u) {
        flow_slots[slot * FLOW_SLOT] = x;
        flow_slots[slot * FLOW_SLOT + 1u] = y;
    }
}

fn clear_flow_slot(slot: u32) {
    for (var i = 0u; i < FLOW_SLOT; i++) {
        flow_slots[slot * FLOW_SLOT + i] = 0.0;
    }
}
