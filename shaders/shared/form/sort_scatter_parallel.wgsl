// sort_scatter.wgsl, one workgroup a block of 256 * ROWS pairs. The block is first put in order in workgroup memory, so
// that neighbouring threads write runs of neighbouring places.
//#use form/sort_rank_{SUBGROUPS}

// First the counters of rank_block(), then keys, then values, in the order of the digit.
var<workgroup> exchange: array<atomic<u32>, THREADS * ROWS>;
// What to add to a place in the block for the place of a key of each digit among all; it may wrap around.
var<workgroup> block_to_all: array<u32, 256>;

fn body(block: u32, thread: u32) {
    let cut = blocks();
    if block >= cut.number {
        return;
    }
    let range = block_range(cut, block);
    var key: array<u32, ROWS>;
    for (var row = 0u; row < ROWS; row++) {
        let i = range.x + row_element(thread, row);
        if i < range.y {
            key[row] = keys[i];
        }
    }
    var place: array<u32, ROWS>;
    rank_block(cut, block, thread, &key, &place);

    workgroupBarrier();
    for (var row = 0u; row < ROWS; row++) {
        let i = range.x + row_element(thread, row);
        if i < range.y {
            atomicStore(&exchange[place[row]], key[row]);
        }
    }
    workgroupBarrier();
    var new_place: array<u32, ROWS>;
    for (var row = 0u; row < ROWS; row++) {
        let i = row * THREADS + thread;
        if range.x + i < range.y {
            let moved = atomicLoad(&exchange[i]);
            new_place[row] = i + block_to_all[digit_of(moved)];
            new_keys[new_place[row]] = moved;
        }
    }
    workgroupBarrier();
    for (var row = 0u; row < ROWS; row++) {
        let i = range.x + row_element(thread, row);
        if i < range.y {
            atomicStore(&exchange[place[row]], values[i]);
        }
    }
    workgroupBarrier();
    for (var row = 0u; row < ROWS; row++) {
        let i = row * THREADS + thread;
        if range.x + i < range.y {
            new_values[new_place[row]] = atomicLoad(&exchange[i]);
        }
    }
}
