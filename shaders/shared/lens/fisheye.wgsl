//#use layout/view
// The equidistant fisheye with radial distortion (OpenCV's, COLMAP's OPENCV_FISHEYE; docs/algorithms.md B.13), with the
// functions of pinhole.wgsl. A point at the angle theta from the axis is seen at the radius d(theta) = theta (1 + k1 theta^2
// + ... + k4 theta^8). view.lens holds fx, fy, cx, cy; view.distortion k1 to k4; view.bounds.x the largest angle.
// Twin: tests/reference/fisheye.rs.

// Below this angle the derivatives' limits on the axis are closer than their differences in f32.
const FISHEYE_AXIS: f32 = 0.01;

struct LensPoint {
    // In pixels.
    image: vec2f,
    // The image plane is q = s (x, y), where s depends on r = |(x, y)| and z: s, (1/r) ds/dr and ds/dz.
    s: f32,
    a: f32,
    b: f32,
    // The point.
    p: vec3f,
}

// Arc tangent of a ratio from 0 to 1 within 2 ulp (the polynomial of Cephes' atanf), where drivers promise 4096.
fn exact_atan(ratio: f32) -> f32 {
    let high = ratio > 0.41421356;
    let x = select(ratio, (ratio - 1.0) / (ratio + 1.0), high);
    let z = x * x;
    let tail = ((8.05374449538e-2 * z - 1.38776856032e-1) * z + 1.99777106478e-1) * z - 3.33329491539e-1;
    return select(0.0, 0.78539816, high) + (x + x * z * tail);
}

// Angle from the axis, 0 to pi.
fn fisheye_angle(p: vec3f) -> f32 {
    let r = length(p.xy);
    let along = abs(p.z);
    let ratio = min(r, along) / max(max(r, along), 1e-30);
    let acute = select(exact_atan(ratio), 1.57079633 - exact_atan(ratio), r > along);
    return select(acute, 3.14159265 - acute, p.z < 0.0);
}

fn lens_sees(p: vec3f) -> bool {
    return length(p) >= view.centre.w && fisheye_angle(p) <= view.bounds.x;
}

fn lens_depth(p: vec3f) -> f32 {
    return length(p);
}

// d(theta), d', d'' (the latter divided by theta).
fn fisheye_profile(theta: f32) -> vec3f {
    let k = view.distortion;
    let q = theta * theta;
    return vec3f(
        theta * (1.0 + q * (k.x + q * (k.y + q * (k.z + q * k.w)))),
        1.0 + q * (3.0 * k.x + q * (5.0 * k.y + q * (7.0 * k.z + q * 9.0 * k.w))),
        6.0 * k.x + q * (20.0 * k.y + q * (42.0 * k.z + q * 72.0 * k.w)),
    );
}

fn lens_point(p: vec3f) -> LensPoint {
    var out: LensPoint;
    out.p = p;
    let r = length(p.xy);
    let squared = dot(p, p);
    let theta = fisheye_angle(p);
    let d = fisheye_profile(theta);
    out.b = -d.y / squared;
    if (theta < FISHEYE_AXIS) {
        let inverse = inverseSqrt(squared);
        out.s = inverse * (1.0 + theta * theta * (view.distortion.x + 1.0 / 6.0));
        out.a = (2.0 * view.distortion.x - 2.0 / 3.0) * inverse * inverse * inverse;
    } else {
        out.s = d.x / r;
        out.a = (d.y * p.z / squared - out.s) / (r * r);
    }
    out.image = view.lens.xy * (out.s * p.xy) + view.lens.zw;
    return out;
}

fn lens_row0(l: LensPoint) -> vec3f {
    let j = view.lens.x * vec3f(l.s + l.p.x * l.p.x * l.a, l.p.x * l.p.y * l.a, l.p.x * l.b);
    return j.x * view.row0.xyz + j.y * view.row1.xyz + j.z * view.row2.xyz;
}

fn lens_row1(l: LensPoint) -> vec3f {
    let j = view.lens.y * vec3f(l.p.x * l.p.y * l.a, l.s + l.p.y * l.p.y * l.a, l.p.y * l.b);
    return j.x * view.row0.xyz + j.y * view.row1.xyz + j.z * view.row2.xyz;
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
    let f = view.lens.xy;
    // Gradient by q and by the elements of its Jacobian, row by row.
    let g_q = f * g_image;
    let g0 = f.x * vec3f(dot(g_row0, view.row0.xyz), dot(g_row0, view.row1.xyz), dot(g_row0, view.row2.xyz));
    let g1 = f.y * vec3f(dot(g_row1, view.row0.xyz), dot(g_row1, view.row1.xyz), dot(g_row1, view.row2.xyz));
    let mixed = g0.y + g1.x;
    let g_s = dot(g_q, p.xy) + g0.x + g1.y;
    let g_a = g0.x * p.x * p.x + mixed * p.x * p.y + g1.y * p.y * p.y;
    let g_b = g0.z * p.x + g1.z * p.y;
    // (1/r) d/dr and d/dz of a and b; that of s are a and b.
    let r = length(p.xy);
    let squared = dot(p, p);
    let theta = fisheye_angle(p);
    let d = fisheye_profile(theta);
    let fourth = squared * squared;
    var bend = d.z * inverseSqrt(squared);
    var a_r = 0.0;
    if (theta >= FISHEYE_AXIS) {
        bend = d.z * theta / r;
        a_r = ((bend * p.z * p.z - 2.0 * d.y * p.z) / fourth - 3.0 * l.a) / (r * r);
    }
    let b_r = (2.0 * d.y - bend * p.z) / fourth;
    let b_z = (bend * r * r + 2.0 * d.y * p.z) / fourth;
    let radial = g_s * l.a + g_a * a_r + g_b * b_r;
    out.p = vec3f(
        l.s * g_q.x + 2.0 * p.x * l.a * g0.x + p.y * l.a * mixed + l.b * g0.z + p.x * radial,
        l.s * g_q.y + 2.0 * p.y * l.a * g1.y + p.x * l.a * mixed + l.b * g1.z + p.y * radial,
        g_s * l.b + g_a * b_r + g_b * b_z,
    );
    // Columns of J with its focal lengths.
    let c0 = f * vec2f(l.s + p.x * p.x * l.a, p.x * p.y * l.a);
    let c1 = f * vec2f(p.x * p.y * l.a, l.s + p.y * p.y * l.a);
    let c2 = f * l.b * p.xy;
    out.v0 = c0.x * g_row0 + c0.y * g_row1;
    out.v1 = c1.x * g_row0 + c1.y * g_row1;
    out.v2 = c2.x * g_row0 + c2.y * g_row1;
    return out;
}
