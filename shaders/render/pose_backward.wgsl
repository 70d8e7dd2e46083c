//#use math/grid
//#use layout/geometry
//#use splat/gradient
//#use motion/{MOTION}
// Gradient of the camera's pose by the left perturbation (V, t) <- (exp(w^) V, exp(w^) t + v): each Gaussian's share,
// (w, v), to be summed by reduce_rows.wgsl (docs/algorithms.md B.10). One invocation a Gaussian.
// Twin: tests/reference/project_backward.rs.

@group(0) @binding(0) var<uniform> view: View;
// [N]
@group(0) @binding(1) var<storage, read> geometry: array<GeometryRow>;
// Spherical harmonics; see layout/sh_full.wgsl and layout/sh_packed.wgsl.
@group(0) @binding(2) var<storage, read> sh: array<u32>;
// [N]
@group(0) @binding(3) var<storage, read> splats: array<SplatRow>;
// [pairs][SLOT]
@group(0) @binding(4) var<storage, read> slot_gradients: array<f32>;
// [N][6]
@group(0) @binding(5) var<storage, read_write> shares: array<f32>;
// [N]
//#if MOTION
@group(0) @binding(6) var<storage, read> motion: array<MotionRow>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
    let index = flat_group(group) * 64u + lane;
    if (index >= view.gaussians) {
        return;
    }
    let row = geometry[index];
    let pose = pose_of(index, row.mean_logit.xyz);
    let g = gaussian_of(row, pose.mean, pose_quaternion(pose, row.quaternion), pose.visibility);
    let gradient = gaussian_gradient(index, g);
    let by = gradient.projected.lens;
    let r0 = view.row0.xyz;
    let r1 = view.row1.xyz;
    let r2 = view.row2.xyz;
    // S = G_V V^T + g_t t^T is g_p p^T plus what reaches V through the covariance; w is its antisymmetric part.
    let through_covariance = vec3f(
        dot(by.v2, r1) - dot(by.v1, r2),
        dot(by.v0, r2) - dot(by.v2, r0),
        dot(by.v1, r0) - dot(by.v0, r1),
    );
    let turn = cross(to_camera(g.mean), by.p) + through_covariance;
    // v moves the camera's centre by -V^T v, and with it the direction of the colour; w leaves the centre in place.
    let shift = by.p + vec3f(dot(r0, gradient.offset), dot(r1, gradient.offset), dot(r2, gradient.offset));
    for (var i = 0u; i < 3u; i++) {
        shares[6u * index + i] = turn[i];
        shares[6u * index + 3u + i] = shift[i];
    }
}
