// The flow's pixels: a second plane of the buffer `image`, behind the colours, [H][W] vec4: xy = sum of w f, the flow not yet
// divided by the image's opacity; zw = its gradient.

// Where a pixel's flow lies, in an image of width and height `size`.
fn flow_pixel_index(pixel: u32, size: vec2u) -> u32 {
    return size.x * size.y + pixel;
}
