//#use math/grid
//#use layout/view
// Gradient of the background: each pixel's share, to be summed by reduce_rows.wgsl (docs/algorithms.md B.3). One
// invocation a pixel. Twin: tests/reference/rasterize.rs.

@group(0) @binding(0) var<uniform> view: View;
// [H][W]; w = transmittance left.
@group(0) @binding(1) var<storage, read> image: array<vec4f>;
// [H][W]
@group(0) @binding(2) var<storage, read> image_gradient: array<vec4f>;
// [H][W][3]
@group(0) @binding(3) var<storage, read_write> shares: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
    let pixel = flat_group(group) * 64u + lane;
    if (pixel >= view.size.x * view.size.y) {
        return;
    }
    let share = image[pixel].w * image_gradient[pixel].xyz;
    for (var i = 0u; i < 3u; i++) {
        shares[3u * pixel + i] = share[i];
    }
}
