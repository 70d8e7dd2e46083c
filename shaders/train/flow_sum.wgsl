//#use layout/flow
// Adds the partial sums of the flow's error in a fixed order, into the entry that loss_sum.wgsl has written for the step.
// One workgroup.
// Twin: tests/gradients/flow.rs (check_statistics).

@group(0) @binding(0) var<uniform> flow: Flow;
// [runs][W][2]
@group(0) @binding(1) var<storage, read> sums: array<f32>;
// [ring] mean L1, mean SSIM, mean end-point error, 1 where there is one; of recent steps, by step.
@group(0) @binding(2) var<storage, read_write> history: array<vec4f>;
// [1] entry of the ring to write.
@group(0) @binding(3) var<storage, read> entry: array<u32>;

var<workgroup> partial: array<vec2f, 64>;

@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) lane: u32) {
    let count = (flow.size.y + flow.size.z - 1u) / flow.size.z * flow.size.x;
    var sum = vec2f(0.0);
    for (var i = lane; i < count; i += 64u) {
        sum += vec2f(sums[2u * i], sums[2u * i + 1u]);
    }
    partial[lane] = sum;
    for (var half = 32u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if (lane < half) {
            partial[lane] += partial[lane + half];
        }
    }
    if (lane == 0u && partial[0].y > 0.0) {
        let at = entry[0];
        history[at] = vec4f(history[at].xy, partial[0].x / partial[0].y, 1.0);
    }
}
