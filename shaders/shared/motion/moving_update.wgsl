//#use layout/flow_gradient
//#use math/adam
//#use math/random
// The motion part of update.wgsl for Gaussians that move: adjoint of the pose, gradient of the flow, regularisers, Adam, and
// noise in time (docs/algorithms.md G.2). The model of their paths is that of the file that includes this one.
// Twin: tests/reference/motion.rs.

// [N]
@group(0) @binding(8) var<storage, read_write> motion: array<MotionRow>;
// [N][1 or 3] gradient of the motion by the flow, or with that of the geometry behind it, as layout/flow_gradient.wgsl says;
// read where step.flow_supervision is not 0.
@group(0) @binding(9) var<storage, read> flow_gradients: array<vec4f>;

// By the row's vectors.
struct MotionGradient {
    by: array<vec4f, MOTION_VECTORS>,
}

struct MotionValue {
    row: array<vec4f, MOTION_VECTORS>,
}

// `quaternion` is that of the posed Gaussian.
fn motion_gradient(index: u32, by_mean: vec3f, quaternion: vec4f, by_quaternion: vec4f, by_visibility: f32) -> MotionGradient {
    let row = motion[index];
    let f = fade_of(row, view.time);
    let by_fade = (1.0 - f.steady) * by_visibility * f.fade;
    let slope = GATE * f.steady * (1.0 - f.steady);
    var out = MotionGradient(path_backward(row, 0.0, f.elapsed, by_mean, quaternion, by_quaternion));
    out.by[0].w += by_fade * f.distance * f.rate;
    out.by[1] += vec4f(by_fade * f.distance * f.distance, slope * (1.0 - f.fade) * by_visibility, 0.0, 0.0);
    if (step.flow_supervision != FLOW_SUPERVISES_NOTHING) {
        let all = step.flow_supervision == FLOW_SUPERVISES_ALL;
        for (var i = 0u; i < FLOW_MOTION; i++) {
            out.by[i] += flow_gradients[flow_gradient_index(index, all, i)];
        }
    }
    return out;
}

fn motion_gradient_sum(gradient: MotionGradient) -> f32 {
    var rows = gradient.by;
    var sum = vec4f(0.0);
    for (var i = 0u; i < MOTION_VECTORS; i++) {
        sum += rows[i];
    }
    return dot(sum, vec4f(1.0));
}

// The part of the flow's gradient that goes to the geometry, where it goes to all.
fn add_flow_gradient(index: u32, gradient: ptr<function, array<vec4f, 4>>) {
    if (step.flow_supervision == FLOW_SUPERVISES_ALL) {
        for (var i = 0u; i < FLOW_GEOMETRY; i++) {
            (*gradient)[i] += flow_gradients[flow_gradient_index(index, true, FLOW_MOTION + i)];
        }
    }
}

fn regularised(index: u32, gradient: MotionGradient) -> MotionGradient {
    let steady = 1.0 / (1.0 + exp(-GATE * motion[index].duration_gate.y));
    var out = gradient;
    out.by[1] -= vec4f(
        step.duration_regularisation,
        step.gate_regularisation * GATE * steady * (1.0 - steady),
        0.0,
        0.0,
    );
    return out;
}

fn store_motion_gradient(index: u32, gradient: MotionGradient) {
    var whole = regularised(index, gradient);
    for (var i = 0u; i < MOTION_VECTORS; i++) {
        moments[moment_index(index, FIRST_MOTION_MOMENTS + i)] = whole.by[i];
    }
}

// Opacity is penalised as far as it shows, so that being invisible most of the time costs nothing.
fn penalised_share(visibility: f32) -> f32 {
    return mix(step.faded_regularisation, 1.0, visibility);
}

// Adam, then a random shift of the time centre along which the Gaussian slides, so that it stays on its path.
fn step_motion(index: u32, gradient: MotionGradient, damping: f32, value: ptr<function, array<vec4f, 4>>) -> MotionValue {
    var row = row_vectors(motion[index]);
    var whole = regularised(index, gradient);
    // The rate of a velocity is inversely proportional to the duration, above the first Gaussians' duration: so a step
    // of the velocity moves no Gaussian farther within its duration than it moves one of the first.
    let slowing = min(1.0, exp(step.init_log_duration - row[1].x));
    var rates = motion_rates(slowing);
    for (var i = 0u; i < MOTION_VECTORS; i++) {
        let first = moment_index(index, FIRST_MOTION_MOMENTS + i);
        let second = moment_index(index, SECOND_MOTION_MOMENTS + i);
        let moved = adam(moments[first], moments[second], whole.by[i], step);
        moments[first] = moved.m;
        moments[second] = moved.v;
        row[i] -= rates[i] * moved.direction;
    }
    row[1].x = max(row[1].x, step.min_log_duration);
    // The velocity of a long-lived Gaussian also shrinks by a constant amount a step: most of what is there throughout
    // the clip stands still, and without this its velocity drifts with the noise. A gradient that keeps its sign is
    // stronger than the shrinkage.
    let pull = step.velocity_shrinkage * (1.0 - slowing) * slowing * step.lr_velocity;
    row[0] *= vec4f(vec3f(max(0.0, 1.0 - pull / max(length(row[0].xyz), 1e-20))), 1.0);
    shrink_bends(rates, &row);
    let eta = normal4(pcg4d(vec4u(index, step.number, step.seed, STREAM_NOISE))).w;
    slide(step.time_noise * damping * exp(row[1].x) * eta, &row, value);
    return MotionValue(row);
}

fn motion_sum(value: MotionValue) -> f32 {
    var rows = value.row;
    var sum = vec4f(0.0);
    for (var i = 0u; i < MOTION_VECTORS; i++) {
        sum += rows[i];
    }
    return dot(sum, vec4f(1.0));
}

fn store_motion(index: u32, value: MotionValue) {
    motion[index] = row_of(value.row);
}
