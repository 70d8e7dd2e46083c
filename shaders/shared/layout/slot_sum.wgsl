//#use layout/slot
// Sum of a Gaussian's slots, which lie side by side in the buffer `slot_gradients`, in their order.
fn sum_slots(first: u32, count: u32) -> SlotSums {
    var out: SlotSums;
    let start = slot_index(first, 0u);
    for (var at = start; at < start + count * SLOT; at += SLOT) {
        out.s0 += slot_gradients[at];
        out.s1 += vec2f(slot_gradients[at + 1u], slot_gradients[at + 2u]);
        out.s2 += vec3f(slot_gradients[at + 3u], slot_gradients[at + 4u], slot_gradients[at + 5u]);
        out.rgb += vec3f(slot_gradients[at + 6u], slot_gradients[at + 7u], slot_gradients[at + 8u]);
    }
    return out;
}
