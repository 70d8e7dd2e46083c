//#use motion/linear
//#use layout/flow_gradient
//#use math/adam
//#use math/random
// The motion part of update.wgsl: adjoint of the pose, gradient of the flow, regularisers, Adam, and noise in time
// (docs/algorithms.md G.2). Twin: tests/reference/motion.rs.

// [N]
@group(0) @binding(8) var<storage, read_write> motion: array<MotionRow>;
// [N] gradient of the velocity by the flow, or [N][4] as flow_gradient.wgsl says; read where step.flow_supervision is not 0.
@group(0) @binding(9) var<storage, read> flow_gradients: array<vec4f>;

// By velocity and time centre; by log-duration and gate.
struct MotionGradient {
    a: vec4f,
    b: vec4f,
}

struct MotionValue {
    a: vec4f,
    b: vec4f,
}

fn motion_gradient(index: u32, by_mean: vec3f, by_visibility: f32) -> MotionGradient {
    let m = motion_of(index);
    let f = fade_of(m, view.time);
    let by_fade = (1.0 - f.steady) * by_visibility * f.fade;
    let slope = GATE * f.steady * (1.0 - f.steady);
    var velocity = f.elapsed * by_mean;
    var centre = by_fade * f.distance * f.rate - dot(m.velocity, by_mean);
    if (step.flow_supervision == FLOW_SUPERVISES_VELOCITY) {
        velocity += flow_gradients[index].xyz;
    } else if (step.flow_supervision == FLOW_SUPERVISES_ALL) {
        velocity += flow_gradients[flow_gradient_index(index, FLOW_MOTION)].xyz;
        centre += flow_gradients[flow_gradient_index(index, FLOW_MOTION)].w;
    }
    return MotionGradient(
        vec4f(velocity, centre),
        vec4f(by_fade * f.distance * f.distance, slope * (1.0 - f.fade) * by_visibility, 0.0, 0.0),
    );
}

fn motion_gradient_sum(gradient: MotionGradient) -> f32 {
    return dot(gradient.a + gradient.b, vec4f(1.0));
}

// The part of the flow's gradient that goes to the geometry, where it goes to all.
fn add_flow_gradient(index: u32, gradient: ptr<function, array<vec4f, 4>>) {
    if (step.flow_supervision == FLOW_SUPERVISES_ALL) {
        for (var i = 0u; i < 3u; i++) {
            (*gradient)[i] += flow_gradients[flow_gradient_index(index, FLOW_GEOMETRY + i)];
        }
    }
}

fn regularised(index: u32, gradient: MotionGradient) -> MotionGradient {
    let m = motion_of(index);
    let steady = 1.0 / (1.0 + exp(-GATE * m.gate));
    let penalty = vec2f(
        -step.duration_regularisation,
        -step.gate_regularisation * GATE * steady * (1.0 - steady),
    );
    return MotionGradient(gradient.a, gradient.b + vec4f(penalty, 0.0, 0.0));
}

fn store_motion_gradient(index: u32, gradient: MotionGradient) {
    let whole = regularised(index, gradient);
    moments[moment_index(index, FIRST_MOTION_MOMENTS)] = whole.a;
    moments[moment_index(index, FIRST_MOTION_MOMENTS + 1u)] = whole.b;
}

// Opacity is penalised as far as it shows, so that being invisible most of the time costs nothing.
fn penalised_share(visibility: f32) -> f32 {
    return mix(step.faded_regularisation, 1.0, visibility);
}

// Adam, then a random shift of the time centre along which the mean slides, so that the Gaussian stays on its line.
fn step_motion(index: u32, gradient: MotionGradient, damping: f32, value: ptr<function, array<vec4f, 4>>) -> MotionValue {
    let row = motion[index];
    let first = moment_index(index, FIRST_MOTION_MOMENTS);
    let second = moment_index(index, SECOND_MOTION_MOMENTS);
    let whole = regularised(index, gradient);
    let by_a = adam(moments[first], moments[second], whole.a, step);
    let by_b = adam(moments[first + 1u], moments[second + 1u], whole.b, step);
    moments[first] = by_a.m;
    moments[first + 1u] = by_b.m;
    moments[second] = by_a.v;
    moments[second + 1u] = by_b.v;
    // The rate of a velocity is inversely proportional to the duration, above the first Gaussians' duration: so a step
    // of the velocity moves no Gaussian farther within its duration than it moves one of the first.
    let slowing = min(1.0, exp(step.init_log_duration - row.duration_gate.x));
    var a = row.velocity_centre - vec4f(slowing * vec3f(step.lr_velocity), step.lr_time) * by_a.direction;
    var b = row.duration_gate - vec4f(step.lr_duration, step.lr_gate, 0.0, 0.0) * by_b.direction;
    b.x = max(b.x, step.min_log_duration);
    // The velocity of a long-lived Gaussian also shrinks by a constant amount a step: most of what is there throughout
    // the clip stands still, and without this its velocity drifts with the noise. A gradient that keeps its sign is
    // stronger than the shrinkage.
    let pull = step.velocity_shrinkage * (1.0 - slowing) * slowing * step.lr_velocity;
    a = vec4f(a.xyz * max(0.0, 1.0 - pull / max(length(a.xyz), 1e-20)), a.w);
    let eta = normal4(pcg4d(vec4u(index, step.number, step.seed, STREAM_NOISE))).w;
    let shift = step.time_noise * damping * exp(b.x) * eta;
    a.w += shift;
    (*value)[0] += vec4f(shift * a.xyz, 0.0);
    return MotionValue(a, b);
}

fn motion_sum(value: MotionValue) -> f32 {
    return dot(value.a + value.b, vec4f(1.0));
}

fn store_motion(index: u32, value: MotionValue) {
    motion[index] = MotionRow(value.a, value.b);
}
