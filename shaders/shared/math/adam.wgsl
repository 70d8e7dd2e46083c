// Adam with bias correction (Kingma & Ba 2015); the optimiser's constants have their home here.
const BETA1: f32 = 0.9;
const BETA2: f32 = 0.999;
const EPSILON: f32 = 1e-15;

struct Step {
    // Learning rates of mean, quaternion, log-scale and logit.
    rates: vec4f,
    // Learning rates of the spherical harmonics by band.
    sh_rates: vec4f,
    // 1 / (1 - beta1^t), 1 / (1 - beta2^t), noise factor (lambda_n times the mean's rate), unused.
    corrections: vec4f,
    // Gradient of the regularisers by opacity and by scale: lambda_o / N and lambda_s / 3N; unused.
    penalties: vec4f,
    // Seed and number of the step; unused.
    seed: vec4u,
    // Learning rates of velocity, time centre, log-duration and gate.
    motion_rates: vec4f,
    // Noise of the time centre in durations; gradient of the regularisers by -log-duration and by 1 - steady share; least
    // log-duration.
    motion_terms: vec4f,
    // Which parameters flow_gradients holds a gradient of: 0 none, 1 velocity, 2 all; share of the opacity's regulariser
    // that a Gaussian keeps while it is faded; log-duration beyond which velocities learn more slowly; pull to rest,
    // as a share of a velocity's step.
    motion_more: vec4f,
}

struct Moments {
    m: vec4f,
    v: vec4f,
    // To be multiplied by the rate and subtracted.
    direction: vec4f,
}

fn adam(m: vec4f, v: vec4f, gradient: vec4f, corrections: vec4f) -> Moments {
    var out: Moments;
    out.m = BETA1 * m + (1.0 - BETA1) * gradient;
    out.v = BETA2 * v + (1.0 - BETA2) * gradient * gradient;
    let direction = out.m * corrections.x / (sqrt(out.v * corrections.y) + EPSILON);
    // Where v has underflowed there is nothing to scale by: no step.
    out.direction = select(vec4f(0.0), direction, out.v > vec4f(0.0));
    return out;
}
