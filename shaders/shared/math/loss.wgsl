// The photometric loss L = (1 - lambda) mean|X - Y| + lambda (1 - mean SSIM), SSIM over an 11-tap Gaussian window,
// "valid" (docs/algorithms.md D), by streaming FIR filters: an invocation computes a run of outputs along an axis with
// one accumulator a tap, so that every input is read once. X is the rendered image, Y the target.

struct Loss {
    // Of the image, in pixels.
    width: u32,
    height: u32,
    // Outputs of one invocation.
    run_length: u32,
    // What the target's fourth channel means: one of TARGET_*.
    target_kind: u32,
    // Gradient of L by |X - Y| of one channel of one pixel, by one SSIM value, and by |A - a| of one pixel.
    l1_weight: f32,
    ssim_weight: f32,
    alpha_weight: f32,
    // 1 / number of terms of the L1 mean and of the SSIM mean.
    l1_mean: f32,
    ssim_mean: f32,
    // SSIM of an image that has no term: 1, otherwise 0.
    ssim_without_terms: f32,
    unused0: f32,
    unused1: f32,
    // Behind a target with opacity.
    background: vec4f,
}

const TARGET_OPAQUE: u32 = 0u;
const TARGET_ALPHA: u32 = 1u;
const TARGET_MASK: u32 = 2u;

// Taps to each side of the SSIM window's centre.
const RADIUS: u32 = 5u;
// What keeps the two quotients of SSIM finite: (0.01 L)^2 and (0.03 L)^2 for colours up to L = 1.
const SSIM_C1: f32 = 1e-4;
const SSIM_C2: f32 = 9e-4;
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
    if (kind == TARGET_ALPHA) {
        value += (1.0 - texel.w) * background[channel];
    } else if (kind == TARGET_MASK) {
        mask = texel.w;
    }
    return vec2f(value, mask);
}

// Whether the SSIM window around a pixel lies within the image.
fn window_inside(x: u32, y: u32, width: u32, height: u32) -> bool {
    return x >= RADIUS && y >= RADIUS && x + RADIUS < width && y + RADIUS < height;
}

// The part of a line of one channel that an invocation filters: neighbouring invocations take neighbouring lines.
struct Run {
    line: u32,
    channel: u32,
    start: u32,
    // One past the last output; 0 for an invocation without work.
    end: u32,
}

// Run number `id` over `lines` lines of `length` samples, `run_length` outputs each, three channels.
fn run_of(id: u32, length: u32, lines: u32, run_length: u32) -> Run {
    let runs = (length + run_length - 1u) / run_length;
    let channel = id / lines / runs;
    let start = (id / lines) % runs * run_length;
    return Run(id % lines, channel, start, select(0u, min(start + run_length, length), channel < 3u));
}
