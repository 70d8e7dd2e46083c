// Symmetric 2 x 2 matrices (xx, xy, yy), positive definite, and their symmetric roots (docs/algorithms.md F.1, F.3).

fn symmetric_matrix(s: vec3f) -> mat2x2f {
    return mat2x2f(s.x, s.y, s.y, s.z);
}

fn symmetric_inverse(s: vec3f) -> vec3f {
    return vec3f(s.z, -s.y, s.x) / (s.x * s.z - s.y * s.y);
}

// The root of a matrix of known determinant: (S + D) / sqrt(tr S + 2 D), D = sqrt(det S).
fn symmetric_root(s: vec3f, determinant: f32) -> vec3f {
    let d = sqrt(determinant);
    return vec3f(s.x + d, s.y, s.z + d) * inverseSqrt(s.x + s.z + 2.0 * d);
}

// Gradient of S from the gradient g of its root b, of which the symmetric part counts: (det B g + adj B g adj B) /
// (2 det B tr B).
fn symmetric_root_backward(b: vec3f, g: mat2x2f) -> vec3f {
    let half = 0.5 * (g + transpose(g));
    let adjugate = mat2x2f(b.z, -b.y, -b.y, b.x);
    let determinant = b.x * b.z - b.y * b.y;
    let both = determinant * half + adjugate * half * adjugate;
    return vec3f(both[0][0], both[0][1], both[1][1]) / (2.0 * determinant * (b.x + b.z));
}
