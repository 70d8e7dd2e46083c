//#use math/grid
//#use math/loss
// Filters P, Q and R along rows: the adjoint of the symmetric filter is the filter itself. Work as in ssim_rows.wgsl.
// Twin: tests/reference/loss.rs.

@group(0) @binding(0) var<uniform> loss: Loss;
// [3][H][W]
@group(0) @binding(1) var<storage, read> derivatives: array<vec4f>;
// [3][H][W]
@group(0) @binding(2) var<storage, read_write> filtered_rows: array<vec4f>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
    let width = loss.width;
    let height = loss.height;
    let id = flat_group(group) * 64u + lane;
    let run = run_of(id, width, height, loss.run_length);
    if (run.end == 0u) {
        return;
    }
    let row = (run.channel * height + run.line) * width;
    var state: Fir;
    for (var i = run.start; i < run.end + 2u * RADIUS; i++) {
        var sample = vec4f(0.0);
        if (i >= RADIUS && i < width + RADIUS) {
            sample = derivatives[row + i - RADIUS];
        }
        let filtered = fir(&state, sample);
        if (i >= run.start + 2u * RADIUS) {
            filtered_rows[row + i - 2u * RADIUS] = filtered;
        }
    }
}
