//#use math/grid
//#use layout/geometry
//#use splat/share
//#use layout/refine
// Makes every target a copy of its source, with the opacity and scale of its share. Sources are only read; they change
// afterwards, in refine_sources.wgsl. One invocation a candidate. Twin: tests/reference/relocate.rs.

@group(0) @binding(0) var<uniform> refine: Refine;
// [N + added]
@group(0) @binding(1) var<storage, read> sources: array<u32>;
// [N]
@group(0) @binding(2) var<storage, read> draws: array<u32>;
// [N + added]
@group(0) @binding(3) var<storage, read_write> geometry: array<GeometryRow>;
@group(0) @binding(4) var<storage, read_write> status: array<FrameStatus>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
    let index = flat_group(group) * 64u + lane;
    if (index >= refine.gaussians + refine.added || status[0].overflowed != 0u) {
        return;
    }
    let source = sources[index];
    if (source == NO_SOURCE) {
        return;
    }
    let row = geometry[source];
    let share = share_among(row.mean_logit.w, draws[source] + 1u, refine.dead_opacity);
    geometry[index] = GeometryRow(
        vec4f(row.mean_logit.xyz, share.logit),
        row.quaternion,
        row.log_scale + vec4f(vec3f(share.log_scale_shift), 0.0),
        row.colour,
    );
}
