//#use splat/gaussian
// What opacity and scale become when N copies stand where one Gaussian stood, so that together they look like it.

// Copies beyond this many are not told apart.
const MAX_COPIES: u32 = 51u;
const TAIL_MIN: f32 = 1.1920929e-7;

// Logit and change of the log-scale.
struct Share {
    logit: f32,
    log_scale_shift: f32,
}

// `min_opacity` bounds the opacity of a copy from below: one that is as opaque as a dead Gaussian would be relocated again.
fn share_among(logit: f32, copies: u32, min_opacity: f32) -> Share {
    let n = f32(min(copies, MAX_COPIES));
    // log(1 - o) = -softplus(logit), exact where o rounds to 1.
    let softplus = max(logit, 0.0) + log(1.0 + exp(-abs(logit)));
    let opacity = clamp(1.0 - exp(-softplus / n), min_opacity, 1.0 - TAIL_MIN);
    // The slice through the centre keeps its mass: the alternating sum of docs/algorithms.md E.6 as its positive
    // integral, (2 / sqrt(2 pi)) int_0^inf 1 - (1 - o_new exp(-x^2 / 2))^N dx, by the trapezoid rule.
    let spacing = 6.5 / 48.0;
    var integral = 0.0;
    for (var i = 0u; i <= 48u; i++) {
        let x = f32(i) * spacing;
        let kernel = 1.0 - exp(n * log(1.0 - opacity * exp(-0.5 * x * x)));
        integral += select(kernel, 0.5 * kernel, i == 0u || i == 48u);
    }
    let denominator = 0.7978845608028654 * spacing * integral;
    return Share(log(opacity / (1.0 - opacity)), log(sigmoid(logit) / denominator));
}
