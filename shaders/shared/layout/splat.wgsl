// A splat: a Gaussian projected into the view, as the rasterizer reads it, and its slots. 64 bytes in the buffers `splats`.

struct SplatRow {
    // Mean in pixels; conic a, b.
    mean_conic: vec4f,
    // Conic c, opacity, cutoff, decay.
    conic_opacity: vec4f,
    // Features, determinant of the conic.
    features: vec4f,
    // First slot, once pairs are emitted, and number of slots: tiles that it meets, 0 for a Gaussian that is not seen.
    first_slot: u32,
    slot_count: u32,
    unused0: u32,
    unused1: u32,
}

struct Splat {
    // In pixels.
    mean: vec2f,
    // Inverse (a, b, c) of the blurred 2-D covariance, and its determinant.
    conic: vec3f,
    determinant: f32,
    opacity: f32,
    // Sigma beyond which alpha is below ALPHA_MIN.
    cutoff: f32,
    // exp(-c / 2), for the recurrence down a column.
    decay: f32,
    // What is composited.
    features: vec3f,
}

fn unpack_splat(row: SplatRow) -> Splat {
    return Splat(
        row.mean_conic.xy,
        vec3f(row.mean_conic.zw, row.conic_opacity.x),
        row.features.w,
        row.conic_opacity.y,
        row.conic_opacity.z,
        row.conic_opacity.w,
        row.features.xyz,
    );
}

// The row of a splat that meets `tiles` tiles.
fn pack_splat(s: Splat, tiles: u32) -> SplatRow {
    return SplatRow(
        vec4f(s.mean, s.conic.xy),
        vec4f(s.conic.z, s.opacity, s.cutoff, s.decay),
        vec4f(s.features, s.determinant),
        0u,
        tiles,
        0u,
        0u,
    );
}
