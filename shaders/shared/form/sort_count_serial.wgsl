// sort_count.wgsl, one invocation a block.
//#use form/lanes_serial
fn block_body(block: u32) {
    let cut = blocks();
    if block >= cut.number {
        return;
    }
    let digits = digit.mask + 1u;
    if block == 0u {
        counts_number[0] = digits * cut.number;
    }
    for (var d = 0u; d < digits; d++) {
        counts[d * cut.number + block] = 0u;
    }
    let range = block_range(cut, block);
    for (var i = range.x; i < range.y; i++) {
        counts[digit_of(keys[i]) * cut.number + block] += 1u;
    }
}
