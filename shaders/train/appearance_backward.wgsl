//#use math/grid
//#use math/loss
//#use layout/appearance
// Adjoint of appearance.wgsl: from the gradient of the image as shown to that of the rendered image, and this workgroup's
// share of the sums that the transform's gradient is made of. A channel that is clipped keeps the gradient that would
// bring it back. One workgroup for APPEARANCE_PIXELS pixels. Twin: tests/reference/appearance.rs.

@group(0) @binding(0) var<uniform> appearance: Appearance;
// [photos][APPEARANCE_ROWS], then [lenses]
@group(0) @binding(1) var<storage, read> values: array<vec4f>;
// [H][W]; w = transmittance left.
@group(0) @binding(2) var<storage, read> image: array<vec4f>;
// [H][W]: gradient of rgb, and of alpha.
@group(0) @binding(3) var<storage, read> shown_gradient: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> image_gradient: array<vec4f>;
// [workgroups][APPEARANCE_SUMS] gradient of the rows of (M | b), and of k.
@group(0) @binding(5) var<storage, read_write> sums: array<vec4f>;

var<workgroup> partial: array<Rows, 64>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
    let flat = flat_group(group);
    let first = APPEARANCE_ROWS * appearance.photo;
    let t = affine_of(values[first], values[first + 1u], values[first + 2u]);
    let cut_out = appearance.target_kind == TARGET_ALPHA;
    let background = appearance.background.xyz;
    let end = min((flat + 1u) * APPEARANCE_PIXELS, appearance.pixels);
    var sum: Rows;
    for (var index = flat * APPEARANCE_PIXELS + lane; index < end; index += 64u) {
        var parts = parts_of(image[index], background, cut_out);
        // What another share of the background would change, for a photo with opacity.
        var instead = parts_of(vec4f(background, 0.0), background, false);
        var powers = vec4f(0.0);
        var gain = 1.0;
        if (appearance.lens != 0u) {
            powers = vignetting_powers(appearance, index);
            gain = exp(dot(values[appearance.lens], powers));
            parts.inner *= gain;
            instead.inner *= gain;
        }
        let raw = appear(t, parts);
        let gradient = shown_gradient[index];
        let above = (raw > vec3f(1.0)) & (gradient.xyz < vec3f(0.0));
        let below = (raw < vec3f(0.0)) & (gradient.xyz > vec3f(0.0));
        let g = select(gradient.xyz, vec3f(0.0), above | below);
        let back = g.x * t.row0 + g.y * t.row1 + g.z * t.row2;
        let through = appear(t, instead) - background;
        image_gradient[index] = vec4f(gain * back, gradient.w + select(0.0, dot(g, through), cut_out));
        let column = vec4f(parts.inner, parts.cover);
        sum.a += g.x * column;
        sum.b += g.y * column;
        sum.c += g.z * column;
        sum.lens += dot(back, parts.inner) * powers;
    }
    partial[lane] = sum;
    for (var half = 32u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if (lane < half) {
            partial[lane].a += partial[lane + half].a;
            partial[lane].b += partial[lane + half].b;
            partial[lane].c += partial[lane + half].c;
            partial[lane].lens += partial[lane + half].lens;
        }
    }
    if (lane == 0u && flat * APPEARANCE_PIXELS < appearance.pixels) {
        sums[APPEARANCE_SUMS * flat] = partial[0].a;
        sums[APPEARANCE_SUMS * flat + 1u] = partial[0].b;
        sums[APPEARANCE_SUMS * flat + 2u] = partial[0].c;
        sums[APPEARANCE_SUMS * flat + 3u] = partial[0].lens;
    }
}
