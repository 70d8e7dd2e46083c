// scan_apply.wgsl, one workgroup a block.
//#use SUBGROUPS ? lanes_subgroups : lanes_plain
fn body(block: u32, thread: u32) {
    let cut = blocks();
    if block >= cut.number {
        return;
    }
    let range = block_range(cut, block);
    var before = 0u;
    for (var b = thread; b < block; b += 256u) {
        before += sums[b];
    }
    var base = workgroup_scan(thread, before).y;
    // Rows of 256 elements, so that neighbours read neighbours.
    for (var row = range.x; row < range.y; row += 256u) {
        let i = row + thread;
        var value = 0u;
        if i < range.y {
            value = input[i];
        }
        let scan = workgroup_scan(thread, value);
        if i < range.y {
            output[i] = base + scan.x;
        }
        base += scan.y;
    }
    if block == cut.number - 1u && thread == 0u {
        total[0] = base;
    }
}
