//#use math/loss
// Means of the loss's terms from their sums, into the entry of the step. One invocation.
// Twin: tests/reference/loss.rs.

@group(0) @binding(0) var<uniform> loss: Loss;
// [2] of |X - Y| and of SSIM.
@group(0) @binding(1) var<storage, read> totals: array<f32>;
// [ring] mean L1 and mean SSIM of recent steps, by step.
@group(0) @binding(2) var<storage, read_write> history: array<vec4f>;
// [1] entry of the ring to write.
@group(0) @binding(3) var<storage, read> entry: array<u32>;

@compute @workgroup_size(1)
fn main() {
    let means = vec2f(totals[0], totals[1]) * vec2f(loss.l1_mean, loss.ssim_mean);
    history[entry[0]] = vec4f(means + vec2f(0.0, loss.ssim_without_terms), 0.0, 0.0);
}
