// The mean of the flow's error from its sums, into the entry that loss_sum.wgsl has written for the step. One invocation.
// Twin: tests/gradients/flow.rs (check_statistics).

// [2] error, and pixels that count.
@group(0) @binding(0) var<storage, read> totals: array<f32>;
// [ring] mean L1, mean SSIM, mean end-point error, 1 where there is one; of recent steps, by step.
@group(0) @binding(1) var<storage, read_write> history: array<vec4f>;
// [1] entry of the ring to write.
@group(0) @binding(2) var<storage, read> entry: array<u32>;

@compute @workgroup_size(1)
fn main() {
    if (totals[1] > 0.0) {
        let at = entry[0];
        history[at] = vec4f(history[at].xy, totals[0] / totals[1], 1.0);
    }
}
