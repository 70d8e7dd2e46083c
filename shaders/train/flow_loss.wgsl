//#use math/grid
//#use layout/flow
//#use layout/flow_image
// Loss of the rendered flow and its gradient: sqrt(|F - F*|^2 + eps^2) of every pixel that counts, where the flow F is the
// composited sum divided by the image's opacity. With ALL the opacity's part of the gradient is added to that of the
// image. One invocation a run of pixels down a column. Twin: tests/reference/flow.rs.

@group(0) @binding(0) var<uniform> flow: Flow;
// [H][W]; w = transmittance left; then the flow's pixels, on return with their gradient.
@group(0) @binding(1) var<storage, read_write> image: array<vec4f>;
// [H][W][2] the flow that it should be.
@group(0) @binding(2) var<storage, read> flow_target: array<f32>;
// [H][W] gradient of the image; w = that of its opacity.
@group(0) @binding(3) var<storage, read_write> image_gradient: array<vec4f>;
// [runs][W][2]: sum of end-point errors, number of pixels.
@group(0) @binding(4) var<storage, read_write> sums: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
    let id = flat_group(group) * 64u + lane;
    let start = id / flow.size.x * flow.size.z;
    if (start >= flow.size.y) {
        return;
    }
    var sum = vec2f(0.0);
    for (var row = start; row < min(start + flow.size.z, flow.size.y); row++) {
        let pixel = row * flow.size.x + id % flow.size.x;
        let alpha = 1.0 - image[pixel].w;
        let at = flow_pixel_index(pixel, flow.size.xy);
        let wanted = vec2f(flow_target[2u * pixel], flow_target[2u * pixel + 1u]);
        var gradient = vec2f(0.0);
        if (alpha >= FLOW_OPACITY && abs(wanted.x) < FLOW_UNKNOWN) {
            let found = image[at].xy / alpha;
            let miss = found - wanted;
            let squared = dot(miss, miss);
            // Where the error is zero there is no direction to go.
            gradient = flow.weights.x * miss * inverseSqrt(max(squared + flow.weights.y, 1e-20)) / alpha;
            if (ALL != 0u) {
                image_gradient[pixel].w -= dot(gradient, found);
            }
            sum += vec2f(sqrt(squared), 1.0);
        }
        image[at] = vec4f(image[at].xy, gradient);
    }
    sums[2u * id] = sum.x;
    sums[2u * id + 1u] = sum.y;
}
