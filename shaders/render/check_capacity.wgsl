//#use math/grid
//#use layout/status
// Admits the frame's pairs if their buffers hold them; otherwise notes how many there are and admits none, so that
// the host can grow the buffers and repeat the frame. One invocation.
// No twin: it compares two counts; the overflow in tests/training.rs tells whether it does.

// [1] pairs the frame asks for, and visible Gaussians.
@group(0) @binding(0) var<storage, read> wanted: array<u32>;
@group(0) @binding(1) var<storage, read> visible_count: array<u32>;
@group(0) @binding(2) var<storage, read_write> status: array<FrameStatus>;
// [2] pairs admitted, and visible Gaussians that have some.
@group(0) @binding(3) var<storage, read_write> admitted: array<u32>;
// [3] arguments of a dispatch of one invocation a pair and one more.
@group(0) @binding(4) var<storage, read_write> arguments: array<u32>;

@compute @workgroup_size(1)
fn main() {
    let pairs = wanted[0];
    status[0].needed = max(status[0].needed, pairs);
    if (pairs > status[0].capacity) {
        status[0].overflowed = 1u;
    }
    let fits = status[0].overflowed == 0u;
    status[0].steps += u32(fits);
    let count = select(0u, pairs, fits);
    admitted[0] = count;
    admitted[1] = select(0u, visible_count[0], fits);
    let groups = fold_groups(count / PAIR_GROUP + 1u);
    arguments[0] = groups.x;
    arguments[1] = groups.y;
    arguments[2] = groups.z;
}
