//#use math/grid
//#use math/loss
//#use layout/appearance
// The rendered image as the photo of the step would show it (docs/algorithms.md D). One invocation a pixel.
// Twin: tests/reference/appearance.rs.

@group(0) @binding(0) var<uniform> appearance: Appearance;
// [photos][APPEARANCE_ROWS], then [lenses]
@group(0) @binding(1) var<storage, read> values: array<vec4f>;
// [H][W]; w = transmittance left.
@group(0) @binding(2) var<storage, read> image: array<vec4f>;
// [H][W]; w as in the image.
@group(0) @binding(3) var<storage, read_write> shown: array<vec4f>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
    let index = flat_group(group) * 64u + lane;
    if (index >= appearance.pixels) {
        return;
    }
    let first = APPEARANCE_ROWS * appearance.photo;
    let t = affine_of(values[first], values[first + 1u], values[first + 2u]);
    let pixel = image[index];
    var parts = parts_of(pixel, appearance.background.xyz, appearance.target_kind == TARGET_ALPHA);
    if (appearance.lens != 0u) {
        parts.inner *= exp(dot(values[appearance.lens], vignetting_powers(appearance, index)));
    }
    shown[index] = vec4f(clamp(appear(t, parts), vec3f(0.0), vec3f(1.0)), pixel.w);
}
