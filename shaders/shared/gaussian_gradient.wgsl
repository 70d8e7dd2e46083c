//#use projection
//#use colour
// Gradient of a Gaussian from the slots of its (Gaussian, tile) pairs: their sum in a fixed order, then the adjoints of
// projection and colour (ALGORITHMS B.4 to B.9). Uses the buffers tile_counts, slot_bases, slot_gradients and records.
const SLOT: u32 = 9u;

struct GaussianGradient {
    projected: ProjectionGradient,
    // Unit direction from the camera, and the gradient of the colour, zero where it was clamped.
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
    let count = tile_counts[index];
    if (count == 0u) {
        return out;
    }
    var s0 = 0.0;
    var s1 = vec2f(0.0);
    var s2 = vec3f(0.0);
    var rgb = vec3f(0.0);
    let base = slot_bases[index] * SLOT;
    for (var at = base; at < base + count * SLOT; at += SLOT) {
        s0 += slot_gradients[at];
        s1 += vec2f(slot_gradients[at + 1u], slot_gradients[at + 2u]);
        s2 += vec3f(slot_gradients[at + 3u], slot_gradients[at + 4u], slot_gradients[at + 5u]);
        rgb += vec3f(slot_gradients[at + 6u], slot_gradients[at + 7u], slot_gradients[at + 8u]);
    }
    out.projected = project_gaussian_backward(g, project_gaussian(g), s0, s1, s2);
    // The clamp at zero passes no gradient.
    out.colour = select(vec3f(0.0), rgb, records[3u * index + 2u].xyz > vec3f(0.0));
    let g_d = sh_colour_backward(index, out.direction, view.sh_degree, out.colour);
    out.offset = (g_d - out.direction * dot(out.direction, g_d)) * inverse;
    return out;
}
