// The appearance of photos: an affine transform of display colours for each, and the vignetting of each lens. A rendered
// colour x appears as M V (x + PIVOT) - PIVOT + b, clipped to what a photo can hold. A factor on the light is a factor on
// x + PIVOT, since the curve of sRGB is a power of that but for its darkest part; so exposure and white balance are the
// diagonal of M. V = exp(k . (q, q^2, q^3)), where q is the squared distance from the lens's axis, 1 at the farthest corner.

const PIVOT: f32 = 0.055;
// Pixels of one workgroup of appearance_backward.wgsl, and bands of the image that appearance_measure.wgsl sums up.
const APPEARANCE_PIXELS: u32 = 1024u;
const APPEARANCE_BANDS: u32 = 16u;
// Rings of equal area about the lens's axis that appearance_measure.wgsl sums up as well.
const APPEARANCE_RINGS: u32 = 8u;
// Vectors of a photo: the rows of M with b as the fourth column; the diagonal of M as logarithms.
const APPEARANCE_ROWS: u32 = 3u;
// Rows of gradients that a workgroup of appearance_backward.wgsl leaves: those of (M | b), and that of k.
const APPEARANCE_SUMS: u32 = 4u;

struct Appearance {
    // Photo of the step, and number of photos.
    photo: u32,
    photos: u32,
    // Pixels of the image.
    pixels: u32,
    // What the target's fourth channel means: one of TARGET_*.
    target_kind: u32,
    // rgb behind the scene, which is no part of a photo with opacity and does not change with it.
    background: vec4f,
    // Learning rate, and bias corrections of Adam's moments by how often the photo was seen.
    lr: f32,
    correction1: f32,
    correction2: f32,
    // Pixels of a row.
    width: u32,
    // The same of vignetting, by the steps since it is trained.
    lens_lr: f32,
    lens_correction1: f32,
    lens_correction2: f32,
    // Row of the lens's vignetting in the values, or 0 without one.
    lens: u32,
    // Where the lens's axis meets the image, pixels, and one over the squared distance of the farthest corner.
    axis_x: f32,
    axis_y: f32,
    reach: f32,
    unused0: f32,
}

struct Affine {
    row0: vec3f,
    row1: vec3f,
    row2: vec3f,
    // b - PIVOT
    offset: vec3f,
}

// The transform of three rows of parameters.
fn affine_of(a: vec4f, b: vec4f, c: vec4f) -> Affine {
    return Affine(
        vec3f(exp(a.x), a.y, a.z),
        vec3f(b.x, exp(b.y), b.z),
        vec3f(c.x, c.y, exp(c.z)),
        vec3f(a.w, b.w, c.w) - PIVOT,
    );
}

// A rendered pixel taken apart: what of it is transformed, plus PIVOT, the share of the pixel that this is, and the rest.
struct Parts {
    inner: vec3f,
    cover: f32,
    behind: vec3f,
}

fn parts_of(pixel: vec4f, background: vec3f, cut_out: bool) -> Parts {
    let left = select(0.0, pixel.w, cut_out);
    let behind = left * background;
    return Parts(pixel.xyz - behind + (1.0 - left) * PIVOT, 1.0 - left, behind);
}

// (q, q^2, q^3, 0) of a pixel.
fn vignetting_powers(appearance: Appearance, index: u32) -> vec4f {
    let at = vec2f(f32(index % appearance.width), f32(index / appearance.width)) + 0.5 - vec2f(appearance.axis_x, appearance.axis_y);
    let q = appearance.reach * dot(at, at);
    return vec4f(q, q * q, q * q * q, 0.0);
}

// How a pixel appears, before it is clipped.
fn appear(t: Affine, parts: Parts) -> vec3f {
    let turned = vec3f(dot(t.row0, parts.inner), dot(t.row1, parts.inner), dot(t.row2, parts.inner));
    return turned + parts.cover * t.offset + parts.behind;
}

// The gradient of the rows of (M | b), and of k.
struct Rows {
    a: vec4f,
    b: vec4f,
    c: vec4f,
    lens: vec4f,
}
