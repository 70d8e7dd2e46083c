//#use layout/sh_block
//#use math/real_f32
//#use math/sh_gradient
// View-dependent colour of a Gaussian from the buffers sh0, sh1, sh2, sh3, one a band.

fn sh0_at(base: u32) -> vec3f {
    return vec3f(sh0[base], sh0[base + 4u], sh0[base + 8u]);
}

fn sh1_at(base: u32, k: u32) -> vec3f {
    let at = base + 12u * k;
    return vec3f(sh1[at], sh1[at + 4u], sh1[at + 8u]);
}

fn sh2_at(base: u32, k: u32) -> vec3f {
    let at = base + 12u * k;
    return vec3f(sh2[at], sh2[at + 4u], sh2[at + 8u]);
}

fn sh3_at(base: u32, k: u32) -> vec3f {
    let at = base + 12u * k;
    return vec3f(sh3[at], sh3[at + 4u], sh3[at + 8u]);
}

// Colour along the unit direction `d`, before the clamp at zero.
fn sh_colour(gaussian: u32, d: vec3f, degree: u32) -> vec3f {
    var colour = vec3f(0.5) + SH_C0 * sh0_at(sh_index(gaussian, 3u));
    if (degree > 0u) {
        let base = sh_index(gaussian, 9u);
        let basis = sh_band_1(d.x, d.y, d.z);
        for (var k = 0u; k < 3u; k++) {
            colour += basis[k] * sh1_at(base, k);
        }
    }
    if (degree > 1u) {
        let base = sh_index(gaussian, 15u);
        let basis = sh_band_2(d.x, d.y, d.z);
        for (var k = 0u; k < 5u; k++) {
            colour += basis[k] * sh2_at(base, k);
        }
    }
    if (degree > 2u) {
        let base = sh_index(gaussian, 21u);
        let basis = sh_band_3(d.x, d.y, d.z);
        for (var k = 0u; k < 7u; k++) {
            colour += basis[k] * sh3_at(base, k);
        }
    }
    return colour;
}

// Gradient with respect to the direction, for the gradient `g` of the colour (docs/algorithms.md B.9).
fn sh_colour_backward(gaussian: u32, d: vec3f, degree: u32, g: vec3f) -> vec3f {
    var gradient = vec3f(0.0);
    if (degree > 0u) {
        let base = sh_index(gaussian, 9u);
        var q: array<f32, 3>;
        for (var k = 0u; k < 3u; k++) {
            q[k] = dot(sh1_at(base, k), g);
        }
        gradient += sh_gradient_1(q);
    }
    if (degree > 1u) {
        let base = sh_index(gaussian, 15u);
        var q: array<f32, 5>;
        for (var k = 0u; k < 5u; k++) {
            q[k] = dot(sh2_at(base, k), g);
        }
        gradient += sh_gradient_2(d, q);
    }
    if (degree > 2u) {
        let base = sh_index(gaussian, 21u);
        var q: array<f32, 7>;
        for (var k = 0u; k < 7u; k++) {
            q[k] = dot(sh3_at(base, k), g);
        }
        gradient += sh_gradient_3(d, q);
    }
    return gradient;
}
