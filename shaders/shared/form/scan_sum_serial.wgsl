// scan_sum.wgsl, one invocation a block.
//#use form/lanes_serial
fn block_body(block: u32) {
    let cut = blocks();
    if block >= cut.number {
        return;
    }
    let range = block_range(cut, block);
    var sum = 0u;
    for (var i = range.x; i < range.y; i++) {
        sum += input[i];
    }
    sums[block] = sum;
}
