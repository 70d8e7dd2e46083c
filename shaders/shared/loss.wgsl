// The photometric loss L = (1 - lambda) mean|X - Y| + lambda (1 - mean SSIM), SSIM over an 11-tap Gaussian window,
// "valid" (ALGORITHMS D), by streaming FIR filters: an invocation walks `walk` outputs along an axis with one
// accumulator a tap, so that every input is read once. X is the rendered image, Y the target.

struct Loss {
    // Width, height; outputs a walk; what the target's fourth channel means: 0 nothing, 1 opacity, 2 mask.
    size: vec4u,
    // Gradient of L by |X - Y| of one channel of one pixel, by one SSIM value, by |A - a| of one pixel; unused.
    weights: vec4f,
    // 1 / number of terms of the L1 mean, 1 / number of terms of the SSIM mean; unused.
    means: vec4f,
    // Behind a target with opacity.
    background: vec4f,
}

const SSIM_C1: f32 = 1e-4;
const SSIM_C2: f32 = 9e-4;
const RADIUS: u32 = 5u;

// Normalised Gaussian of sigma 1.5.
const TAPS = array<f32, 11>(
    0.00102838, 0.00759876, 0.03600077, 0.10936069, 0.21300553, 0.26601171,
    0.21300553, 0.10936069, 0.03600077, 0.00759876, 0.00102838,
);

// A filter fed one sample at a time: returns the filtered value five samples back.
fn fir(state: ptr<function, array<vec4f, 10>>, sample: vec4f) -> vec4f {
    let out = (*state)[9] + TAPS[10] * sample;
    for (var i = 9u; i > 0u; i--) {
        (*state)[i] = (*state)[i - 1u] + TAPS[i] * sample;
    }
    (*state)[0] = TAPS[0] * sample;
    return out;
}

// Target colour of one channel (x) and whether the pixel counts (y, 0 or 1).
fn target_sample(packed: u32, channel: u32, kind: u32, background: vec4f) -> vec2f {
    let texel = unpack4x8unorm(packed);
    var value = texel[channel];
    var mask = 1.0;
    if (kind == 1u) {
        value += (1.0 - texel.w) * background[channel];
    } else if (kind == 2u) {
        mask = texel.w;
    }
    return vec2f(value, mask);
}

// Whether the SSIM window around a pixel lies within the image.
fn window_inside(x: u32, y: u32, size: vec2u) -> bool {
    return x >= RADIUS && y >= RADIUS && x + RADIUS < size.x && y + RADIUS < size.y;
}
