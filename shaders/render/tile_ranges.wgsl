//#use math/grid
//#use layout/view
//#use layout/status
// First pair of every tile in the sorted list. One invocation a pair: each fills the gap between its tile and that of
// the pair before it.
// Twin: tests/reference/tiles.rs (ordered_lists).

@group(0) @binding(0) var<uniform> view: View;
// [2] pairs admitted; the other is not used.
@group(0) @binding(1) var<storage, read> admitted: array<u32>;
// [pairs] tiles, sorted.
@group(0) @binding(2) var<storage, read> keys: array<u32>;
// [tiles + 1]
@group(0) @binding(3) var<storage, read_write> starts: array<u32>;

@compute @workgroup_size(PAIR_GROUP)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
    let pair = flat_group(group) * PAIR_GROUP + lane;
    let pairs = admitted[0];
    let tiles = view.size.z * view.size.w;
    // One invocation more than there are pairs closes the list.
    if (pair > pairs) {
        return;
    }
    var next = 0u;
    if (pair > 0u) {
        next = min(keys[pair - 1u], tiles) + 1u;
    }
    var last = tiles;
    if (pair < pairs) {
        last = min(keys[pair], tiles);
    }
    for (var tile = next; tile <= last; tile++) {
        starts[tile] = pair;
    }
}
