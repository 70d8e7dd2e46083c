// Exchange between the LANES invocations of a workgroup that lies within one subgroup: no memory, no barriers.

fn lane_xor(lane: u32, value: f32, mask: u32) -> f32 {
    return subgroupShuffleXor(value, mask);
}

fn lane_any(lane: u32, value: bool) -> bool {
    return subgroupAny(value);
}

// One record of three vec4 a lane, which every lane reads in turn.
struct Batch {
    r0: vec4f,
    r1: vec4f,
    r2: vec4f,
    slot: u32,
}

fn share(lane: u32, own: Batch) -> Batch {
    return own;
}

fn shared_record(batch: Batch, source: u32) -> Batch {
    return Batch(
        subgroupShuffle(batch.r0, source),
        subgroupShuffle(batch.r1, source),
        subgroupShuffle(batch.r2, source),
        subgroupShuffle(batch.slot, source),
    );
}
