//#use lens/{LENS}
//#use splat/gaussian
// Projection of a Gaussian to the image and its adjoint (EWA; docs/algorithms.md B.1, B.4 to B.8). The 2-D covariance
// is A A^T with A = J V R S, so that its determinant is |a0 x a1|^2 without cancellation and the adjoint stays short.

// Added to both diagonal elements of the 2-D covariance, in square pixels.
const LOW_PASS: f32 = 0.3;
// Floor of det C / det C' under the square root of the opacity compensation.
const COMPENSATION_FLOOR: f32 = 2.5e-5;

struct Projection {
    // Mean in the camera frame and in pixels; what the lens makes of it.
    p: vec3f,
    u: vec2f,
    lens: LensPoint,
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
    if (!lens_sees(p)) {
        return out;
    }
    out.lens = lens_point(p);
    out.u = out.lens.image;
    out.t0 = lens_row0(out.lens);
    out.t1 = lens_row1(out.lens);
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
    // By the camera-frame mean and the rows of V: what the pose needs.
    lens: LensGradient,
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

    out.lens = lens_backward(o.p, o.lens, g_u, g_t0, g_t1);
    let by = out.lens.p;
    out.mean = by.x * view.row0.xyz + by.y * view.row1.xyz + by.z * view.row2.xyz;
    return out;
}
