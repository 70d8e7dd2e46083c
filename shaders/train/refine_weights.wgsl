//#use math/grid
//#use layout/geometry
//#if MOTION
//#use layout/motion_row
//#use layout/refine
// Integer weight of every Gaussian in the draw of sources: its opacity in fixed point, so that sums are exact and their
// order does not matter; with MOTION less for those that are there for long, of which few are needed. In relocation the dead
// have weight zero, and always those around a block; growth draws from all others. One invocation a Gaussian.
// Twin: tests/reference/relocate.rs.

@group(0) @binding(0) var<uniform> refine: Refine;
// [N]
@group(0) @binding(1) var<storage, read> geometry: array<GeometryRow>;
// [N]
@group(0) @binding(2) var<storage, read_write> weights: array<u32>;
// [N] how often a Gaussian is drawn: none yet.
@group(0) @binding(3) var<storage, read_write> draws: array<u32>;
// [N]
//#if MOTION
@group(0) @binding(4) var<storage, read> motion: array<MotionRow>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
    let index = flat_group(group) * 64u + lane;
    if (index >= refine.gaussians) {
        return;
    }
    let opacity = sigmoid(geometry[index].mean_logit.w);
    let alive = index >= refine.around && (GROW != 0u || opacity > refine.dead_opacity);
    var weight = opacity;
    //#if MOTION
    weight *= exp(-refine.duration_power * max(0.0, motion[index].duration_gate.x - refine.usual_log_duration));
    weights[index] = select(0u, max(1u, u32(weight * refine.weight_scale)), alive);
    draws[index] = 0u;
}
