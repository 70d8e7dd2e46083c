//#use math/grid
//#use layout/geometry
//#if MOTION
//#use layout/motion_row
//#use layout/refine
//#use layout/moments
// Integer weight of every Gaussian in the draw of sources, in fixed point, so that sums are exact and their order does not
// matter: its opacity, or by a share the root of the force that the loss has on it; with MOTION less for those that are there
// for long, of which few are needed. In relocation the dead have weight zero, and always those around a block; growth draws
// from all others. One invocation a Gaussian.
// Twin: tests/reference/relocate.rs.

@group(0) @binding(0) var<uniform> refine: Refine;
// [N]
@group(0) @binding(1) var<storage, read> geometry: array<GeometryRow>;
// [N]
@group(0) @binding(2) var<storage, read_write> weights: array<u32>;
// [N] how often a Gaussian is drawn: none yet.
@group(0) @binding(3) var<storage, read_write> draws: array<u32>;
// [N][MOMENT_VECTORS]
@group(0) @binding(4) var<storage, read> moments: array<vec4f>;
// [N]
//#if MOTION
@group(0) @binding(5) var<storage, read> motion: array<MotionRow>;

// What has just been copied has no moments, and is drawn seldom rather than never.
const LEAST_FORCE: f32 = 1e-6;

// How much the loss changes by a move of a Gaussian's mean by its own standard deviation, as Adam's second moments know it,
// times the number of Gaussians; at most 1.
fn force(index: u32, row: GeometryRow) -> f32 {
    let r = rotation_matrix(unit_quaternion(row.quaternion));
    let scale = exp(row.log_scale.xyz);
    let axes = mat3x3f(r[0] * scale.x, r[1] * scale.y, r[2] * scale.z);
    let variances = axes[0] * axes[0] + axes[1] * axes[1] + axes[2] * axes[2];
    let squares = moments[moment_index(index, SECOND_MOMENTS)].xyz;
    return min(1.0, f32(refine.gaussians) * sqrt(dot(squares, variances)));
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
    let index = flat_group(group) * 64u + lane;
    if (index >= refine.gaussians) {
        return;
    }
    let row = geometry[index];
    let opacity = sigmoid(row.mean_logit.w);
    let alive = index >= refine.around && (GROW != 0u || opacity > refine.dead_opacity);
    var weight = opacity;
    if (refine.force > 0.0) {
        weight = pow(opacity, 1.0 - refine.force) * pow(max(force(index, row), LEAST_FORCE), 0.5 * refine.force);
    }
    //#if MOTION
    weight *= exp(-refine.duration_power * max(0.0, motion[index].duration_gate.x - refine.usual_log_duration));
    weights[index] = select(0u, max(1u, u32(weight * refine.weight_scale)), alive);
    draws[index] = 0u;
}
