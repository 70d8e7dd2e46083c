// Ranks within a block for sort_scatter.wgsl, up to 256 digits, with subgroups of any size. A row is ranked by ballots:
// the lanes of one digit find each other, and the first of them draws places for all from the digit's counter.
//#use form/rows_subgroup
const TABLES = 8u;

// Small subgroups are more than there are tables of counters; then neighbours share one, in turns.
var<workgroup> turns_shared: u32;

// Sets `place` to the places of a thread's keys in the block, and block_to_all. Counters are
// exchange[table * 256 + digit].
fn rank_block(
    cut: Blocks,
    block: u32,
    thread: u32,
    key: ptr<function, array<u32, ROWS>>,
    place: ptr<function, array<u32, ROWS>>,
) {
    for (var t = thread; t < 256u * TABLES; t += THREADS) {
        atomicStore(&exchange[t], 0u);
    }
    if thread == 0u {
        turns_shared = max(1u, THREADS / (subgroup_width * TABLES));
    }
    let turns = workgroupUniformLoad(&turns_shared);
    let table = 256u * (subgroup / turns);
    let range = block_range(cut, block);
    for (var turn = 0u; turn < turns; turn++) {
        for (var row = 0u; row < ROWS; row++) {
            if subgroup % turns == turn {
                let i = range.x + row_element(thread, row);
                (*place)[row] = rank_row(digit_of((*key)[row]), i < range.y, table);
            }
            // The next row draws from the same counters; nothing weaker orders the lanes of a subgroup everywhere.
            workgroupBarrier();
        }
    }

    var number = 0u;
    for (var t = thread; t < 256u * TABLES; t += THREADS) {
        number += atomicLoad(&exchange[t]);
    }
    // Counts become the first places of each table's keys of each digit.
    var first = workgroup_scan(thread, number).x;
    if thread <= digit.mask {
        block_to_all[thread] = offsets[thread * cut.number + block] - first;
    }
    for (var t = thread; t < 256u * TABLES; t += THREADS) {
        let here = atomicLoad(&exchange[t]);
        atomicStore(&exchange[t], first);
        first += here;
    }
    workgroupBarrier();
    for (var row = 0u; row < ROWS; row++) {
        // The rows beyond the last key have nowhere to go, and go nowhere.
        (*place)[row] += atomicLoad(&exchange[table + digit_of((*key)[row])]);
    }
}

// How many keys of digit d came before this lane's in its table.
fn rank_row(d: u32, valid: bool, table: u32) -> u32 {
    var peers = subgroupBallot(valid);
    for (var bit = 0u; bit < 8u; bit++) {
        let one = ((d >> bit) & 1u) == 1u;
        let ballot = subgroupBallot(one);
        peers &= select(~ballot, ballot, vec4<bool>(one));
    }
    let earlier = sum_bits(peers & lanes_before(lane));
    var drawn = 0u;
    if valid && earlier == 0u {
        drawn = atomicAdd(&exchange[table + d], sum_bits(peers));
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
