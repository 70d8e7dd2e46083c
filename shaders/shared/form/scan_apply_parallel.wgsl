// scan_apply.wgsl, one workgroup a block of 256 * ROWS elements.
//#use form/rows_{SUBGROUPS}
fn body(block: u32, thread: u32) {
    let cut = blocks();
    if block >= cut.number {
        return;
    }
    var before = 0u;
    for (var b = thread; b < block; b += THREADS) {
        before += sums[b];
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
    if block == cut.number - 1u && thread == 0u {
        total[0] = base + sum;
    }
}
