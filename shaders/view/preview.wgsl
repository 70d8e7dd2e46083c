//#use math/grid
//#use layout/geometry
//#use layout/selection
// A model as the viewer shows it for a while: splats of another size, only their centres or their solid bodies, what is
// outside the crop box or deleted left out, what is selected coloured. One invocation a Gaussian.
// Twin: tests/reference/display.rs (shown).

struct PreviewUniforms {
    // The crop box, in the model's frame; nothing is cropped where low.w is 0.
    low: vec4f,
    high: vec4f,
    // Camera centre, in the model's frame; w = standard deviation of a centre's dot at distance 1.
    centre: vec4f,
    // Colour of the selection as a constant band.
    tint: vec4f,
    gaussians: u32,
    // 0 = as they are, 1 = centres, 2 = solid.
    form: u32,
    // Added to the log-scales.
    growth: f32,
    // 1 = what is outside the crop box is faint rather than gone.
    dim_outside: u32,
}

// Logits: nothing that is drawn, faint, and as opaque as can be.
const GONE: f32 = -30.0;
const FAINT: f32 = -4.0;
const FULL: f32 = 9.0;

@group(0) @binding(0) var<uniform> preview: PreviewUniforms;
// [N]
@group(0) @binding(1) var<storage, read> state: array<u32>;
// [N]
@group(0) @binding(2) var<storage, read> geometry: array<GeometryRow>;
@group(0) @binding(3) var<storage, read_write> shown_geometry: array<GeometryRow>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
    let gaussian = flat_group(group) * 64u + lane;
    if (gaussian >= preview.gaussians) {
        return;
    }
    let row = geometry[gaussian];
    var place = row.mean_logit;
    var shape = row.log_scale;
    let flags = state[gaussian];
    shape += vec4f(vec3f(preview.growth), 0.0);
    if (preview.form == 1u) {
        shape = vec4f(vec3f(log(preview.centre.w * distance(place.xyz, preview.centre.xyz))), 0.0);
        place.w = select(FULL, place.w, place.w < FAINT);
    } else if (preview.form == 2u) {
        place.w = select(FULL, place.w, place.w < 0.0);
    }
    let inside = all(place.xyz >= preview.low.xyz) && all(place.xyz <= preview.high.xyz);
    if (preview.low.w != 0.0 && !inside) {
        place.w = select(GONE, min(place.w, FAINT), preview.dim_outside != 0u);
    }
    if ((flags & DELETED) != 0u) {
        place.w = GONE;
    }
    let colour = select(row.colour, preview.tint, (flags & SELECTED) != 0u);
    shown_geometry[gaussian] = GeometryRow(place, row.quaternion, shape, colour);
}
