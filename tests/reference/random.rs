//! Twin of the counter-based generator: pcg4d (Jarzynski and Olano, "Hash Functions for GPU Rendering", 2020) and
//! normals by Box–Muller.

/// Hashes four words to four.
pub fn pcg4d(key: [u32; 4]) -> [u32; 4] {
    let mut v = key.map(|k| k.wrapping_mul(1664525).wrapping_add(1013904223));
    mix(&mut v);
    v = v.map(|x| x ^ (x >> 16));
    mix(&mut v);
    v
}

fn mix(v: &mut [u32; 4]) {
    v[0] = v[0].wrapping_add(v[1].wrapping_mul(v[3]));
    v[1] = v[1].wrapping_add(v[2].wrapping_mul(v[0]));
    v[2] = v[2].wrapping_add(v[0].wrapping_mul(v[1]));
    v[3] = v[3].wrapping_add(v[1].wrapping_mul(v[2]));
}

/// Two independent standard normals from two words, by their top 24 bits.
pub fn box_muller(a: u32, b: u32) -> [f64; 2] {
    let radius = (f64::from((a >> 8) + 1) / 16777216.0).ln();
    let angle = std::f64::consts::TAU * f64::from(b >> 8) / 16777216.0;
    let radius = (-2.0 * radius).sqrt();
    [radius * angle.cos(), radius * angle.sin()]
}

/// Three standard normals: cosine and sine of words 0 and 1, cosine of words 2 and 3.
pub fn normals(key: [u32; 4]) -> [f64; 3] {
    let [a, b, c, d] = pcg4d(key);
    let ([x, y], [z, _]) = (box_muller(a, b), box_muller(c, d));
    [x, y, z]
}
