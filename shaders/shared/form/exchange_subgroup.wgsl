//#use layout/splat
// Exchange between the LANES invocations of a workgroup that lies within one subgroup: no memory, no barriers.

// Sums of nine values over the lanes: x = value `lane` mod 8, y = the ninth. A tree that halves the values as it goes.
fn reduce_9(lane: u32, v: array<f32, 9>) -> vec2f {
    let upper4 = (lane & 4u) != 0u;
    var a: array<f32, 4>;
    for (var i = 0u; i < 4u; i++) {
        a[i] = select(v[i], v[i + 4u], upper4) + subgroupShuffleXor(select(v[i + 4u], v[i], upper4), 4u);
    }
    let upper2 = (lane & 2u) != 0u;
    let b0 = select(a[0], a[2], upper2) + subgroupShuffleXor(select(a[2], a[0], upper2), 2u);
    let b1 = select(a[1], a[3], upper2) + subgroupShuffleXor(select(a[3], a[1], upper2), 2u);
    let upper1 = (lane & 1u) != 0u;
    var sum = select(b0, b1, upper1) + subgroupShuffleXor(select(b1, b0, upper1), 1u);
    var ninth = v[8];
    for (var mask = 1u; mask < LANES; mask *= 2u) {
        if (mask >= 8u) {
            sum += subgroupShuffleXor(sum, mask);
        }
        ninth += subgroupShuffleXor(ninth, mask);
    }
    return vec2f(sum, ninth);
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
