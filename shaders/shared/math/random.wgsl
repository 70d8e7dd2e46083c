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

// Four standard normal numbers (Box-Muller on the top 24 bits).
fn normal4(bits: vec4u) -> vec4f {
    let unit = vec4f(bits >> vec4u(8u)) / 16777216.0;
    let radius = sqrt(-2.0 * log(unit.xz + 1.0 / 16777216.0));
    let angle = 6.283185307179586 * unit.yw;
    return vec4f(radius.x * cos(angle.x), radius.x * sin(angle.x), radius.y * cos(angle.y), radius.y * sin(angle.y));
}
