// The photometric loss L = (1 - lambda) mean|X - Y| + lambda (1 - mean SSIM), SSIM over an 11-tap Gaussian window,
// "valid" (ALGORITHMS D), by streaming FIR filters: an invocation walks `walk` outputs along an axis with one
// accumulator a tap, so that every input is read once. X is the rendered image, Y the target.

struct Loss {
    // Width, height; outputs a walk; what the target's fourth channel means: 0 nothing, 1 opacity, 2 mask.
    size: vec4u,
    // Gradient of L by |X - Y| of one channel of one pixel, by one SSIM value, by |A - a| of one pixel; unused.
    weights: vec4f,
    // 1 / number of terms of the L1 mean, 1 / number of terms of the SSIM mean, SSIM where it has no term; unused.
    means: vec4f,
    // Behind a target with opacity.
    background: vec4f,
}

const SSIM_C1: f32 = 1e-4;
const SSIM_C2: f32 = 9e-4;
const RADIUS: u32 = 5u;

// Normalised Gaussian of sigma 1.5, from the outermost tap in.
const TAP0: f32 = 0.00102838;
const TAP1: f32 = 0.00759876;
const TAP2: f32 = 0.03600077;
const TAP3: f32 = 0.10936069;
const TAP4: f32 = 0.21300553;
const TAP5: f32 = 0.26601171;

// Partial sums of the ten outputs that a filter is still waiting for: named, so that they stay in registers.
struct Fir {
    a0: vec4f,
    a1: vec4f,
    a2: vec4f,
    a3: vec4f,
    a4: vec4f,
    a5: vec4f,
    a6: vec4f,
    a7: vec4f,
    a8: vec4f,
    a9: vec4f,
}

// A filter fed one sample at a time: returns the filtered value five samples back.
fn fir(s: ptr<function, Fir>, sample: vec4f) -> vec4f {
    let outer0 = TAP0 * sample;
    let outer1 = TAP1 * sample;
    let outer2 = TAP2 * sample;
    let outer3 = TAP3 * sample;
    let outer4 = TAP4 * sample;
    let out = (*s).a9 + outer0;
    (*s).a9 = (*s).a8 + outer1;
    (*s).a8 = (*s).a7 + outer2;
    (*s).a7 = (*s).a6 + outer3;
    (*s).a6 = (*s).a5 + outer4;
    (*s).a5 = (*s).a4 + TAP5 * sample;
    (*s).a4 = (*s).a3 + outer4;
    (*s).a3 = (*s).a2 + outer3;
    (*s).a2 = (*s).a1 + outer2;
    (*s).a1 = (*s).a0 + outer1;
    (*s).a0 = outer0;
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

// The part of a line of one channel that an invocation walks: neighbouring invocations take neighbouring lines.
struct Walk {
    line: u32,
    channel: u32,
    start: u32,
    // One past the last output; 0 for an invocation without work.
    end: u32,
}

// Walk number `id` over `lines` lines of `length` samples, `step` outputs each, three channels.
fn walk_of(id: u32, length: u32, lines: u32, step: u32) -> Walk {
    let walks = (length + step - 1u) / step;
    let channel = id / lines / walks;
    let start = (id / lines) % walks * step;
    return Walk(id % lines, channel, start, select(0u, min(start + step, length), channel < 3u));
}
