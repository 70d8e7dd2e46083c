//#use math/grid
// An image as 8-bit pixels, in rows that a copy to a texture takes: colours clamped and rounded as files have them,
// numbers through a ramp. One invocation a pixel.
// Twin: tests/reference/display.rs (pixel).

struct Presentation {
    width: u32,
    height: u32,
    // Pixels from one row to the next.
    stride: u32,
    // 0 = colour, 1 = depth, 2 = normal, 3 = opacity, 4 = a count, 5 = velocity, 6 = flow.
    mode: u32,
    // Values at the two ends of the ramp.
    low: f32,
    high: f32,
    // The scene's own units in one of the image.
    unit: f32,
    unused: f32,
}

@group(0) @binding(0) var<uniform> presentation: Presentation;
// [H][W] composited features; w = transmittance left.
@group(0) @binding(1) var<storage, read> image: array<vec4f>;
// [H][stride] r, g, b, 255 from the low byte up.
@group(0) @binding(2) var<storage, read_write> pixels: array<u32>;

// The anchors of `VIRIDIS` (1, 2, 5) and of `INFERNO` (4) in src/image/colormap.rs.
fn anchor(index: u32) -> vec3f {
    if (presentation.mode == 4u) {
        var inferno = array(vec3f(0, 0, 4), vec3f(87, 16, 110), vec3f(188, 55, 84), vec3f(249, 142, 9), vec3f(252, 255, 164));
        return inferno[index] / 255.0;
    }
    var viridis = array(vec3f(68, 1, 84), vec3f(59, 82, 139), vec3f(33, 145, 140), vec3f(94, 201, 98), vec3f(253, 231, 37));
    return viridis[index] / 255.0;
}

fn ramp(value: f32) -> vec3f {
    let span = max(presentation.high - presentation.low, 1.1754944e-38);
    let position = clamp((value - presentation.low) / span, 0.0, 1.0) * 4.0;
    let low = min(u32(position), 3u);
    return mix(anchor(low), anchor(low + 1u), position - f32(low));
}

// `flow_colour` of src/image/colormap.rs: a displacement's hue, white at 0, saturated at length 1, darker beyond.
fn wheel_colour(index: u32) -> vec3f {
    if (index < 15u) {
        return vec3f(1.0, f32(index) / 15.0, 0.0);
    } else if (index < 21u) {
        return vec3f(1.0 - f32(index - 15u) / 6.0, 1.0, 0.0);
    } else if (index < 25u) {
        return vec3f(0.0, 1.0, f32(index - 21u) / 4.0);
    } else if (index < 36u) {
        return vec3f(0.0, 1.0 - f32(index - 25u) / 11.0, 1.0);
    } else if (index < 49u) {
        return vec3f(f32(index - 36u) / 13.0, 0.0, 1.0);
    }
    return vec3f(1.0, 0.0, 1.0 - f32(index - 49u) / 6.0);
}

fn wheel(flow: vec2f) -> vec3f {
    let size = length(flow);
    // atan2 of nothing is undefined.
    if (!(size > 0.0)) {
        return vec3f(1.0);
    }
    let turn = (atan2(-flow.y, -flow.x) / 3.14159265 + 1.0) * 27.0;
    let low = min(u32(turn), 54u);
    let hue = mix(wheel_colour(low), wheel_colour((low + 1u) % 55u), turn - f32(low));
    return select(0.75 * hue, vec3f(1.0) - size * (vec3f(1.0) - hue), size <= 1.0);
}

fn colour(pixel: vec4f) -> vec3f {
    let alpha = 1.0 - pixel.w;
    switch (presentation.mode) {
        case 1u: {
            // Nothing there stays black.
            if (alpha <= 0.0) {
                return vec3f(0.0);
            }
            return ramp(pixel.x / alpha * presentation.unit);
        }
        case 2u: {
            let size = length(pixel.xyz);
            return select(vec3f(0.0), pixel.xyz / size, size > 0.0) * 0.5 + 0.5;
        }
        case 3u: {
            return vec3f(alpha);
        }
        case 4u: {
            return ramp(pixel.x);
        }
        case 5u: {
            if (alpha <= 0.0) {
                return vec3f(0.5);
            }
            return pixel.xyz / alpha * (presentation.unit * 0.5 / presentation.high) + 0.5;
        }
        case 6u: {
            // Over white, as what stands still.
            return mix(vec3f(1.0), wheel(pixel.xy / max(alpha, 1e-6) / presentation.high), alpha);
        }
        default: {
            return pixel.xyz;
        }
    }
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
    let index = flat_group(group) * 64u + lane;
    if (index >= presentation.width * presentation.height) {
        return;
    }
    let bytes = vec3u(clamp(colour(image[index]), vec3f(0.0), vec3f(1.0)) * 255.0 + 0.5);
    let row = index / presentation.width;
    pixels[row * presentation.stride + index % presentation.width] =
        bytes.x | (bytes.y << 8u) | (bytes.z << 16u) | 0xff000000u;
}
