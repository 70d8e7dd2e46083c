// The flow channels of rasterize.wgsl where there are none: nothing is left of these in the compiled kernel.
// flow_channels.wgsl has the same functions.

struct FlowRecord {
    unused: f32,
}

struct FlowState {
    unused: f32,
}

fn load_flow(gaussian: u32) -> FlowRecord {
    return FlowRecord(0.0);
}

fn share_flow(lane: u32, own: FlowRecord) -> FlowRecord {
    return own;
}

fn shared_flow(batch: FlowRecord, source: u32) -> FlowRecord {
    return batch;
}

fn add_flow(state: ptr<function, FlowState>, i: u32, weight: f32, record: FlowRecord, d: vec2f, row: u32) {
}

fn store_flow(state: ptr<function, FlowState>, i: u32, pixel: u32) {
}
