//#use view
//#use gaussian
// Projection of a Gaussian to the image and its adjoint (EWA; ALGORITHMS B.1, B.4 to B.8). The 2-D covariance is
// A A^T with A = J V R S, so that its determinant is |a0 x a1|^2 without cancellation and the adjoint stays short.

// Added to both diagonal elements of the 2-D covariance, in square pixels.
const LOW_PASS: f32 = 0.3;
// Floor of det C / det C' under the square root of the opacity compensation.
const COMPENSATION_FLOOR: f32 = 2.5e-5;

struct Projection {
    // Mean in the camera frame and in pixels.
    p: vec3f,
    u: vec2f,
    // Non-zero elements of the Jacobian of the lens.
    j00: f32,
    j02: f32,
    j11: f32,
    j12: f32,
    // Rows of A; rows of J V.
    a0: vec3f,
    a1: vec3f,
    t0: vec3f,
    t1: vec3f,
    // Inverse of the blurred 2-D covariance (a, b, c) and its determinant.
    conic: vec3f,
    conic_determinant: f32,
    // Opacity after compensation, and the compensation.
    opacity: f32,
    compensation: f32,
    // False when the Gaussian is too near, degenerate or too transparent to show.
    visible: bool,
}

fn to_camera(mean: vec3f) -> vec3f {
    let m = vec4f(mean, 1.0);
    return vec3f(dot(view.row0, m), dot(view.row1, m), dot(view.row2, m));
}

fn project_gaussian(g: Gaussian) -> Projection {
    var out: Projection;
    let p = to_camera(g.mean);
    out.p = p;
    out.visible = false;
    if (!(p.z >= view.centre.w)) {
        return out;
    }
    let inverse_z = 1.0 / p.z;
    let slope = p.xy * inverse_z;
    let held = clamp(slope, view.bounds.xz, view.bounds.yw);
    out.u = view.lens.xy * slope + view.lens.zw;
    out.j00 = view.lens.x * inverse_z;
    out.j11 = view.lens.y * inverse_z;
    out.j02 = -out.j00 * held.x;
    out.j12 = -out.j11 * held.y;
    out.t0 = out.j00 * view.row0.xyz + out.j02 * view.row2.xyz;
    out.t1 = out.j11 * view.row1.xyz + out.j12 * view.row2.xyz;
    let r = rotation_matrix(unit_quaternion(g.quaternion));
    let s = exp(g.log_scale);
    out.a0 = s * (out.t0 * r);
    out.a1 = s * (out.t1 * r);
    let xx = dot(out.a0, out.a0);
    let xy = dot(out.a0, out.a1);
    let yy = dot(out.a1, out.a1);
    let normal = cross(out.a0, out.a1);
    let sharp = dot(normal, normal);
    let blurred = sharp + LOW_PASS * (xx + yy) + LOW_PASS * LOW_PASS;
    out.conic_determinant = 1.0 / blurred;
    out.conic = vec3f(yy + LOW_PASS, -xy, xx + LOW_PASS) * out.conic_determinant;
    out.compensation = 1.0;
    if (view.antialiased != 0u) {
        out.compensation = sqrt(max(COMPENSATION_FLOOR, sharp * out.conic_determinant));
    }
    out.opacity = sigmoid(g.logit) * g.visibility * out.compensation;
    out.visible = out.opacity >= ALPHA_MIN && is_finite(blurred) && is_finite(out.u.x) && is_finite(out.u.y);
    return out;
}

struct ProjectionGradient {
    mean: vec3f,
    logit: f32,
    quaternion: vec4f,
    log_scale: vec3f,
    visibility: f32,
    // Gradients of the camera-frame mean and of the rows of V through J V alone: what the pose needs.
    p: vec3f,
    v0: vec3f,
    v1: vec3f,
    v2: vec3f,
}

