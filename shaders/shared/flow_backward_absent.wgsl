//#use flow_record_absent
// The flow channels of rasterize_backward.wgsl where there are none. flow_backward.wgsl has the same functions.

struct FlowColumn {
    unused: f32,
}

struct FlowSums {
    unused: f32,
}

fn load_flow_pixel(column: ptr<function, Column>, row: u32, pixel: u32, remaining: f32) -> f32 {
    return remaining;
}

fn clear_flow_pixel(column: ptr<function, Column>, row: u32) {
}

fn along_flow(column: ptr<function, Column>, row: u32, record: FlowRecord, d: vec2f, along: f32) -> f32 {
    return along;
}

fn add_flow_sums(column: ptr<function, Column>, row: u32, weight: f32, d: vec2f, sums: ptr<function, Sums>) {
}

fn store_flow_sums(lane: u32, slot: u32, sums: ptr<function, Sums>) {
}

fn clear_flow_slot(slot: u32) {
}
