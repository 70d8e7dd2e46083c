//#use layout/sh_block
// Spherical harmonics beyond the constant band in the buffer `sh`: bits of f32, [N/4][3 stored][4], four Gaussians side
// by side, coefficient-major with rgb innermost, where `stored` is the number of coefficients that a Gaussian has.
// layout/sh_packed.wgsl has the same functions.

// Words that a Gaussian has.
fn sh_words(stored: u32) -> u32 {
    return 3u * stored;
}

// Where word `i` of a Gaussian lies, of `words`.
fn sh_word(gaussian: u32, words: u32, i: u32) -> u32 {
    return sh_index(gaussian, words) + 4u * i;
}

// Coefficient `k`, 0 to stored - 1.
fn sh_rest(gaussian: u32, stored: u32, k: u32) -> vec3f {
    let at = sh_word(gaussian, sh_words(stored), 3u * k);
    return vec3f(bitcast<f32>(sh[at]), bitcast<f32>(sh[at + 4u]), bitcast<f32>(sh[at + 8u]));
}
