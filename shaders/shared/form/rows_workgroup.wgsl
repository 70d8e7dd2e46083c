// Blocks of ROWS elements a thread, where there are no subgroups: each thread takes neighbouring elements.
//#use form/lanes_workgroup
fn row_element(thread: u32, row: u32) -> u32 {
    return thread * ROWS + row;
}

// Replaces the values of a block by the sums of those before them, and returns the sum of all. Uniform control flow
// only.
fn scan_rows(thread: u32, values: ptr<function, array<u32, ROWS>>) -> u32 {
    var sum = 0u;
    for (var row = 0u; row < ROWS; row++) {
        let value = (*values)[row];
        (*values)[row] = sum;
        sum += value;
    }
    let scan = workgroup_scan(thread, sum);
    for (var row = 0u; row < ROWS; row++) {
        (*values)[row] += scan.x;
    }
    return scan.y;
}
