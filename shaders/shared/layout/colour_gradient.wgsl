// What update.wgsl leaves of a Gaussian's colour for update_sh.wgsl in the buffer `colour_gradients`, [N/4][6][4] f32: the
// unit direction from the camera, then the gradient of the colour, four Gaussians side by side.

// Where number `i` (0 to 5) of a Gaussian lies.
fn colour_gradient_index(gaussian: u32, i: u32) -> u32 {
    return ((gaussian >> 2u) * 6u + i) * 4u + (gaussian & 3u);
}

// The same of four Gaussians, where the buffer is one of vec4.
fn colour_gradient_block(block: u32, i: u32) -> u32 {
    return 6u * block + i;
}