// Adjoint: `s0`, `s1`, `s2` are the sums over pixels of g_sigma, g_sigma d and g_sigma d d^T (xx, xy, yy), d = u - x.
fn project_gaussian_backward(g: Gaussian, o: Projection, s0: f32, s1: vec2f, s2: vec3f) -> ProjectionGradient {
    var out: ProjectionGradient;
    let k = o.conic;
    let g_u = vec2f(k.x * s1.x + k.y * s1.y, k.y * s1.x + k.z * s1.y);

    // G_C' = -K (S2 / 2) K, a full symmetric matrix (xx, xy, yy).
    let left = vec4f(k.x * s2.x + k.y * s2.y, k.x * s2.y + k.y * s2.z, k.y * s2.x + k.z * s2.y, k.y * s2.y + k.z * s2.z);
    var g_c = -0.5 * vec3f(left.x * k.x + left.y * k.y, left.x * k.y + left.y * k.z, left.z * k.y + left.w * k.z);

    let g_opacity = -s0 / o.opacity;
    let base = sigmoid(g.logit);
    if (view.antialiased != 0u) {
        let squared = o.compensation * o.compensation;
        if (squared > COMPENSATION_FLOOR) {
            let h = 0.5 * g_opacity * base * g.visibility / o.compensation;
            g_c += h * ((1.0 - squared) * k - LOW_PASS * o.conic_determinant * vec3f(1.0, 0.0, 1.0));
        }
    }
    out.logit = g_opacity * o.compensation * g.visibility * base * (1.0 - base);
    out.visibility = g_opacity * o.compensation * base;

    // A = S R^T (J V)^T, row by row.
    let g_a0 = 2.0 * (g_c.x * o.a0 + g_c.y * o.a1);
    let g_a1 = 2.0 * (g_c.y * o.a0 + g_c.z * o.a1);
    out.log_scale = g_a0 * o.a0 + g_a1 * o.a1;
    let q = unit_quaternion(g.quaternion);
    let r = rotation_matrix(q);
    let s = exp(g.log_scale);
    let g_t0 = r * (s * g_a0);
    let g_t1 = r * (s * g_a1);
    let d = mat3x3f(
        s.x * (g_a0.x * o.t0 + g_a1.x * o.t1),
        s.y * (g_a0.y * o.t0 + g_a1.y * o.t1),
        s.z * (g_a0.z * o.t0 + g_a1.z * o.t1),
    );
    let g_q = rotation_backward(q, d);
    let length_squared = dot(g.quaternion, g.quaternion);
    if (length_squared >= 1e-12) {
        out.quaternion = (g_q - q * dot(q, g_q)) * inverseSqrt(length_squared);
    }

    let g_j00 = dot(g_t0, view.row0.xyz);
    let g_j02 = dot(g_t0, view.row2.xyz);
    let g_j11 = dot(g_t1, view.row1.xyz);
    let g_j12 = dot(g_t1, view.row2.xyz);
    let inverse_z = 1.0 / o.p.z;
    let slope = o.p.xy * inverse_z;
    let inside_x = slope.x >= view.bounds.x && slope.x <= view.bounds.y;
    let inside_y = slope.y >= view.bounds.z && slope.y <= view.bounds.w;
    out.p.x = o.j00 * g_u.x - select(0.0, o.j00 * inverse_z * g_j02, inside_x);
    out.p.y = o.j11 * g_u.y - select(0.0, o.j11 * inverse_z * g_j12, inside_y);
    let through_jacobian = o.j00 * g_j00 + o.j11 * g_j11
        + select(1.0, 2.0, inside_x) * o.j02 * g_j02 + select(1.0, 2.0, inside_y) * o.j12 * g_j12;
    out.p.z = -(o.j00 * slope.x * g_u.x + o.j11 * slope.y * g_u.y) - inverse_z * through_jacobian;
    out.mean = out.p.x * view.row0.xyz + out.p.y * view.row1.xyz + out.p.z * view.row2.xyz;
    out.v0 = o.j00 * g_t0;
    out.v1 = o.j11 * g_t1;
    out.v2 = o.j02 * g_t0 + o.j12 * g_t1;
    return out;
}
