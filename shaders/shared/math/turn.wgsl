// Cosine and sine of a number of turns, at least 0: the nearest quarter, and Taylor's series for the rest. Its own, since
// adapters promise an error of 2^-11 and no more.
fn turned(share: f32) -> vec2f {
    let quarter = floor(4.0 * share + 0.5);
    let x = 6.283185307179586 * (share - 0.25 * quarter);
    let z = x * x;
    let c = 1.0 + z * (-0.5 + z * (1.0 / 24.0 + z * (-1.0 / 720.0 + z / 40320.0)));
    let s = x * (1.0 + z * (-1.0 / 6.0 + z * (1.0 / 120.0 + z * (-1.0 / 5040.0 + z / 362880.0))));
    let odd = select(vec2f(c, s), vec2f(-s, c), (u32(quarter) & 1u) != 0u);
    return select(odd, -odd, (u32(quarter) & 2u) != 0u);
}

// Cosine and sine of an angle of at least 0, radians.
fn cosine_sine(angle: f32) -> vec2f {
    return turned(angle * 0.15915494309189535);
}
