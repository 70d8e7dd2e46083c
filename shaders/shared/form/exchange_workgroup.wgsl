//#use layout/splat
// Exchange between the LANES invocations of a workgroup through workgroup memory: the same results as
// form/exchange_subgroup.wgsl, for adapters without subgroups or with subgroups smaller than LANES.

var<workgroup> summands: array<array<f32, 9>, LANES>;
var<workgroup> votes: array<u32, LANES>;
var<workgroup> vote: u32;
var<workgroup> shared_batch: array<Batch, LANES>;

// The sum of value `i` over the lanes, in pairs of lanes that differ in one bit: bit 2, 1, 0 and then the higher ones, or
// for the ninth value from bit 0 on, which is the order of the shuffles.
fn sum_over_lanes(i: u32) -> f32 {
    var v: array<f32, LANES>;
    for (var lane = 0u; lane < LANES; lane++) {
        v[lane] = summands[lane][i];
    }
    var done = 0u;
    for (var bit = 1u; bit < LANES; bit *= 2u) {
        let mask = select(bit, 4u / bit, i < 8u && bit < 8u);
        for (var lane = 0u; lane < LANES; lane++) {
            if ((lane & (done | mask)) == 0u) {
                v[lane] += v[lane | mask];
            }
        }
        done |= mask;
    }
    return v[0];
}

// Sums of nine values over the lanes, for the lanes below 8: x = value `lane`, y = the ninth.
fn reduce_9(lane: u32, v: array<f32, 9>) -> vec2f {
    workgroupBarrier();
    summands[lane] = v;
    workgroupBarrier();
    var out: vec2f;
    if (lane < 8u) {
        out.x = sum_over_lanes(lane);
    }
    if (lane == 0u) {
        out.y = sum_over_lanes(8u);
    }
    return out;
}

fn lane_any(lane: u32, value: bool) -> bool {
    votes[lane] = u32(value);
    workgroupBarrier();
    if (lane == 0u) {
        var any = 0u;
        for (var i = 0u; i < LANES; i++) {
            any |= votes[i];
        }
        vote = any;
    }
    // Waits for all lanes before and after, and is the same for all: what follows may have barriers.
    return workgroupUniformLoad(&vote) != 0u;
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
