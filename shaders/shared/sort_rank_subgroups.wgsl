// sort_scatter.wgsl with subgroups of any size: up to 256 digits, at most 16 keys a thread. Each subgroup takes a run
// of neighbouring keys, a row of one key a lane at a time, and ranks a row by ballots: the lanes of one digit find each
// other, and the first of them draws places for all from the digit's counter.
//#use lanes_subgroups
const ROWS = 16u;
const TABLES = 8u;

// counters[table * 256 + digit]. Small subgroups are more than there are tables; then neighbours share one, in turns.
var<workgroup> counters: array<atomic<u32>, 2048>;
var<workgroup> turns_shared: u32;

fn body(block: u32, thread: u32) {
    let cut = blocks();
    if block >= cut.number {
        return;
    }
    for (var i = thread; i < 256u * TABLES; i += 256u) {
        atomicStore(&counters[i], 0u);
    }
    if thread == 0u {
        turns_shared = max(1u, 256u / (subgroup_width * TABLES));
    }
    let turns = workgroupUniformLoad(&turns_shared);
    let table = 256u * (subgroup / turns);
    let range = block_range(cut, block);
    let first = range.x + subgroup * subgroup_width * ROWS + lane;

    var ranked: array<u32, ROWS>;
    for (var turn = 0u; turn < turns; turn++) {
        for (var row = 0u; row < ROWS; row++) {
            if subgroup % turns == turn {
                let i = first + row * subgroup_width;
                ranked[row] = rank_row(i, i < range.y, table);
            }
            // The next row draws from the same counters; nothing weaker orders the lanes of a subgroup everywhere.
            workgroupBarrier();
        }
    }

    // Counts become where each table's first key of each digit goes.
    if thread <= digit.mask {
        var place = offsets[thread * cut.number + block];
        for (var t = thread; t < 256u * TABLES; t += 256u) {
            let number = atomicLoad(&counters[t]);
            atomicStore(&counters[t], place);
            place += number;
        }
    }
    workgroupBarrier();

    for (var row = 0u; row < ROWS; row++) {
        let i = first + row * subgroup_width;
        if i < range.y {
            let key = keys[i];
            let place = atomicLoad(&counters[table + digit_of(key)]) + ranked[row];
            new_keys[place] = key;
            new_values[place] = values[i];
        }
    }
}

// How many keys of this key's digit came before it in its table.
fn rank_row(i: u32, valid: bool, table: u32) -> u32 {
    var d = 0u;
    if valid {
        d = digit_of(keys[i]);
    }
    var peers = subgroupBallot(valid);
    for (var bit = 0u; bit < 8u; bit++) {
        let one = ((d >> bit) & 1u) == 1u;
        let ballot = subgroupBallot(one);
        peers &= select(~ballot, ballot, vec4<bool>(one));
    }
    let earlier = sum_bits(peers & lanes_before(lane));
    var drawn = 0u;
    if valid && earlier == 0u {
        drawn = atomicAdd(&counters[table + d], sum_bits(peers));
    }
    return subgroupShuffle(drawn, select(lane, first_lane(peers), valid)) + earlier;
}

fn sum_bits(ballot: vec4u) -> u32 {
    let bits = countOneBits(ballot);
    return bits.x + bits.y + bits.z + bits.w;
}

fn first_lane(ballot: vec4u) -> u32 {
    let first = firstTrailingBit(ballot) + vec4u(0u, 32u, 64u, 96u);
    let upper = select(first.w, first.z, ballot.z != 0u);
    return select(select(upper, first.y, ballot.y != 0u), first.x, ballot.x != 0u);
}

fn lanes_before(place: u32) -> vec4u {
    let bits = clamp(vec4i(i32(place)) - vec4i(0, 32, 64, 96), vec4i(0), vec4i(32));
    // A shift by 32 is not defined.
    return select((vec4u(1u) << min(vec4u(bits), vec4u(31u))) - 1u, vec4u(0xffffffffu), bits == vec4i(32));
}
