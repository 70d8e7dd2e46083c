//#use flow_record_absent
// The flow channels of rasterize.wgsl where there are none. flow_forward.wgsl has the same functions.

struct FlowColumn {
    unused: f32,
}

fn open_flow_pixel(column: ptr<function, Column>, row: u32) {
}

fn add_flow_pixel(column: ptr<function, Column>, row: u32, weight: f32, record: FlowRecord, d: vec2f) {
}

fn store_flow_pixel(column: ptr<function, Column>, row: u32, pixel: u32) {
}
