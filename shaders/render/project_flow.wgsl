//#use math/grid
//#use layout/geometry
//#use layout/splat
//#use layout/flow_splat
//#use splat/projection
//#use math/root
//#use motion/{MOTION}
// Flow of every Gaussian that the frame shows: how its mean moves on the image from the frame's view to another,
// and with FLOW = 2 how its ellipse changes, which is taken as the linear map between the symmetric roots of the two
// covariances (docs/algorithms.md F.1). `view` is the other view. One invocation a Gaussian.
// Twin: tests/reference/flow.rs.

@group(0) @binding(0) var<uniform> view: View;
// [N]
@group(0) @binding(1) var<storage, read> geometry: array<GeometryRow>;
// [N] of the frame's own view.
@group(0) @binding(2) var<storage, read> splats: array<SplatRow>;
// [N]
@group(0) @binding(3) var<storage, read_write> flow_splats: array<FlowSplat>;
// [N]
//#if MOTION
@group(0) @binding(4) var<storage, read> motion: array<MotionRow>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
    let index = flat_group(group) * 64u + lane;
    if (index >= view.gaussians || splats[index].slot_count == 0u) {
        return;
    }
    let row = geometry[index];
    let pose = pose_of(index, row.mean_logit.xyz);
    let g = gaussian_of(row, pose.mean, pose_quaternion(pose, row.quaternion), 1.0);
    let o = project_gaussian(g);
    let splat = unpack_splat(splats[index]);
    let moved = o.u - splat.mean;
    // Behind the other camera, or beyond all numbers: the Gaussian then has a weight, and no flow.
    let known = lens_sees(o.p) && is_finite(moved.x) && is_finite(moved.y) && is_finite(o.conic_determinant);
    if (!known) {
        flow_splats[index] = FlowSplat();
        return;
    }
    flow_splats[index].moved = vec4f(moved, 1.0, 0.0);
    if (FLOW == 2u) {
        let root1 = symmetric_root(splat.conic, splat.determinant);
        let root2 = symmetric_inverse(symmetric_root(o.conic, o.conic_determinant));
        let a = symmetric_matrix(root2) * symmetric_matrix(root1);
        // a[c][r] is row r, column c.
        flow_splats[index].change = vec4f(a[0][0] - 1.0, a[1][0], a[0][1], a[1][1] - 1.0);
    }
}
