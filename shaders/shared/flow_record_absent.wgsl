// A Gaussian's flow where there is none. flow_record.wgsl and its exchange have the same functions.

struct FlowRecord {
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
