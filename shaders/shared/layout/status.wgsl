// What the device tells the host of the frames since the host last looked.

// Invocations of a workgroup of the dispatch over the pairs, whose arguments check_capacity.wgsl writes.
const PAIR_GROUP: u32 = 64u;

struct FrameStatus {
    // Pairs that the buffers hold.
    capacity: u32,
    // Stays 1 from the first frame that did not fit until the host has seen it.
    overflowed: u32,
    // The most pairs a frame has asked for.
    needed: u32,
    // Gaussians skipped because a value was not finite.
    non_finite: atomic<u32>,
    // Updates that were carried out since the host last looked.
    steps: u32,
    unused0: u32,
    unused1: u32,
    unused2: u32,
}
