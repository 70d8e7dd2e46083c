// Exchange of flow records between lanes as exchange_subgroup.wgsl does it.

fn share_flow(lane: u32, own: FlowRecord) -> FlowRecord {
    return own;
}

fn shared_flow(batch: FlowRecord, source: u32) -> FlowRecord {
    var out: FlowRecord;
    out.moved = subgroupShuffle(batch.moved, source);
    if (FLOW == 2u) {
        out.change = subgroupShuffle(batch.change, source);
    }
    return out;
}
