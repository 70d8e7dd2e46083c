//#use splat/projection
//#use splat/colour
//#use layout/splat
//#use layout/slot_sum
// Gradient of a Gaussian from the slots of its (Gaussian, tile) pairs: their sum in a fixed order, then the adjoints of
// projection and colour (docs/algorithms.md B.4 to B.9). Uses the buffers splats and
// slot_gradients.

struct GaussianGradient {
    projected: ProjectionGradient,
    // Unit direction from the camera, and the gradient of the colour; where that was clamped, only what raises it again.
    direction: vec3f,
    colour: vec3f,
    // Gradient of mean - camera centre through the colour's direction.
    offset: vec3f,
}

fn gaussian_gradient(index: u32, g: Gaussian) -> GaussianGradient {
    var out: GaussianGradient;
    let delta = g.mean - view.centre.xyz;
    let inverse = inverseSqrt(max(dot(delta, delta), 1e-30));
    out.direction = delta * inverse;
    let row = splats[index];
    if (row.slot_count == 0u) {
        return out;
    }
    let sums = sum_slots(row.first_slot, row.slot_count);
    out.projected = project_gaussian_backward(g, project_gaussian(g), sums.s0, sums.s1, sums.s2);
    // The clamp at zero passes what would raise the colour, which otherwise stayed black for good.
    out.colour = select(vec3f(0.0), sums.rgb, (unpack_splat(row).features > vec3f(0.0)) | (sums.rgb < vec3f(0.0)));
    let g_d = sh_colour_backward(index, out.direction, view.sh_degree, out.colour);
    out.offset = (g_d - out.direction * dot(out.direction, g_d)) * inverse;
    return out;
}
