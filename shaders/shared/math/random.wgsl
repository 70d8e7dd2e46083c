//#use math/turn
// Counter-based random numbers: the same (seed, step, index) gives the same numbers on every run.

// pcg4d (Jarzynski & Olano 2020, "Hash Functions for GPU Rendering").
fn pcg4d(counter: vec4u) -> vec4u {
    var v = counter * 1664525u + 1013904223u;
    v.x += v.y * v.w;
    v.y += v.z * v.x;
    v.z += v.x * v.y;
    v.w += v.y * v.z;
    v ^= v >> vec4u(16u);
    v.x += v.y * v.w;
    v.y += v.z * v.x;
    v.z += v.x * v.y;
    v.w += v.y * v.z;
    return v;
}

// Streams, so that no two uses share numbers.
const STREAM_NOISE: u32 = 1u;
const STREAM_RELOCATE: u32 = 2u;
const STREAM_GROW: u32 = 3u;
const STREAM_ROUNDING: u32 = 4u;

// Natural logarithm of a number from 2^-24 to 1. Its own, since adapters promise little of theirs and may give a positive
// number near 1: the exponent, and the series of artanh for the mantissa between sqrt(1/2) and sqrt(2).
fn logarithm(x: f32) -> f32 {
    let bits = bitcast<u32>(x);
    var exponent = f32(i32(bits >> 23u) - 127);
    var mantissa = bitcast<f32>((bits & 0x7fffffu) | 0x3f800000u);
    if (mantissa > 1.4142135) {
        mantissa *= 0.5;
        exponent += 1.0;
    }
    let s = (mantissa - 1.0) / (mantissa + 1.0);
    let z = s * s;
    return exponent * 0.6931471805599453 + 2.0 * s * (1.0 + z * (1.0 / 3.0 + z * (0.2 + z * (1.0 / 7.0 + z / 9.0))));
}

// Four standard normal numbers (Box-Muller on the top 24 bits).
fn normal4(bits: vec4u) -> vec4f {
    let unit = vec4f(bits >> vec4u(8u)) / 16777216.0;
    let first = sqrt(max(0.0, -2.0 * logarithm(unit.x + 1.0 / 16777216.0)));
    let second = sqrt(max(0.0, -2.0 * logarithm(unit.z + 1.0 / 16777216.0)));
    return vec4f(first * turned(unit.y), second * turned(unit.w));
}
