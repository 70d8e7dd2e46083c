//#use math/grid
//#use math/loss
// Filters the moments along columns, forms SSIM, and leaves its weighted derivatives P, Q, R (docs/algorithms.md D) for
// the way back. One invocation a run; neighbouring invocations take neighbouring columns.
// Twin: tests/reference/loss.rs.

@group(0) @binding(0) var<uniform> loss: Loss;
// [3][H][W] filtered along rows.
@group(0) @binding(1) var<storage, read> moments: array<vec4f>;
// [3][H][W]: P, Q, R times the weight of an SSIM value.
@group(0) @binding(2) var<storage, read_write> derivatives: array<vec4f>;
// [3][runs][W][2]: the second of each two, sums of SSIM.
@group(0) @binding(3) var<storage, read_write> sums: array<f32>;

struct Ssim {
    value: f32,
    // Derivatives by the filtered X, X^2 and XY.
    pqr: vec3f,
}

fn ssim(m: vec4f) -> Ssim {
    let product = m.x * m.y;
    let squares = m.x * m.x + m.y * m.y;
    let a1 = 2.0 * product + SSIM_C1;
    let a2 = 2.0 * (m.w - product) + SSIM_C2;
    let b1 = squares + SSIM_C1;
    let b2 = m.z - squares + SSIM_C2;
    let inverse = 1.0 / (b1 * b2);
    let value = a1 * a2 * inverse;
    // S/A1 and S/A2 without dividing by A1 or A2, which may vanish.
    let p = 2.0 * m.y * (a2 - a1) * inverse + 2.0 * m.x * value * (1.0 / b2 - 1.0 / b1);
    return Ssim(value, vec3f(p, -value / b2, 2.0 * a1 * inverse));
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
    let width = loss.width;
    let height = loss.height;
    let id = flat_group(group) * 64u + lane;
    let run = run_of(id, height, width, loss.run_length);
    if (run.end == 0u) {
        return;
    }
    let x = run.line;
    let channel = run.channel;
    var state: Fir;
    var sum = 0.0;
    for (var i = run.start; i < run.end + 2u * RADIUS; i++) {
        var sample = vec4f(0.0);
        if (i >= RADIUS && i < height + RADIUS) {
            sample = moments[(channel * height + i - RADIUS) * width + x];
        }
        let filtered = fir(&state, sample);
        if (i >= run.start + 2u * RADIUS) {
            let y = i - 2u * RADIUS;
            var out = vec4f(0.0);
            if (window_inside(x, y, loss.width, loss.height)) {
                let s = ssim(filtered);
                sum += s.value;
                out = vec4f(loss.ssim_weight * s.pqr, 0.0);
            }
            derivatives[(channel * height + y) * width + x] = out;
        }
    }
    sums[2u * id + 1u] = sum;
}
