// A Gaussian at the view's time. Its geometry row is three vec4, (mean, logit), (quaternion w x y z), (log-scale, unused).
// How it moves and fades is said by motion/static.wgsl or motion/linear.wgsl.
struct Gaussian {
    mean: vec3f,
    logit: f32,
    // Not of unit length.
    quaternion: vec4f,
    log_scale: vec3f,
    // Share of its opacity that it has at this time; 1 in a static scene.
    visibility: f32,
}

fn sigmoid(x: f32) -> f32 {
    return 1.0 / (1.0 + exp(-x));
}

// Columns of R for the unit quaternion (w, x, y, z).
fn rotation_matrix(q: vec4f) -> mat3x3f {
    let w = q.x;
    let x = q.y;
    let y = q.z;
    let z = q.w;
    return mat3x3f(
        vec3f(1.0 - 2.0 * (y * y + z * z), 2.0 * (x * y + w * z), 2.0 * (x * z - w * y)),
        vec3f(2.0 * (x * y - w * z), 1.0 - 2.0 * (x * x + z * z), 2.0 * (y * z + w * x)),
        vec3f(2.0 * (x * z + w * y), 2.0 * (y * z - w * x), 1.0 - 2.0 * (x * x + y * y)),
    );
}

// The unit quaternion; the identity where the stored one is degenerate.
fn unit_quaternion(q: vec4f) -> vec4f {
    let squared = dot(q, q);
    if (squared < 1e-12) {
        return vec4f(1.0, 0.0, 0.0, 0.0);
    }
    return q / sqrt(squared);
}

// Gradient of the unit quaternion from the gradient of R, given by its columns D (docs/algorithms.md B.8).
fn rotation_backward(q: vec4f, d: mat3x3f) -> vec4f {
    let w = q.x;
    let x = q.y;
    let y = q.z;
    let z = q.w;
    // d[c][r] is row r, column c.
    return 2.0 * vec4f(
        x * (d[1][2] - d[2][1]) + y * (d[2][0] - d[0][2]) + z * (d[0][1] - d[1][0]),
        -2.0 * x * (d[1][1] + d[2][2]) + y * (d[1][0] + d[0][1]) + z * (d[2][0] + d[0][2]) + w * (d[1][2] - d[2][1]),
        x * (d[1][0] + d[0][1]) - 2.0 * y * (d[0][0] + d[2][2]) + z * (d[2][1] + d[1][2]) + w * (d[2][0] - d[0][2]),
        x * (d[2][0] + d[0][2]) + y * (d[2][1] + d[1][2]) - 2.0 * z * (d[0][0] + d[1][1]) + w * (d[0][1] - d[1][0]),
    );
}
