//#use math/grid
//#use layout/geometry
//#use layout/motion_row
//#use splat/share
//#use layout/refine
// The same for motion rows: with SOURCES = 0 targets copy their source's row, with SOURCES = 1 the sources get their share
// of the duration. The slice of a Gaussian through its centre along time obeys the
// same integral as one through space, so its duration shrinks by the same factor. Runs before the sources' logits
// change. One invocation a candidate. Twin: tests/reference/relocate.rs.

@group(0) @binding(0) var<uniform> refine: Refine;
// [N + added]
@group(0) @binding(1) var<storage, read> sources: array<u32>;
// [N]
@group(0) @binding(2) var<storage, read> draws: array<u32>;
// [N]
@group(0) @binding(3) var<storage, read> geometry: array<GeometryRow>;
// [N + added]
@group(0) @binding(4) var<storage, read_write> motion: array<MotionRow>;
@group(0) @binding(5) var<storage, read_write> status: array<FrameStatus>;

fn shift(source: u32) -> vec4f {
    if (refine.share_duration == 0u) {
        return vec4f(0.0);
    }
    return vec4f(share_among(geometry[source].mean_logit.w, draws[source] + 1u, refine.dead_opacity).log_scale_shift, 0.0, 0.0, 0.0);
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
    let index = flat_group(group) * 64u + lane;
    if (index >= refine.gaussians + refine.added || status[0].overflowed != 0u) {
        return;
    }
    if (SOURCES == 0u) {
        let source = sources[index];
        if (source != NO_SOURCE) {
            let row = motion[source];
            motion[index] = MotionRow(row.velocity_centre, row.duration_gate + shift(source), row.turn);
        }
    } else if (index < refine.gaussians && draws[index] > 0u) {
        motion[index].duration_gate += shift(index);
    }
}
