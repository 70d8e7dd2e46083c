// Adam with bias correction (Kingma & Ba 2015), and the constants of one optimisation step, which the host computes from
// the options of the same names (src/train/schedule.rs).
// Decay of the first and of the second moment.
const BETA1: f32 = 0.9;
const BETA2: f32 = 0.999;
const EPSILON: f32 = 1e-15;

// Values of Step.flow_supervision: the parameters that flow_gradients holds a gradient of.
const FLOW_SUPERVISES_NOTHING: u32 = 0u;
const FLOW_SUPERVISES_VELOCITY: u32 = 1u;
const FLOW_SUPERVISES_ALL: u32 = 2u;

struct Step {
    // Bias corrections 1 / (1 - beta1^t) and 1 / (1 - beta2^t).
    correction1: f32,
    correction2: f32,
    // Learning rates.
    lr_mean: f32,
    lr_rotation: f32,
    lr_scale: f32,
    lr_opacity: f32,
    lr_sh_dc: f32,
    lr_sh_rest: f32,
    lr_velocity: f32,
    lr_time: f32,
    lr_duration: f32,
    lr_gate: f32,
    lr_acceleration: f32,
    lr_turn: f32,
    // Standard deviation of the noise of a transparent Gaussian's mean, in its own standard deviations.
    mean_noise: f32,
    // Standard deviation of the noise of a time centre, in durations.
    time_noise: f32,
    // Weights of the regularisers, divided by the number of terms of their means: opacity, scale, -log-duration,
    // share that fades.
    opacity_regularisation: f32,
    scale_regularisation: f32,
    duration_regularisation: f32,
    gate_regularisation: f32,
    // Share of the opacity's regulariser that acts on a Gaussian while it is faded, 0 to 1.
    faded_regularisation: f32,
    // Logarithm of the first Gaussians' duration: above it, velocities learn more slowly and shrink towards zero.
    init_log_duration: f32,
    // Least log-duration.
    min_log_duration: f32,
    // Decrease of a long-lived Gaussian's speed in one step, as a share of the velocity's largest step.
    velocity_shrinkage: f32,
    // Decrease of the acceleration and of the angular velocity in one step, as a share of their rates.
    bend_shrinkage: f32,
    // One of FLOW_SUPERVISES_*.
    flow_supervision: u32,
    // Seed of the random numbers, and the number of the step.
    seed: u32,
    number: u32,
}

struct Moments {
    m: vec4f,
    v: vec4f,
    // To be multiplied by the rate and subtracted.
    direction: vec4f,
}

fn adam(m: vec4f, v: vec4f, gradient: vec4f, step: Step) -> Moments {
    var out: Moments;
    out.m = BETA1 * m + (1.0 - BETA1) * gradient;
    out.v = BETA2 * v + (1.0 - BETA2) * gradient * gradient;
    let direction = out.m * step.correction1 / (sqrt(out.v * step.correction2) + EPSILON);
    // Where v has underflowed there is nothing to scale by: no step.
    out.direction = select(vec4f(0.0), direction, out.v > vec4f(0.0));
    return out;
}
