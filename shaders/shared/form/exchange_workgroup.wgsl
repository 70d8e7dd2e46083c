//#use layout/splat
// Exchange between the LANES invocations of a workgroup through workgroup memory: the same results as
// form/exchange_subgroup.wgsl, for adapters without subgroups or with subgroups smaller than LANES.

var<workgroup> exchanged: array<f32, LANES>;
var<workgroup> votes: array<u32, LANES>;
var<workgroup> shared_batch: array<Batch, LANES>;

fn lane_xor(lane: u32, value: f32, mask: u32) -> f32 {
    workgroupBarrier();
    exchanged[lane] = value;
    workgroupBarrier();
    return exchanged[lane ^ mask];
}

fn lane_any(lane: u32, value: bool) -> bool {
    workgroupBarrier();
    votes[lane] = u32(value);
    workgroupBarrier();
    var any = 0u;
    for (var i = 0u; i < LANES; i++) {
        any |= votes[i];
    }
    return any != 0u;
}

// One splat a lane, which every lane reads in turn.
struct Batch {
    row: SplatRow,
    slot: u32,
    //#if FLOW
    flow: FlowSplat,
}

fn share(lane: u32, own: Batch) -> Batch {
    workgroupBarrier();
    shared_batch[lane] = own;
    workgroupBarrier();
    return own;
}

fn shared_splat(batch: Batch, source: u32) -> Batch {
    return shared_batch[source];
}
