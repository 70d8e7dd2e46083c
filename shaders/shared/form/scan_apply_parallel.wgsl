// scan_apply.wgsl, one workgroup a block of 256 * ROWS elements.
//#use form/rows_{SUBGROUPS}
fn body(block: u32, thread: u32) {
    let cut = blocks();
    if block >= cut.number {
        return;
    }
    var before = 0u;
    var wrapped = 0u;
    for (var b = thread; b < block; b += THREADS) {
        before += sums[b];
        wrapped |= u32(before < sums[b]);
    }
    let base = workgroup_scan(thread, before).y;

    let range = block_range(cut, block);
    var values: array<u32, ROWS>;
    for (var row = 0u; row < ROWS; row++) {
        let i = range.x + row_element(thread, row);
        values[row] = 0u;
        if i < range.y {
            values[row] = input[i];
        }
    }
    let sum = scan_rows(thread, &values);
    for (var row = 0u; row < ROWS; row++) {
        let i = range.x + row_element(thread, row);
        if i < range.y {
            output[i] = base + values[row];
        }
    }
    if block == cut.number - 1u {
        // The high and the low halves of the threads' sums do not wrap: together they tell whether the total does.
        let high = workgroup_scan(thread, before >> 16u).y + (sum >> 16u);
        let low = workgroup_scan(thread, before & 0xffffu).y + (sum & 0xffffu);
        let any_wrapped = workgroup_scan(thread, wrapped).y;
        if thread == 0u {
            let fits = any_wrapped == 0u && high + (low >> 16u) < 0x10000u;
            total[0] = select(0xffffffffu, base + sum, fits);
        }
    }
}
