//#use math/loss
// Adds the partial sums of the loss in a fixed order. One workgroup.
// Twin: tests/reference/loss.rs.

@group(0) @binding(0) var<uniform> loss: Loss;
// [3][runs][W]
@group(0) @binding(1) var<storage, read> ssim_sums: array<f32>;
@group(0) @binding(2) var<storage, read> l1_sums: array<f32>;
// [ring] mean L1 and mean SSIM of recent steps, by step.
@group(0) @binding(3) var<storage, read_write> history: array<vec4f>;
// [1] entry of the ring to write.
@group(0) @binding(4) var<storage, read> entry: array<u32>;

var<workgroup> partial: array<vec2f, 64>;

@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) lane: u32) {
    let count = 3u * ((loss.height + loss.run_length - 1u) / loss.run_length) * loss.width;
    var sum = vec2f(0.0);
    for (var i = lane; i < count; i += 64u) {
        sum += vec2f(l1_sums[i], ssim_sums[i]);
    }
    partial[lane] = sum;
    for (var half = 32u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if (lane < half) {
            partial[lane] += partial[lane + half];
        }
    }
    if (lane == 0u) {
        history[entry[0]] = vec4f(partial[0] * vec2f(loss.l1_mean, loss.ssim_mean) + vec2f(0.0, loss.ssim_without_terms), 0.0, 0.0);
    }
}
