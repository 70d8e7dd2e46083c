//#use layout/view
// The pinhole lens: from the camera frame to the image, its Jacobian J and its adjoint. Another lens has the same
// functions. view.lens holds fx, fy, cx, cy; view.bounds the slopes X/Z (x, y) and Y/Z (z, w) inside which J is taken at
// the point itself, beyond which at the bound.

struct LensPoint {
    // In pixels.
    image: vec2f,
    // Non-zero elements of J.
    j00: f32,
    j02: f32,
    j11: f32,
    j12: f32,
}

// Whether the lens maps the point at all.
fn lens_sees(p: vec3f) -> bool {
    return p.z >= view.centre.w;
}

// What Gaussians are sorted by.
fn lens_depth(p: vec3f) -> f32 {
    return p.z;
}

fn lens_point(p: vec3f) -> LensPoint {
    var out: LensPoint;
    let inverse_z = 1.0 / p.z;
    let slope = p.xy * inverse_z;
    let held = clamp(slope, view.bounds.xz, view.bounds.yw);
    out.image = view.lens.xy * slope + view.lens.zw;
    out.j00 = view.lens.x * inverse_z;
    out.j11 = view.lens.y * inverse_z;
    out.j02 = -out.j00 * held.x;
    out.j12 = -out.j11 * held.y;
    return out;
}

// The two rows of J V, where V is the rotation of the view.
fn lens_row0(l: LensPoint) -> vec3f {
    return l.j00 * view.row0.xyz + l.j02 * view.row2.xyz;
}

fn lens_row1(l: LensPoint) -> vec3f {
    return l.j11 * view.row1.xyz + l.j12 * view.row2.xyz;
}

struct LensGradient {
    // By the point in the camera frame.
    p: vec3f,
    // By the rows of V through J V alone.
    v0: vec3f,
    v1: vec3f,
    v2: vec3f,
}

// Adjoint, from the gradients by the image point and by the rows of J V.
fn lens_backward(p: vec3f, l: LensPoint, g_image: vec2f, g_row0: vec3f, g_row1: vec3f) -> LensGradient {
    var out: LensGradient;
    let g_j00 = dot(g_row0, view.row0.xyz);
    let g_j02 = dot(g_row0, view.row2.xyz);
    let g_j11 = dot(g_row1, view.row1.xyz);
    let g_j12 = dot(g_row1, view.row2.xyz);
    let inverse_z = 1.0 / p.z;
    let slope = p.xy * inverse_z;
    let inside_x = slope.x >= view.bounds.x && slope.x <= view.bounds.y;
    let inside_y = slope.y >= view.bounds.z && slope.y <= view.bounds.w;
    out.p.x = l.j00 * g_image.x - select(0.0, l.j00 * inverse_z * g_j02, inside_x);
    out.p.y = l.j11 * g_image.y - select(0.0, l.j11 * inverse_z * g_j12, inside_y);
    let through_jacobian = l.j00 * g_j00 + l.j11 * g_j11
        + select(1.0, 2.0, inside_x) * l.j02 * g_j02 + select(1.0, 2.0, inside_y) * l.j12 * g_j12;
    out.p.z = -(l.j00 * slope.x * g_image.x + l.j11 * slope.y * g_image.y) - inverse_z * through_jacobian;
    out.v0 = l.j00 * g_row0;
    out.v1 = l.j11 * g_row1;
    out.v2 = l.j02 * g_row0 + l.j12 * g_row1;
    return out;
}
