// Exchange of flow records between lanes as exchange_workgroup.wgsl does it.

var<workgroup> shared_flows: array<FlowRecord, LANES>;

fn share_flow(lane: u32, own: FlowRecord) -> FlowRecord {
    workgroupBarrier();
    shared_flows[lane] = own;
    workgroupBarrier();
    return own;
}

fn shared_flow(batch: FlowRecord, source: u32) -> FlowRecord {
    return shared_flows[source];
}
