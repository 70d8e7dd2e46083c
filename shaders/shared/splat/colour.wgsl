//#use layout/sh_{PACKED}
//#use math/real_f32
//#use math/sh_gradient
// View-dependent colour of a Gaussian: the constant band of its row, and the others from the buffer sh.

// Colour along the unit direction `d`, before the clamp at zero.
fn sh_colour(gaussian: u32, constant: vec3f, d: vec3f, degree: u32) -> vec3f {
    var colour = vec3f(0.5) + SH_C0 * constant;
    let stored = view.sh_rest;
    if (degree > 0u) {
        let basis = sh_band_1(d.x, d.y, d.z);
        for (var k = 0u; k < 3u; k++) {
            colour += basis[k] * sh_rest(gaussian, stored, k);
        }
    }
    if (degree > 1u) {
        let basis = sh_band_2(d.x, d.y, d.z);
        for (var k = 0u; k < 5u; k++) {
            colour += basis[k] * sh_rest(gaussian, stored, 3u + k);
        }
    }
    if (degree > 2u) {
        let basis = sh_band_3(d.x, d.y, d.z);
        for (var k = 0u; k < 7u; k++) {
            colour += basis[k] * sh_rest(gaussian, stored, 8u + k);
        }
    }
    return colour;
}

// Gradient with respect to the direction, for the gradient `g` of the colour (docs/algorithms.md B.9).
fn sh_colour_backward(gaussian: u32, d: vec3f, degree: u32, g: vec3f) -> vec3f {
    var gradient = vec3f(0.0);
    let stored = view.sh_rest;
    if (degree > 0u) {
        var q: array<f32, 3>;
        for (var k = 0u; k < 3u; k++) {
            q[k] = dot(sh_rest(gaussian, stored, k), g);
        }
        gradient += sh_gradient_1(q);
    }
    if (degree > 1u) {
        var q: array<f32, 5>;
        for (var k = 0u; k < 5u; k++) {
            q[k] = dot(sh_rest(gaussian, stored, 3u + k), g);
        }
        gradient += sh_gradient_2(d, q);
    }
    if (degree > 2u) {
        var q: array<f32, 7>;
        for (var k = 0u; k < 7u; k++) {
            q[k] = dot(sh_rest(gaussian, stored, 8u + k), g);
        }
        gradient += sh_gradient_3(d, q);
    }
    return gradient;
}
