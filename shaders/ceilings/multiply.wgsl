// Multiplies and adds, to measure the rate of arithmetic. An invocation does ROUNDS times eight chains of vectors.
// No twin: its numbers mean nothing, and only its time matters.
//#use math/grid
@group(0) @binding(0) var<storage, read_write> out: array<f32>;  // [n]

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
    let index = flat_group(group) * 256u + thread;
    if index >= arrayLength(&out) {
        return;
    }
    let start = out[index];
    var a = vec4f(start, start + 1.0, start + 2.0, start + 3.0);
    var b = a + 4.0;
    let factor = vec4f(0.999, 0.998, 0.997, 0.996);
    for (var round = 0u; round < ROUNDS; round++) {
        a = fma(a, factor, b);
        b = fma(b, factor, a);
        a = fma(a, factor, b);
        b = fma(b, factor, a);
    }
    let sum = a + b;
    out[index] = sum.x + sum.y + sum.z + sum.w;
}
