// scan_sum.wgsl, one workgroup a block.
//#use form/lanes_{SUBGROUPS}
fn body(block: u32, thread: u32) {
    let cut = blocks();
    if block >= cut.number {
        return;
    }
    let range = block_range(cut, block);
    var sum = 0u;
    for (var i = range.x + thread; i < range.y; i += THREADS) {
        sum += input[i];
    }
    let total = workgroup_scan(thread, sum).y;
    if thread == 0u {
        sums[block] = total;
    }
}
