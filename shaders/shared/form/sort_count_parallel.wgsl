// sort_count.wgsl, one workgroup a block, at most 256 digits.
//#use form/lanes_{SUBGROUPS}
var<workgroup> histogram: array<atomic<u32>, 256>;

fn body(block: u32, thread: u32) {
    let cut = blocks();
    if block >= cut.number {
        return;
    }
    atomicStore(&histogram[thread], 0u);
    workgroupBarrier();
    let range = block_range(cut, block);
    for (var i = range.x + thread; i < range.y; i += THREADS) {
        atomicAdd(&histogram[digit_of(keys[i])], 1u);
    }
    workgroupBarrier();
    if thread <= digit.mask {
        counts[thread * cut.number + block] = atomicLoad(&histogram[thread]);
    }
    if block == 0u && thread == 0u {
        counts_number[0] = (digit.mask + 1u) * cut.number;
    }
}
