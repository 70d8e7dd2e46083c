// sort_scatter.wgsl, one invocation a block, whose offsets run on in place.
//#use form/lanes_serial
fn block_body(block: u32) {
    let cut = blocks();
    if block >= cut.number {
        return;
    }
    let range = block_range(cut, block);
    for (var i = range.x; i < range.y; i++) {
        let key = keys[i];
        let slot = digit_of(key) * cut.number + block;
        let place = offsets[slot];
        offsets[slot] = place + 1u;
        new_keys[place] = key;
        new_values[place] = values[i];
    }
}
