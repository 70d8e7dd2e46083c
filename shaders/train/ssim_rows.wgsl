//#use math/grid
//#use math/loss
// Filters the four moments X, Y, X^2 + Y^2 and XY of each channel along rows. One invocation a run; neighbouring
// invocations take neighbouring rows. Twin: tests/reference/loss.rs.

@group(0) @binding(0) var<uniform> loss: Loss;
// [H][W][4]
@group(0) @binding(1) var<storage, read> image: array<f32>;
// [H][W] rgba, 8 bits each.
@group(0) @binding(2) var<storage, read> target_image: array<u32>;
// [3][H][W]
@group(0) @binding(3) var<storage, read_write> moments: array<vec4f>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
    let width = loss.width;
    let height = loss.height;
    let id = flat_group(group) * 64u + lane;
    let run = run_of(id, width, height, loss.run_length);
    if (run.end == 0u) {
        return;
    }
    let y = run.line;
    let channel = run.channel;
    var state: Fir;
    // Positions are shifted by the radius, to stay unsigned.
    for (var i = run.start; i < run.end + 2u * RADIUS; i++) {
        var sample = vec4f(0.0);
        if (i >= RADIUS && i < width + RADIUS) {
            let pixel = y * width + i - RADIUS;
            let wanted = target_sample(target_image[pixel], channel, loss.target_kind, loss.background);
            let a = image[4u * pixel + channel] * wanted.y;
            let b = wanted.x * wanted.y;
            sample = vec4f(a, b, a * a + b * b, a * b);
        }
        let filtered = fir(&state, sample);
        if (i >= run.start + 2u * RADIUS) {
            moments[(channel * height + y) * width + i - 2u * RADIUS] = filtered;
        }
    }
}
