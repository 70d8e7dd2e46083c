// Ranks within a block for sort_scatter.wgsl, up to 16 digits, without subgroups: sixteen 16-bit counters in two
// vectors are scanned over the threads (Hillis and Steele). A block has fewer than 2^16 keys.
//#use form/rows_workgroup

// Sets `place` to the places of a thread's keys in the block, and block_to_all. Word w of a thread's counters,
// exchange[w * 256 + thread], holds digits 2w and 2w + 1.
fn rank_block(
    cut: Blocks,
    block: u32,
    thread: u32,
    key: ptr<function, array<u32, ROWS>>,
    place: ptr<function, array<u32, ROWS>>,
) {
    let range = block_range(cut, block);
    var low = vec4u(0u);
    var high = vec4u(0u);
    for (var row = 0u; row < ROWS; row++) {
        let i = range.x + row_element(thread, row);
        if i < range.y {
            let d = digit_of((*key)[row]);
            let one = vec4u(1u << (16u * (d & 1u)));
            low += select(vec4u(0u), one, vec4u(d / 2u) == vec4u(0u, 1u, 2u, 3u));
            high += select(vec4u(0u), one, vec4u(d / 2u) == vec4u(4u, 5u, 6u, 7u));
        }
    }
    let own_low = low;
    let own_high = high;
    put_counters(thread, low, high);
    for (var step = 1u; step < THREADS; step <<= 1u) {
        workgroupBarrier();
        if thread >= step {
            let t = thread - step;
            low += vec4u(counter(t, 0u), counter(t, 1u), counter(t, 2u), counter(t, 3u));
            high += vec4u(counter(t, 4u), counter(t, 5u), counter(t, 6u), counter(t, 7u));
        }
        workgroupBarrier();
        put_counters(thread, low, high);
    }
    workgroupBarrier();
    // The last thread's counters are those of the whole block; each thread adds up the digits below its own.
    var first = 0u;
    if thread <= digit.mask {
        for (var d = 0u; d < thread; d++) {
            first += (counter(255u, d / 2u) >> (16u * (d & 1u))) & 0xffffu;
        }
        block_to_all[thread] = first;
    }
    workgroupBarrier();
    // From here on a thread touches only its own counters: how many keys of the digit came before its next.
    put_counters(thread, low - own_low, high - own_high);
    for (var row = 0u; row < ROWS; row++) {
        let i = range.x + row_element(thread, row);
        if i < range.y {
            let d = digit_of((*key)[row]);
            let shift = 16u * (d & 1u);
            let packed = counter(thread, d / 2u);
            atomicStore(&exchange[(d / 2u) * THREADS + thread], packed + (1u << shift));
            (*place)[row] = block_to_all[d] + ((packed >> shift) & 0xffffu);
        }
    }
    workgroupBarrier();
    if thread <= digit.mask {
        block_to_all[thread] = offsets[thread * cut.number + block] - first;
    }
}

fn put_counters(thread: u32, low: vec4u, high: vec4u) {
    // Not a loop over words: a vector indexed by a variable lives in memory.
    atomicStore(&exchange[thread], low.x);
    atomicStore(&exchange[THREADS + thread], low.y);
    atomicStore(&exchange[512u + thread], low.z);
    atomicStore(&exchange[768u + thread], low.w);
    atomicStore(&exchange[1024u + thread], high.x);
    atomicStore(&exchange[1280u + thread], high.y);
    atomicStore(&exchange[1536u + thread], high.z);
    atomicStore(&exchange[1792u + thread], high.w);
}

fn counter(thread: u32, word: u32) -> u32 {
    return atomicLoad(&exchange[word * THREADS + thread]);
}
