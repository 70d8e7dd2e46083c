//#use layout/splat
// Exchange between the LANES invocations of a workgroup that lies within one subgroup: no memory, no barriers.

fn lane_xor(lane: u32, value: f32, mask: u32) -> f32 {
    return subgroupShuffleXor(value, mask);
}

fn lane_any(lane: u32, value: bool) -> bool {
    return subgroupAny(value);
}

// One splat a lane, which every lane reads in turn.
struct Batch {
    row: SplatRow,
    slot: u32,
    //#if FLOW
    flow: FlowSplat,
}

fn share(lane: u32, own: Batch) -> Batch {
    return own;
}

fn shared_splat(batch: Batch, source: u32) -> Batch {
    var out: Batch;
    out.row = SplatRow(
        subgroupShuffle(batch.row.mean_conic, source),
        subgroupShuffle(batch.row.conic_opacity, source),
        subgroupShuffle(batch.row.features, source),
        0u,
        0u,
        0u,
        0u,
    );
    out.slot = subgroupShuffle(batch.slot, source);
    //#if FLOW
    out.flow.moved = subgroupShuffle(batch.flow.moved, source);
    //#if FLOW
    if (FLOW == 2u) { out.flow.change = subgroupShuffle(batch.flow.change, source); }
    return out;
}
