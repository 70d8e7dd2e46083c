//#use grid
//#use projection
//#use root
//#use MOTION ? project_flow_moving : still
// Flow record of every Gaussian that the frame shows: how its mean moves on the image from the frame's view to another,
// and with AFFINE how its ellipse changes, which is taken as the linear map between the symmetric roots of the two
// covariances (ALGORITHMS F.1). `view` is the other view. One invocation a Gaussian. Twin: tests/reference/flow.rs.

@group(0) @binding(0) var<uniform> view: View;
// [N][3]
@group(0) @binding(1) var<storage, read> geometry: array<vec4f>;
// [N][3] of the frame's own view.
@group(0) @binding(2) var<storage, read> records: array<vec4f>;
// [N]
@group(0) @binding(3) var<storage, read> tile_counts: array<u32>;
// [N][2]: (displacement in pixels, 1 where there is one, unused), (A - 1 by rows).
@group(0) @binding(4) var<storage, read_write> flow_records: array<vec4f>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
    let index = flat_group(group) * 64u + lane;
    if (index >= view.gaussians || tile_counts[index] == 0u) {
        return;
    }
    let row0 = geometry[3u * index];
    let pose = pose_of(index, row0.xyz);
    let g = Gaussian(pose.mean, row0.w, geometry[3u * index + 1u], geometry[3u * index + 2u].xyz, 1.0);
    let o = project_gaussian(g);
    let r0 = records[3u * index];
    let r1 = records[3u * index + 1u];
    let moved = o.u - r0.xy;
    // Behind the other camera, or beyond all numbers: the Gaussian then has a weight, and no flow.
    let known = o.p.z >= view.centre.w && is_finite(moved.x) && is_finite(moved.y) && is_finite(o.conic_determinant);
    if (!known) {
        flow_records[2u * index] = vec4f(0.0);
        flow_records[2u * index + 1u] = vec4f(0.0);
        return;
    }
    flow_records[2u * index] = vec4f(moved, 1.0, 0.0);
    if (AFFINE != 0u) {
        let root1 = symmetric_root(vec3f(r0.zw, r1.x), records[3u * index + 2u].w);
        let root2 = symmetric_inverse(symmetric_root(o.conic, o.conic_determinant));
        let a = symmetric_matrix(root2) * symmetric_matrix(root1);
        // a[c][r] is row r, column c.
        flow_records[2u * index + 1u] = vec4f(a[0][0] - 1.0, a[1][0], a[0][1], a[1][1] - 1.0);
    }
}
