//#use math/grid
//#use layout/view
//#use layout/flow_image
// Puts the composited flow in the image's place, for presentation. One invocation a pixel.
// Twin: tests/stages/display.rs (flow_takes_the_place_of_the_image).

@group(0) @binding(0) var<uniform> view: View;
// [H][W] becomes (flow sums, 0, transmittance left); then the flow's pixels.
@group(0) @binding(1) var<storage, read_write> image: array<vec4f>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
    let index = flat_group(group) * 64u + lane;
    if (index >= view.size.x * view.size.y) {
        return;
    }
    image[index] = vec4f(image[flow_pixel_index(index, view.size.xy)].xy, 0.0, image[index].w);
}
