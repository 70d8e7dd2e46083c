//#use math/grid
//#use layout/geometry
//#use layout/colour_gradient
//#use layout/moments
//#use splat/colour_step_{PACKED}
//#use splat/gradient
//#use math/adam
//#use layout/status
//#use math/random
//#use motion/{MOTION}_update
// The optimiser's step on a Gaussian's geometry, fused with everything before it: sum of the slots, adjoints of
// projection and colour (docs/algorithms.md B.4 to B.9), regularisers (B.11), Adam, and the exploration noise of MCMC
// (E.5). The gradient lives in registers. With PACKED the colour is stepped here too; otherwise its gradient is left for
// update_sh.wgsl. One invocation a Gaussian. With MOTION the same for how it moves. With STORE_GRADIENT the gradient goes
// to the first moments and nothing is updated: what the tests look at.
// Twins: tests/reference/project.rs, sh.rs, adam.rs, update.rs.

@group(0) @binding(0) var<uniform> view: View;
@group(0) @binding(1) var<uniform> step: Step;
// [N]
@group(0) @binding(2) var<storage, read_write> geometry: array<GeometryRow>;
// [N][MOMENT_VECTORS]
@group(0) @binding(3) var<storage, read_write> moments: array<vec4f>;
// Spherical harmonics; see layout/sh_full.wgsl and layout/sh_packed.wgsl.
@group(0) @binding(4) var<storage, read_write> sh: array<u32>;
// [N]
@group(0) @binding(5) var<storage, read_write> splats: array<SplatRow>;
// [pairs][SLOT]
@group(0) @binding(6) var<storage, read> slot_gradients: array<f32>;
@group(0) @binding(7) var<storage, read_write> status: array<FrameStatus>;

// How much a Gaussian may wander: one that the view does not show stays, and so does all but a nearly transparent one.
// (1 - opacity)^150, by squares.
fn noise_damping(logit: f32, seen: bool) -> f32 {
    let x1 = sigmoid(-logit);
    let x2 = x1 * x1;
    let x4 = x2 * x2;
    let x8 = x4 * x4;
    let x16 = x8 * x8;
    let x32 = x16 * x16;
    let x64 = x32 * x32;
    return select(0.0, x64 * x64 * x16 * x4 * x2, seen);
}

// Displacement of the mean, in the Gaussian's own standard deviations along its axes, one at most.
fn exploration(index: u32, g: Gaussian, damping: f32) -> vec3f {
    let eta = normal4(pcg4d(vec4u(index, step.number, step.seed, STREAM_NOISE))).xyz;
    let r = rotation_matrix(unit_quaternion(g.quaternion));
    return min(step.mean_noise * damping, 1.0) * (r * (exp(g.log_scale) * eta));
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
    let index = flat_group(group) * 64u + lane;
    if (index >= view.gaussians || status[0].overflowed != 0u) {
        return;
    }
    let row = geometry[index];
    let seen = splats[index].slot_count > 0u;
    let pose = pose_of(index, row.mean_logit.xyz);
    let g = gaussian_of(row, pose.mean, pose_quaternion(pose, row.quaternion), pose.visibility);
    let image = gaussian_gradient(index, g);
    var gradient = array<vec4f, 4>(
        vec4f(image.projected.mean + image.offset, image.projected.logit),
        pose_quaternion_backward(pose, image.projected.quaternion),
        vec4f(image.projected.log_scale, 0.0),
        vec4f(SH_C0 * image.colour, 0.0),
    );
    var motion_by = motion_gradient(
        index,
        gradient[0].xyz,
        g.quaternion,
        image.projected.quaternion,
        image.projected.visibility,
    );
    add_flow_gradient(index, &gradient);
    var colour = image.colour;
    let all = gradient[0] + gradient[1] + gradient[2];
    if (!is_finite(dot(all, vec4f(1.0)) + dot(colour, vec3f(1.0)) + motion_gradient_sum(motion_by))) {
        atomicAdd(&status[0].non_finite, 1u);
        gradient = array<vec4f, 4>();
        motion_by = MotionGradient();
        colour = vec3f(0.0);
    }
    let opacity = sigmoid(g.logit);
    gradient[0].w += step.opacity_regularisation * penalised_share(pose.visibility) * opacity * (1.0 - opacity);
    gradient[2] += vec4f(step.scale_regularisation * exp(g.log_scale), 0.0);
    if (STORE_GRADIENT != 0u) {
        for (var i = 0u; i < TRAINED_VECTORS; i++) {
            moments[moment_index(index, FIRST_MOMENTS + i)] = gradient[i];
        }
        splats[index] = colour_gradient_row(image.direction, colour);
        store_motion_gradient(index, motion_by);
        return;
    }
    let rates = array<vec4f, 4>(
        vec4f(vec3f(step.lr_mean), step.lr_opacity),
        vec4f(step.lr_rotation),
        vec4f(vec3f(step.lr_scale), 0.0),
        vec4f(vec3f(step.lr_sh_dc), 0.0),
    );
    var value = unpack_geometry(row);
    var second: array<vec4f, 4>;
    for (var i = 0u; i < TRAINED_VECTORS; i++) {
        let first = moment_index(index, FIRST_MOMENTS + i);
        let moved = adam(moments[first], moments[moment_index(index, SECOND_MOMENTS + i)], gradient[i], step);
        moments[first] = moved.m;
        second[i] = moved.v;
        value[i] -= rates[i] * moved.direction;
    }
    step_colour(index, image.direction, colour, &value, &second);
    for (var i = 0u; i < TRAINED_VECTORS; i++) {
        moments[moment_index(index, SECOND_MOMENTS + i)] = second[i];
    }
    let after = Gaussian(value[0].xyz, value[0].w, value[1], value[2].xyz, 1.0);
    let damping = noise_damping(after.logit, seen);
    value[0] += vec4f(exploration(index, after, damping), 0.0);
    let moved = step_motion(index, motion_by, damping, &value);
    if (!is_finite(dot(value[0] + value[1] + value[2] + value[3], vec4f(1.0)) + motion_sum(moved))) {
        atomicAdd(&status[0].non_finite, 1u);
        return;
    }
    geometry[index] = pack_geometry(value);
    store_motion(index, moved);
}
