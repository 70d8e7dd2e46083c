//#use layout/motion_row
// A Gaussian's pose at the view's time: it moves along a line and fades before and after its time centre, but for a share
// that its gate keeps (docs/algorithms.md G.2). Uses the buffer `motion`.
// Twin: tests/reference/motion.rs.

struct Motion {
    velocity: vec3f,
    centre: f32,
    log_duration: f32,
    gate: f32,
}

struct Pose {
    mean: vec3f,
    visibility: f32,
}

// What a Gaussian's visibility is made of.
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

fn motion_of(gaussian: u32) -> Motion {
    let row = motion[gaussian];
    return Motion(row.velocity_centre.xyz, row.velocity_centre.w, row.duration_gate.x, row.duration_gate.y);
}

fn fade_of(m: Motion, time: f32) -> Fade {
    var out: Fade;
    out.elapsed = time - m.centre;
    // Bounds beyond which everything is zero anyway, so that no gradient is zero times infinity.
    out.rate = exp(-max(m.log_duration, -80.0));
    out.distance = clamp(out.elapsed * out.rate, -14.0, 14.0);
    out.fade = exp(-0.5 * out.distance * out.distance);
    out.steady = 1.0 / (1.0 + exp(-GATE * m.gate));
    return out;
}

fn visibility_of(f: Fade) -> f32 {
    return f.steady + (1.0 - f.steady) * f.fade;
}

fn pose_of(gaussian: u32, mean: vec3f) -> Pose {
    let m = motion_of(gaussian);
    let f = fade_of(m, view.time);
    return Pose(mean + f.elapsed * m.velocity, visibility_of(f));
}

fn velocity_of(gaussian: u32) -> vec3f {
    return motion_of(gaussian).velocity;
}
