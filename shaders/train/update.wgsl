//#use math/grid
//#use layout/geometry
//#use layout/colour_gradient
//#use splat/gradient
//#use math/adam
//#use layout/status
//#use math/random
//#use motion/{MOTION}_update
// The optimiser's step on a Gaussian's geometry, fused with everything before it: sum of the slots, adjoints of
// projection and colour (docs/algorithms.md B.4 to B.9), regularisers (B.11), Adam, and the exploration noise of MCMC
// (E.5). The gradient lives in registers; only that of the colour is left, for update_sh.wgsl. One invocation a
// Gaussian. With MOTION the same for how it moves. With STORE_GRADIENT the gradient goes to `moment1` and nothing is
// updated: what the tests look at.
// Twins: tests/reference/project.rs, sh.rs, adam.rs, update.rs.

@group(0) @binding(0) var<uniform> view: View;
@group(0) @binding(1) var<uniform> step: Step;
// [N] each.
@group(0) @binding(2) var<storage, read_write> geometry: array<GeometryRow>;
@group(0) @binding(3) var<storage, read_write> moment1: array<GeometryRow>;
@group(0) @binding(4) var<storage, read_write> moment2: array<GeometryRow>;
// [N/4][3 (2 band + 1)][4]
@group(0) @binding(5) var<storage, read> sh0: array<f32>;
@group(0) @binding(6) var<storage, read> sh1: array<f32>;
@group(0) @binding(7) var<storage, read> sh2: array<f32>;
@group(0) @binding(8) var<storage, read> sh3: array<f32>;
// [N]
@group(0) @binding(9) var<storage, read> splats: array<SplatRow>;
// [N]
@group(0) @binding(10) var<storage, read> tile_counts: array<u32>;
@group(0) @binding(11) var<storage, read> slot_bases: array<u32>;
// [pairs][SLOT]
@group(0) @binding(12) var<storage, read> slot_gradients: array<f32>;
// [N/4][6][4]: direction from the camera, gradient of the colour.
@group(0) @binding(13) var<storage, read_write> colour_gradients: array<f32>;
@group(0) @binding(14) var<storage, read_write> status: array<FrameStatus>;

// How much noise a Gaussian gets: all but nearly transparent ones next to none.
fn noise_damping(g: Gaussian) -> f32 {
    return sigmoid(-100.0 * (sigmoid(g.logit) - step.dead_opacity));
}

// Displacement of the mean: Sigma eta, damped.
fn exploration(index: u32, g: Gaussian, damping: f32) -> vec3f {
    let eta = normal4(pcg4d(vec4u(index, step.number, step.seed, STREAM_NOISE))).xyz;
    let r = rotation_matrix(unit_quaternion(g.quaternion));
    let s = exp(g.log_scale);
    return step.mean_noise * damping * (r * (s * s * (eta * r)));
}

fn store_colour(index: u32, direction: vec3f, colour: vec3f) {
    for (var i = 0u; i < 3u; i++) {
        colour_gradients[colour_gradient_index(index, i)] = direction[i];
        colour_gradients[colour_gradient_index(index, 3u + i)] = colour[i];
    }
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
    let index = flat_group(group) * 64u + lane;
    if (index >= view.gaussians || status[0].overflowed != 0u) {
        return;
    }
    let row = geometry[index];
    let pose = pose_of(index, row.mean_logit.xyz);
    let g = gaussian_of(row, pose.mean, pose.visibility);
    let image = gaussian_gradient(index, g);
    var gradient = array<vec4f, 3>(
        vec4f(image.projected.mean + image.offset, image.projected.logit),
        image.projected.quaternion,
        vec4f(image.projected.log_scale, 0.0),
    );
    var motion_by = motion_gradient(index, gradient[0].xyz, image.projected.visibility);
    add_flow_gradient(index, &gradient);
    var colour = image.colour;
    let all = gradient[0] + gradient[1] + gradient[2];
    if (!is_finite(dot(all, vec4f(1.0)) + dot(colour, vec3f(1.0)) + motion_gradient_sum(motion_by))) {
        atomicAdd(&status[0].non_finite, 1u);
        gradient = array<vec4f, 3>();
        motion_by = MotionGradient();
        colour = vec3f(0.0);
    }
    store_colour(index, image.direction, colour);
    let opacity = sigmoid(g.logit);
    gradient[0].w += step.opacity_regularisation * penalised_share(pose.visibility) * opacity * (1.0 - opacity);
    gradient[2] += vec4f(step.scale_regularisation * exp(g.log_scale), 0.0);
    if (STORE_GRADIENT != 0u) {
        moment1[index] = pack_geometry(gradient);
        store_motion_gradient(index, motion_by);
        return;
    }
    let rates = array<vec4f, 3>(
        vec4f(vec3f(step.lr_mean), step.lr_opacity),
        vec4f(step.lr_rotation),
        vec4f(vec3f(step.lr_scale), 0.0),
    );
    var value = unpack_geometry(row);
    var first = unpack_geometry(moment1[index]);
    var second = unpack_geometry(moment2[index]);
    for (var i = 0u; i < 3u; i++) {
        let moved = adam(first[i], second[i], gradient[i], step);
        first[i] = moved.m;
        second[i] = moved.v;
        value[i] -= rates[i] * moved.direction;
    }
    moment1[index] = pack_geometry(first);
    moment2[index] = pack_geometry(second);
    let after = Gaussian(value[0].xyz, value[0].w, value[1], value[2].xyz, 1.0);
    let damping = noise_damping(after);
    value[0] += vec4f(exploration(index, after, damping), 0.0);
    let moved = step_motion(index, motion_by, damping, &value);
    if (!is_finite(dot(value[0] + value[1] + value[2], vec4f(1.0)) + motion_sum(moved))) {
        atomicAdd(&status[0].non_finite, 1u);
        return;
    }
    geometry[index] = pack_geometry(value);
    store_motion(index, moved);
}
