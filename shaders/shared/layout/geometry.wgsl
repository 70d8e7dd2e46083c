//#use splat/gaussian
// The geometry of a Gaussian and its constant colour, 64 bytes in the buffers `geometry`.

struct GeometryRow {
    mean_logit: vec4f,
    // w, x, y, z; not of unit length.
    quaternion: vec4f,
    // w unused.
    log_scale: vec4f,
    // Constant band of the spherical harmonics, rgb; w unused.
    colour: vec4f,
}

// The Gaussian of a row, which is at `mean` at the view's time, turned to `quaternion`, and shows a share `visibility` of its
// opacity.
fn gaussian_of(row: GeometryRow, mean: vec3f, quaternion: vec4f, visibility: f32) -> Gaussian {
    return Gaussian(mean, row.mean_logit.w, quaternion, row.log_scale.xyz, visibility);
}

fn unpack_geometry(row: GeometryRow) -> array<vec4f, 4> {
    return array<vec4f, 4>(row.mean_logit, row.quaternion, row.log_scale, row.colour);
}

fn pack_geometry(vectors: array<vec4f, 4>) -> GeometryRow {
    return GeometryRow(vectors[0], vectors[1], vectors[2], vectors[3]);
}
