//#use math/sh
// Gradients of the spherical harmonics with respect to the direction, x, y, z taken as independent
// (docs/algorithms.md A.3). Each function returns sum_k q_k grad Y_k over its band.

fn sh_gradient_1(q: array<f32, 3>) -> vec3f {
    return SH_C1 * vec3f(-q[2], -q[0], q[1]);
}

fn sh_gradient_2(d: vec3f, q: array<f32, 5>) -> vec3f {
    let x = d.x;
    let y = d.y;
    let z = d.z;
    return 1.0925484305920792 * q[0] * vec3f(y, x, 0.0)
        - 1.0925484305920792 * q[1] * vec3f(0.0, z, y)
        + 0.31539156525252005 * q[2] * vec3f(-2.0 * x, -2.0 * y, 4.0 * z)
        - 1.0925484305920792 * q[3] * vec3f(z, 0.0, x)
        + 0.5462742152960396 * q[4] * vec3f(2.0 * x, -2.0 * y, 0.0);
}

fn sh_gradient_3(d: vec3f, q: array<f32, 7>) -> vec3f {
    let x = d.x;
    let y = d.y;
    let z = d.z;
    let xx = x * x;
    let yy = y * y;
    let zz = z * z;
    return -0.5900435899266435 * q[0] * vec3f(6.0 * x * y, 3.0 * (xx - yy), 0.0)
        + 2.890611442640554 * q[1] * vec3f(y * z, x * z, x * y)
        - 0.4570457994644658 * q[2] * vec3f(-2.0 * x * y, 4.0 * zz - xx - 3.0 * yy, 8.0 * y * z)
        + 0.3731763325901154 * q[3] * vec3f(-6.0 * x * z, -6.0 * y * z, 3.0 * (2.0 * zz - xx - yy))
        - 0.4570457994644658 * q[4] * vec3f(4.0 * zz - 3.0 * xx - yy, -2.0 * x * y, 8.0 * x * z)
        + 1.445305721320277 * q[5] * vec3f(2.0 * x * z, -2.0 * y * z, xx - yy)
        - 0.5900435899266435 * q[6] * vec3f(3.0 * (xx - yy), -6.0 * x * y, 0.0);
}
