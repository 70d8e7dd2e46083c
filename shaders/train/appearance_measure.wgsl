//#use math/grid
//#use math/loss
//#use layout/appearance
// Sums of rendered and photographed colour over bands of the image, which tell whether photos differ in exposure, and over
// rings about the lens's axis, which tell of vignetting (docs/algorithms.md D). A pixel weighs as much as it is covered in
// both, without what is behind; one that the photo holds clipped weighs nothing. One workgroup a band, then one a ring.
// Twin: tests/reference/appearance.rs.

// From here on a channel of the photo may be clipped.
const CLIPPED: f32 = 0.98;

@group(0) @binding(0) var<uniform> appearance: Appearance;
// [H][W]; w = transmittance left.
@group(0) @binding(1) var<storage, read> image: array<vec4f>;
// [H][W]
@group(0) @binding(2) var<storage, read> target_image: array<u32>;
// [photos][APPEARANCE_BANDS + APPEARANCE_RINGS][2] rendered rgb and weight; rgb of the photo.
@group(0) @binding(3) var<storage, read_write> measured: array<vec4f>;

struct Pair {
    rendered: vec4f,
    photo: vec4f,
}

var<workgroup> partial: array<Pair, 64>;

fn ring_of(index: u32) -> u32 {
    return min(u32(f32(APPEARANCE_RINGS) * vignetting_powers(appearance, index).x), APPEARANCE_RINGS - 1u);
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
    let part = flat_group(group);
    let is_ring = part >= APPEARANCE_BANDS;
    let size = (appearance.pixels + APPEARANCE_BANDS - 1u) / APPEARANCE_BANDS;
    // A ring is looked for in the whole image.
    let start = select(part * size, 0u, is_ring);
    let end = min(select(start + size, appearance.pixels, is_ring), appearance.pixels);
    let premultiplied = appearance.target_kind == TARGET_ALPHA;
    var sum: Pair;
    for (var index = start + lane; index < end; index += 64u) {
        if (is_ring && ring_of(index) != part - APPEARANCE_BANDS) {
            continue;
        }
        let pixel = image[index];
        let texel = unpack4x8unorm(target_image[index]);
        let photo = select(texel.w * texel.xyz, texel.xyz, premultiplied);
        let opacity = 1.0 - pixel.w;
        if (max(max(photo.x, photo.y), photo.z) < CLIPPED * texel.w) {
            sum.rendered += texel.w * vec4f(pixel.xyz - pixel.w * appearance.background.xyz, opacity);
            sum.photo += opacity * vec4f(photo, 0.0);
        }
    }
    partial[lane] = sum;
    for (var half = 32u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if (lane < half) {
            partial[lane].rendered += partial[lane + half].rendered;
            partial[lane].photo += partial[lane + half].photo;
        }
    }
    if (lane == 0u) {
        let at = 2u * ((APPEARANCE_BANDS + APPEARANCE_RINGS) * appearance.photo + part);
        measured[at] = partial[0].rendered;
        measured[at + 1u] = partial[0].photo;
    }
}
