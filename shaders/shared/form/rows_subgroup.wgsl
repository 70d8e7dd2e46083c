// Blocks of ROWS elements a thread, where subgroups can be used: each subgroup takes a run of neighbouring elements,
// a row of one element a lane at a time.
//#use form/lanes_subgroup
fn row_element(thread: u32, row: u32) -> u32 {
    return (subgroup * ROWS + row) * subgroup_width + lane;
}

// Replaces the values of a block by the sums of those before them, and returns the sum of all. Uniform control flow
// only.
fn scan_rows(thread: u32, values: ptr<function, array<u32, ROWS>>) -> u32 {
    var run = 0u;
    for (var row = 0u; row < ROWS; row++) {
        let value = (*values)[row];
        (*values)[row] = run + subgroupExclusiveAdd(value);
        run += subgroupAdd(value);
    }
    // The first lane stands for its subgroup. Earlier subgroups are its earlier threads and no others.
    let scan = workgroup_scan(thread, select(0u, run, lane == 0u));
    let base = subgroupBroadcastFirst(scan.x);
    for (var row = 0u; row < ROWS; row++) {
        (*values)[row] += base;
    }
    return scan.y;
}
