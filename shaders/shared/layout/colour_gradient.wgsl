//#use layout/splat
// What update.wgsl leaves of a Gaussian's colour for update_sh.wgsl, in place of its splat, which nobody needs any more:
// the unit direction from the camera, and the gradient of the colour.
fn colour_gradient_row(direction: vec3f, colour: vec3f) -> SplatRow {
    return SplatRow(vec4f(direction, 0.0), vec4f(0.0), vec4f(colour, 0.0), 0u, 0u, 0u, 0u);
}

fn gradient_direction(row: SplatRow) -> vec3f {
    return row.mean_conic.xyz;
}

fn gradient_colour(row: SplatRow) -> vec3f {
    return row.features.xyz;
}
