//#use math/grid
//#use layout/view
//#use math/adam
//#use layout/status
// Adam's step on a plain vector of parameters, which are trained besides the Gaussians. One invocation a block of four.
// Twin: tests/reference/adam.rs.

struct Vector {
    // Vectors of four parameters.
    blocks: u32,
    // Learning rate.
    lr: f32,
    unused0: u32,
    unused1: u32,
}

@group(0) @binding(0) var<uniform> step: Step;
@group(0) @binding(1) var<uniform> vector: Vector;
// [blocks] each.
@group(0) @binding(2) var<storage, read> gradient: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> values: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> moment1: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> moment2: array<vec4f>;
@group(0) @binding(6) var<storage, read_write> status: array<FrameStatus>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
    let index = flat_group(group) * 64u + lane;
    if (index >= vector.blocks || status[0].overflowed != 0u) {
        return;
    }
    if (!is_finite(dot(gradient[index], vec4f(1.0)))) {
        atomicAdd(&status[0].non_finite, 1u);
        return;
    }
    let moved = adam(moment1[index], moment2[index], gradient[index], step);
    moment1[index] = moved.m;
    moment2[index] = moved.v;
    values[index] -= vector.lr * moved.direction;
}
