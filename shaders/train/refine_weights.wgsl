//#use math/grid
//#use layout/geometry
//#if MOTION
//#use layout/motion_row
//#use layout/moments
//#use layout/refine
//#use splat/gaussian
// Integer weight of every Gaussian in the draw of sources, in fixed point, so that sums are exact and their order does not
// matter: the root of its force on the loss (docs/algorithms.md E.6); with MOTION less for those that are there for long, of
// which few are needed. In relocation the dead have weight zero, and always those that are frozen; growth draws from all
// others. One invocation a Gaussian. Twin: tests/reference/relocate.rs.

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

// How much the loss changes where a Gaussian's mean moves by its own standard deviation: N times the root mean square, with
// the second moment of the mean's gradient and the diagonal of the covariance, both along the axes of the world.
fn force(row: GeometryRow, mean_moment: vec3f) -> f32 {
    let r = rotation_matrix(unit_quaternion(row.quaternion));
    let variance = exp(2.0 * row.log_scale.xyz);
    let covariance_diagonal = variance.x * r[0] * r[0] + variance.y * r[1] * r[1] + variance.z * r[2] * r[2];
    return f32(refine.gaussians) * sqrt(dot(mean_moment, covariance_diagonal));
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
    let index = flat_group(group) * 64u + lane;
    if (index >= refine.gaussians) {
        return;
    }
    let row = geometry[index];
    let opacity = sigmoid(row.mean_logit.w);
    let alive = index >= refine.frozen && (GROW != 0u || opacity > refine.dead_opacity);
    var weight = min(1.0, sqrt(force(row, moments[moment_index(index, SECOND_MOMENTS)].xyz)));
    //#if MOTION
    weight *= exp(-refine.duration_power * max(0.0, motion[index].duration_gate.x - refine.usual_log_duration));
    weights[index] = select(0u, max(1u, u32(weight * refine.weight_scale)), alive);
    draws[index] = 0u;
}
