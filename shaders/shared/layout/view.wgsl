// The camera and the frame of one rendering.
struct View {
    // Rows of the world-to-camera transform, (R | t), OpenCV axes.
    row0: vec4f,
    row1: vec4f,
    row2: vec4f,
    // Camera centre in the world; w = near plane.
    centre: vec4f,
    // fx, fy, cx, cy in pixels.
    lens: vec4f,
    // Bounds of the lens; see the files in lens/.
    bounds: vec4f,
    // Coefficients of the lens's distortion, for lenses that have some.
    distortion: vec4f,
    // rgb added behind everything.
    background: vec4f,
    // Image width and height in pixels, tile columns and tile rows.
    size: vec4u,
    // Number of Gaussians; active degree of the spherical harmonics; 1 = compensate opacity for the low-pass filter.
    gaussians: u32,
    sh_degree: u32,
    antialiased: u32,
    // Time within the clip, 0 to 1.
    time: f32,
    // Value of LENS; which kernels run is chosen by it.
    lens_model: u32,
    // Coefficients of the spherical harmonics that the model stores beyond the constant one: 0, 3, 8 or 15.
    sh_rest: u32,
    unused0: u32,
    unused1: u32,
}

// Side of a square tile, in pixels.
const TILE: u32 = 16u;
// A contribution below one level of 8 bits is skipped.
const ALPHA_LEVELS: f32 = 255.0;
const ALPHA_MIN: f32 = 1.0 / ALPHA_LEVELS;
const ALPHA_MAX: f32 = 0.99;
// A Gaussian contributes while the transmittance in front of it is at least this.
const TRANSMITTANCE_MIN: f32 = 1e-4;

fn is_finite(value: f32) -> bool {
    // By bits: a compiler may assume that no NaN exists.
    return (bitcast<u32>(value) & 0x7f800000u) != 0x7f800000u;
}
