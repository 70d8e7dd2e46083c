// The part of update.wgsl that steps a Gaussian's colour, in full precision: Adam on the constant band, which is the fourth
// vector of its row; update_sh.wgsl steps the other bands. splat/colour_step_packed.wgsl has the same function.
fn step_colour(
    index: u32,
    direction: vec3f,
    colour: vec3f,
    value: ptr<function, array<vec4f, 4>>,
    second: ptr<function, array<vec4f, 4>>,
) {
    splats[index] = colour_gradient_row(direction, colour);
}
