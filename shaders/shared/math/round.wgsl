// Rounding to f16 up or down at random, with the chances that make it right on average.

// The next word of a random sequence: the permuted congruential generator RXS-M-XS (O'Neill 2014).
fn next_random(state: u32) -> u32 {
    let next = state * 747796405u + 2891336453u;
    let word = ((next >> ((next >> 28u) + 4u)) ^ next) * 277803737u;
    return (word >> 22u) ^ word;
}

// Least and largest magnitudes that are kept: numbers below the first, which some devices flush, become it or zero.
const F16_LEAST: f32 = 6.103515625e-5;
const F16_MOST: f32 = 65504.0;
// Bits of an f32 that an f16 does not have.
const LOST_BITS: u32 = 13u;

// Two numbers rounded by the lower and by the upper half of a random word: both fit f16.
fn round_to_f16(values: vec2f, random: vec2u) -> vec2f {
    let bounded = clamp(values, vec2f(-F16_MOST), vec2f(F16_MOST));
    // Adding to the bits moves away from zero, and then the bits that do not fit are cut.
    let bits = (bitcast<vec2u>(bounded) + (random >> vec2u(16u - LOST_BITS))) & vec2u(~((1u << LOST_BITS) - 1u));
    let tiny = F16_LEAST * vec2f(random) / 65536.0 < abs(bounded);
    let small = select(vec2f(0.0), sign(bounded) * F16_LEAST, tiny);
    return select(clamp(bitcast<vec2f>(bits), vec2f(-F16_MOST), vec2f(F16_MOST)), small, abs(bounded) < vec2f(F16_LEAST));
}
