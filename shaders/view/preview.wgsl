//#use math/grid
// A model as the viewer shows it for a while: splats of another size, only their centres or their solid bodies, what is
// outside the crop box or deleted left out, what is selected coloured. One invocation a Gaussian.
// Twin: tests/reference/display.rs (shown).

struct Disguise {
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
    ghost: u32,
}

// Bits of a Gaussian's state.
const DELETED: u32 = 1u;
const SELECTED: u32 = 2u;
// Logits: nothing that is drawn, faint, and as opaque as can be.
const GONE: f32 = -30.0;
const FAINT: f32 = -4.0;
const FULL: f32 = 9.0;

@group(0) @binding(0) var<uniform> disguise: Disguise;
// [N]
@group(0) @binding(1) var<storage, read> state: array<u32>;
// [N][3]
@group(0) @binding(2) var<storage, read> geometry: array<vec4f>;
// [N/4][3][4]
@group(0) @binding(3) var<storage, read> colour: array<f32>;
@group(0) @binding(4) var<storage, read_write> shown_geometry: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> shown_colour: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
    let gaussian = flat_group(group) * 64u + lane;
    if (gaussian >= disguise.gaussians) {
        return;
    }
    var place = geometry[3u * gaussian];
    var shape = geometry[3u * gaussian + 2u];
    let flags = state[gaussian];
    shape += vec4f(vec3f(disguise.growth), 0.0);
    if (disguise.form == 1u) {
        shape = vec4f(vec3f(log(disguise.centre.w * distance(place.xyz, disguise.centre.xyz))), 0.0);
        place.w = select(FULL, place.w, place.w < FAINT);
    } else if (disguise.form == 2u) {
        place.w = select(FULL, place.w, place.w < 0.0);
    }
    let inside = all(place.xyz >= disguise.low.xyz) && all(place.xyz <= disguise.high.xyz);
    if (disguise.low.w != 0.0 && !inside) {
        place.w = select(GONE, min(place.w, FAINT), disguise.ghost != 0u);
    }
    if ((flags & DELETED) != 0u) {
        place.w = GONE;
    }
    shown_geometry[3u * gaussian] = place;
    shown_geometry[3u * gaussian + 1u] = geometry[3u * gaussian + 1u];
    shown_geometry[3u * gaussian + 2u] = shape;
    for (var channel = 0u; channel < 3u; channel++) {
        let at = (gaussian / 4u * 3u + channel) * 4u + gaussian % 4u;
        shown_colour[at] = select(colour[at], disguise.tint[channel], (flags & SELECTED) != 0u);
    }
}
