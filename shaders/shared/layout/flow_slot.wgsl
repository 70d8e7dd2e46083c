//#use layout/slot
// A flow slot: the sums over pixels that a (Gaussian, tile) pair leaves of the flow's gradient G, [pairs][2 or 6] f32
// behind all slots of the image in the buffer `slot_gradients`: sum w G (x, y), and with FLOW = 2 sum w G e^T by rows,
// where e = pixel - mean.
const FLOW_SLOT: u32 = select(2u, 6u, FLOW == 2u);

// Where sum `i` of a slot lies.
fn flow_slot_index(slot: u32, i: u32) -> u32 {
    let slots = arrayLength(&slot_gradients) / (SLOT + FLOW_SLOT);
    return slots * SLOT + slot * FLOW_SLOT + i;
}
