// scan_apply.wgsl, one invocation a block.
//#use form/lanes_serial
fn block_body(block: u32) {
    let cut = blocks();
    if block >= cut.number {
        return;
    }
    let range = block_range(cut, block);
    var sum = 0u;
    var wrapped = false;
    for (var b = 0u; b < block; b++) {
        sum += sums[b];
        wrapped = wrapped || sum < sums[b];
    }
    for (var i = range.x; i < range.y; i++) {
        let value = input[i];
        output[i] = sum;
        sum += value;
        wrapped = wrapped || sum < value;
    }
    if block == cut.number - 1u {
        total[0] = select(sum, 0xffffffffu, wrapped);
    }
}
