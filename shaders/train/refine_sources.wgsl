//#use math/grid
//#use splat/share
//#use layout/refine
// Gives every source that was drawn the opacity and scale of its share. Relocation also forgets its moments (growth
// keeps them; docs/algorithms.md E.7). One invocation a Gaussian. Twin: tests/reference/relocate.rs.

@group(0) @binding(0) var<uniform> refine: Refine;
// [N]
@group(0) @binding(1) var<storage, read> draws: array<u32>;
// [N][3] each.
@group(0) @binding(2) var<storage, read_write> geometry: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> moment1: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> moment2: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> admission: array<Admission>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
    let index = flat_group(group) * 64u + lane;
    if (index >= refine.gaussians || admission[0].overflowed != 0u) {
        return;
    }
    let copies = draws[index];
    if (copies == 0u) {
        return;
    }
    let share = share_among(geometry[3u * index].w, copies + 1u, refine.dead_opacity);
    geometry[3u * index].w = share.logit;
    geometry[3u * index + 2u] += vec4f(vec3f(share.log_scale_shift), 0.0);
    if (GROW == 0u) {
        for (var i = 3u * index; i < 3u * index + 3u; i++) {
            moment1[i] = vec4f(0.0);
            moment2[i] = vec4f(0.0);
        }
    }
}
