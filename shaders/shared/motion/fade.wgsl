//#use layout/motion_row
// How much of a moving Gaussian shows at a time: it fades before and after its time centre, but for a share that its gate
// keeps (docs/algorithms.md G.2). Twin: tests/reference/motion.rs.

struct Fade {
    // Time since the centre, by itself and in durations.
    elapsed: f32,
    distance: f32,
    // 1 / duration.
    rate: f32,
    // exp(-distance^2 / 2), and the share that does not fade.
    fade: f32,
    steady: f32,
}

// Sharpness of the gate.
const GATE: f32 = 20.0;

fn fade_of(row: MotionRow, time: f32) -> Fade {
    var out: Fade;
    out.elapsed = time - row.velocity_centre.w;
    // Bounds beyond which everything is zero anyway, so that no gradient is zero times infinity.
    out.rate = exp(-max(row.duration_gate.x, -80.0));
    out.distance = clamp(out.elapsed * out.rate, -14.0, 14.0);
    out.fade = exp(-0.5 * out.distance * out.distance);
    out.steady = 1.0 / (1.0 + exp(-GATE * row.duration_gate.y));
    return out;
}

fn visibility_of(f: Fade) -> f32 {
    return f.steady + (1.0 - f.steady) * f.fade;
}
