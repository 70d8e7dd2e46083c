// Spherical harmonics of a band, [N/4][3 (2 band + 1)][4] f32: four Gaussians side by side, coefficient-major with rgb
// innermost. The moments lie as the values do.

// Where the first float of a Gaussian lies, of `stride` in the band; the others follow every fourth place.
fn sh_index(gaussian: u32, stride: u32) -> u32 {
    return (gaussian >> 2u) * stride * 4u + (gaussian & 3u);
}

// Where a channel of coefficient `k` of four Gaussians lies, of `coefficients` in the band, where the buffer is one of vec4.
fn sh_block_index(block: u32, coefficients: u32, k: u32, channel: u32) -> u32 {
    return (block * coefficients + k) * 3u + channel;
}
