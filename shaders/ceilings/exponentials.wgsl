// Takes exponentials, to measure their rate. An invocation takes ROUNDS times four.
// No twin: its numbers mean nothing, and only its time matters.
//#use math/grid
@group(0) @binding(0) var<storage, read_write> out: array<f32>;  // [n]

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
    let index = flat_group(group) * 256u + thread;
    if index >= arrayLength(&out) {
        return;
    }
    var a = vec4f(out[index], 0.1, 0.2, 0.3);
    for (var round = 0u; round < ROUNDS; round++) {
        a = exp(-a);
    }
    out[index] = a.x + a.y + a.z + a.w;
}
