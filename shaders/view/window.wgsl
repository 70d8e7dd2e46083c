// The window's draw of the pixels that present.wgsl made: one triangle over the picture's rectangle, whose fragments each
// read a pixel. Nothing is filtered or blended, so the screen has the bytes of the buffer. Drawn by src/view/canvas.rs.

// The first fields of `Presentation` in present.wgsl.
struct Size {
    width: u32,
    height: u32,
    // Pixels from one row to the next.
    stride: u32,
    mode: u32,
}

@group(0) @binding(0) var<uniform> size: Size;
// [H][stride] r, g, b, 255 from the low byte up.
@group(0) @binding(1) var<storage, read> pixels: array<u32>;

struct Corner {
    @builtin(position) position: vec4f,
    // In the picture's pixels, from its upper left.
    @location(0) @interpolate(linear) at: vec2f,
    @location(1) @interpolate(flat) stride: u32,
}

@vertex
fn corner(@builtin(vertex_index) index: u32) -> Corner {
    let at = vec2f(f32(2u * (index & 1u)), f32(index & 2u));
    let position = vec4f(2.0 * at.x - 1.0, 1.0 - 2.0 * at.y, 0.0, 1.0);
    return Corner(position, at * vec2f(f32(size.width), f32(size.height)), size.stride);
}

fn shown(in: Corner) -> vec4f {
    return unpack4x8unorm(pixels[u32(in.at.y) * in.stride + u32(in.at.x)]);
}

@fragment
fn display_referred(in: Corner) -> @location(0) vec4f {
    return shown(in);
}

// For surfaces that take linear light, of which they make sRGB.
@fragment
fn linear_light(in: Corner) -> @location(0) vec4f {
    let encoded = shown(in);
    let high = pow((encoded.rgb + 0.055) / 1.055, vec3f(2.4));
    return vec4f(select(high, encoded.rgb / 12.92, encoded.rgb <= vec3f(0.04045)), 1.0);
}
