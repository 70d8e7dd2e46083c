//#use math/grid
//#use layout/geometry
//#use layout/splat
//#use layout/flow_splat
//#use layout/flow_slot
//#use layout/flow_gradient
//#use splat/projection
//#use motion/{MOTION}
//#use math/root
// Gradient of every Gaussian by the rendered flow, from its slots (docs/algorithms.md F.3): through the view that the
// flow points to, and with SOURCE, which runs afterwards, through the frame's own. `view` is that view. Without ALL
// only velocities learn: a Gaussian's pose in the frame's own view is held fixed, and the other follows from it over
// the time between. One invocation a Gaussian. Twin: tests/reference/flow.rs.

struct Times {
    // Of the frame's own view and of the view that the flow points to.
    source: f32,
    destination: f32,
    unused0: f32,
    unused1: f32,
}

@group(0) @binding(0) var<uniform> view: View;
@group(0) @binding(1) var<uniform> times: Times;
// [N]
@group(0) @binding(2) var<storage, read> geometry: array<GeometryRow>;
// [N]
@group(0) @binding(3) var<storage, read> motion: array<MotionRow>;
// [N] of the frame's own view.
@group(0) @binding(4) var<storage, read> splats: array<SplatRow>;
// [N]
@group(0) @binding(5) var<storage, read> flow_splats: array<FlowSplat>;
// [pairs][9], then [pairs][2 or 6]: sum w G, sum w G (x - u)^T by rows.
@group(0) @binding(6) var<storage, read> slot_gradients: array<f32>;
// [N][1 or 3], or with ALL [N][4 or 6]; see layout/flow_gradient.wgsl.
@group(0) @binding(7) var<storage, read_write> flow_gradients: array<vec4f>;

struct Sums {
    s: vec2f,
    // By columns, as WGSL has them: m[c][r] is row r, column c.
    m: mat2x2f,
}

fn sum_slots(row: SplatRow) -> Sums {
    var out: Sums;
    let start = flow_slot_index(row.first_slot, 0u);
    for (var at = start; at < start + row.slot_count * FLOW_SLOT; at += FLOW_SLOT) {
        out.s += vec2f(slot_gradients[at], slot_gradients[at + 1u]);
        if (FLOW == 2u) {
            out.m += mat2x2f(slot_gradients[at + 2u], slot_gradients[at + 4u], slot_gradients[at + 3u], slot_gradients[at + 5u]);
        }
    }
    return out;
}

fn clear(index: u32) {
    for (var i = 0u; i < FLOW_MOTION + ALL * FLOW_GEOMETRY; i++) {
        flow_gradients[flow_gradient_index(index, ALL != 0u, i)] = vec4f(0.0);
    }
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
    let index = flat_group(group) * 64u + lane;
    if (index >= view.gaussians) {
        return;
    }
    if (SOURCE == 0u) {
        clear(index);
    }
    let seen = splats[index];
    if (seen.slot_count == 0u || flow_splats[index].moved.z == 0.0) {
        return;
    }
    let sums = sum_slots(seen);
    let row = geometry[index];
    let pose = pose_of(index, row.mean_logit.xyz);
    let g = gaussian_of(row, pose.mean, pose_quaternion(pose, row.quaternion), 1.0);
    let o = project_gaussian(g);
    let splat = unpack_splat(seen);
    let root1 = symmetric_root(splat.conic, splat.determinant);
    let change = flow_splats[index].change;
    let a = mat2x2f(1.0 + change.x, change.z, change.y, 1.0 + change.w);
    var by_u = sums.s;
    var by_covariance = vec3f(0.0);
    if (SOURCE == 0u) {
        if (FLOW == 2u) {
            let b2 = symmetric_inverse(symmetric_root(o.conic, o.conic_determinant));
            by_covariance = symmetric_root_backward(b2, sums.m * symmetric_matrix(root1));
        }
    } else {
        by_u = -sums.s;
        if (FLOW == 2u) {
            by_u = -(transpose(a) * sums.s);
            // A = B2 B1^-1 with B1^-1 = root1: g_B1 = -root1 (B2^T g_A) root1, and B2^T = B1 A^T.
            let g_b1 = -1.0 * (transpose(a) * sums.m) * symmetric_matrix(root1);
            by_covariance = symmetric_root_backward(symmetric_inverse(root1), g_b1);
        }
    }
    // The adjoint of the projection takes moments over pixels, from which gradients follow by the conic: undo that.
    let c = symmetric_matrix(vec3f(o.conic.z, -o.conic.y, o.conic.x) / o.conic_determinant);
    let moments = -2.0 * (c * symmetric_matrix(by_covariance) * c);
    let by = project_gaussian_backward(g, o, 0.0, c * by_u, vec3f(moments[0][0], moments[0][1], moments[1][1]));
    let moves = motion[index];
    let centre = moves.velocity_centre.w;
    // From the centre on, or with the pose in the frame's own view held fixed from there on.
    let start = select(times.source - centre, 0.0, ALL != 0u);
    var path = path_backward(moves, start, view.time - centre, by.mean, g.quaternion, by.quaternion);
    if (ALL == 0u) {
        path[0].w = 0.0;
    }
    for (var i = 0u; i < FLOW_MOTION; i++) {
        flow_gradients[flow_gradient_index(index, ALL != 0u, i)] += path[i];
    }
    if (ALL != 0u) {
        let first = flow_gradient_index(index, true, FLOW_MOTION);
        flow_gradients[first] += vec4f(by.mean, 0.0);
        flow_gradients[first + 1u] += pose_quaternion_backward(pose, by.quaternion);
        flow_gradients[first + 2u] += vec4f(by.log_scale, 0.0);
    }
}
