// sort_scatter.wgsl without subgroups: up to 16 digits, at most 8 neighbouring keys a thread. Sixteen 16-bit counters
// in two vectors are scanned over the threads (Hillis and Steele); a block has fewer than 2^16 keys.
//#use lanes_plain
const ROWS = 8u;

// Word w of a thread's counters holds digits 2w and 2w + 1.
var<workgroup> counters: array<array<u32, 8>, 256>;

fn body(block: u32, thread: u32) {
    let cut = blocks();
    if block >= cut.number {
        return;
    }
    let range = block_range(cut, block);
    let first = range.x + thread * ROWS;
    var low = vec4u(0u);
    var high = vec4u(0u);
    for (var row = 0u; row < ROWS; row++) {
        if first + row < range.y {
            let d = digit_of(keys[first + row]);
            let one = vec4u(1u << (16u * (d & 1u)));
            low += select(vec4u(0u), one, vec4u(d / 2u) == vec4u(0u, 1u, 2u, 3u));
            high += select(vec4u(0u), one, vec4u(d / 2u) == vec4u(4u, 5u, 6u, 7u));
        }
    }
    let own_low = low;
    let own_high = high;
    put(thread, low, high);
    for (var step = 1u; step < 256u; step <<= 1u) {
        workgroupBarrier();
        if thread >= step {
            let earlier = thread - step;
            low += vec4u(counters[earlier][0], counters[earlier][1], counters[earlier][2], counters[earlier][3]);
            high += vec4u(counters[earlier][4], counters[earlier][5], counters[earlier][6], counters[earlier][7]);
        }
        workgroupBarrier();
        put(thread, low, high);
    }
    // From here on a thread touches only its own counters: how many keys of the digit came before the next of its.
    put(thread, low - own_low, high - own_high);
    for (var row = 0u; row < ROWS; row++) {
        if first + row < range.y {
            let key = keys[first + row];
            let d = digit_of(key);
            let shift = 16u * (d & 1u);
            let packed = counters[thread][d / 2u];
            counters[thread][d / 2u] = packed + (1u << shift);
            let place = offsets[d * cut.number + block] + ((packed >> shift) & 0xffffu);
            new_keys[place] = key;
            new_values[place] = values[first + row];
        }
    }
}

fn put(thread: u32, low: vec4u, high: vec4u) {
    counters[thread] = array<u32, 8>(low.x, low.y, low.z, low.w, high.x, high.y, high.z, high.w);
}
