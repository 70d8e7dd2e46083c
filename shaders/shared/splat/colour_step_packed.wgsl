//#use math/round
//#use math/sh_basis
// The part of update.wgsl that steps a Gaussian's colour, packed. The gradient of coefficient k is Y_k(direction) times that
// of the colour. Over a band the squares of Y_k sum to (2 band + 1) / 4 pi whatever the direction (the addition theorem), so
// the mean square of the gradient is |colour|^2 / 12 pi in every band: one second moment serves all coefficients. The
// steps are RMSprop's, Adam's without its first moment, and the bands beyond the constant one are rounded to f16 up or
// down at random, so that steps far below the last place add up.
// splat/colour_step_full.wgsl has the same function. Twin: tests/reference/packed.rs.

// Rate of the other bands as a multiple of the option's: a shared moment takes from coefficients with small gradients.
const REST_RATE: f32 = 1.6;
const MEAN_SQUARE: f32 = 0.026525823848649224; // 1 / 12 pi

fn step_colour(
    index: u32,
    direction: vec3f,
    colour: vec3f,
    value: ptr<function, array<vec4f, 4>>,
    second: ptr<function, array<vec4f, 4>>,
) {
    (*second)[2].w += (1.0 - BETA2) * MEAN_SQUARE * dot(colour, colour);
    // Unseen, or so faint that there is nothing to scale by: no step.
    if ((*second)[2].w <= 0.0 || all(colour == vec3f(0.0))) {
        return;
    }
    let scaled = colour / (sqrt((*second)[2].w * step.correction2) + EPSILON);
    (*value)[3] -= vec4f(step.lr_sh_dc * SH_C0 * scaled, 0.0);
    let words = sh_words(view.sh_rest);
    let stepped = sh_words((view.sh_degree + 1u) * (view.sh_degree + 1u) - 1u);
    let basis = sh_rest_basis(direction, view.sh_degree);
    let moved = REST_RATE * step.lr_sh_rest * scaled;
    var random = pcg4d(vec4u(index, step.number, step.seed, STREAM_ROUNDING)).x;
    // Two coefficients are three words.
    for (var pair = 0u; 3u * pair < stepped; pair++) {
        let a = basis[2u * pair] * moved;
        let b = basis[2u * pair + 1u] * moved;
        let steps = array<vec2f, 3>(a.xy, vec2f(a.z, b.x), b.yz);
        for (var i = 0u; i < 3u && 3u * pair + i < stepped; i++) {
            let at = sh_word(index, words, 3u * pair + i);
            random = next_random(random);
            sh[at] = pack2x16float(round_to_f16(unpack2x16float(sh[at]) - steps[i], vec2u(random & 0xffffu, random >> 16u)));
        }
    }
}
