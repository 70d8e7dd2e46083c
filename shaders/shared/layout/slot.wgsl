// A slot: the nine sums over pixels that a (Gaussian, tile) pair leaves in the buffer `slot_gradients`, [pairs][9] f32.
const SLOT: u32 = 9u;
// Where in a slot the sum of red lies.
const SLOT_RED: u32 = 6u;

struct SlotSums {
    // Sums of g_sigma, g_sigma d and g_sigma d d^T (xx, xy, yy), where d = mean - pixel.
    s0: f32,
    s1: vec2f,
    s2: vec3f,
    // Sum of weight times the gradient of the features.
    rgb: vec3f,
}

// Where sum `i` of a slot lies.
fn slot_index(slot: u32, i: u32) -> u32 {
    return slot * SLOT + i;
}

// All sums, in the order of the slot.
fn all_sums(s: SlotSums) -> array<f32, 9> {
    return array<f32, 9>(s.s0, s.s1.x, s.s1.y, s.s2.x, s.s2.y, s.s2.z, s.rgb.x, s.rgb.y, s.rgb.z);
}
