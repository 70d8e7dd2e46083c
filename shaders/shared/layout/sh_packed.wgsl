// Spherical harmonics beyond the constant band in the buffer `sh`: f16, two a word, [N][ceil(3 stored / 2)],
// coefficient-major with rgb innermost, where `stored` is the number of coefficients that a Gaussian has.
// layout/sh_full.wgsl has the same functions.

// Words that a Gaussian has.
fn sh_words(stored: u32) -> u32 {
    return (3u * stored + 1u) / 2u;
}

// Where word `i` of a Gaussian lies, of `words`.
fn sh_word(gaussian: u32, words: u32, i: u32) -> u32 {
    return gaussian * words + i;
}

// Coefficient `k`, 0 to stored - 1. It starts within a word where `k` is odd.
fn sh_rest(gaussian: u32, stored: u32, k: u32) -> vec3f {
    let at = sh_word(gaussian, sh_words(stored), 3u * k / 2u);
    let a = unpack2x16float(sh[at]);
    let b = unpack2x16float(sh[at + 1u]);
    return select(vec3f(a, b.x), vec3f(a.y, b), (k & 1u) != 0u);
}
