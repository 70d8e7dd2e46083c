//#use math/grid
//#use layout/geometry
//#use layout/moments
//#use splat/share
//#use layout/refine
// Gives every source that was drawn the opacity and scale of its share. Relocation also forgets its moments (growth
// keeps them; docs/algorithms.md E.7). One invocation a Gaussian. Twin: tests/reference/relocate.rs.

@group(0) @binding(0) var<uniform> refine: Refine;
// [N]
@group(0) @binding(1) var<storage, read> draws: array<u32>;
// [N]
@group(0) @binding(2) var<storage, read_write> geometry: array<GeometryRow>;
// [N][MOMENT_VECTORS]
@group(0) @binding(3) var<storage, read_write> moments: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> status: array<FrameStatus>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
    let index = flat_group(group) * 64u + lane;
    if (index >= refine.gaussians || status[0].overflowed != 0u) {
        return;
    }
    let copies = draws[index];
    if (copies == 0u) {
        return;
    }
    let share = share_among(geometry[index].mean_logit.w, copies + 1u, refine.dead_opacity);
    geometry[index].mean_logit.w = share.logit;
    geometry[index].log_scale += vec4f(vec3f(share.log_scale_shift), 0.0);
    if (GROW == 0u) {
        for (var i = 0u; i < MOMENT_VECTORS; i++) {
            moments[moment_index(index, i)] = vec4f(0.0);
        }
    }
}
