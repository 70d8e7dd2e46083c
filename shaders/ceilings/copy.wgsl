// Copies a buffer, to measure the bandwidth of memory. An invocation copies one vector.
// No twin: it computes nothing, and only its time matters.
//#use math/grid
@group(0) @binding(0) var<storage, read> original: array<vec4f>;      // [n]
@group(0) @binding(1) var<storage, read_write> copied: array<vec4f>;  // [n]

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
    let index = flat_group(group) * 256u + thread;
    if index < arrayLength(&copied) {
        copied[index] = original[index];
    }
}
