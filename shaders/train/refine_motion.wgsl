//#use math/grid
//#use splat/share
//#use layout/refine
// The same for motion rows: with SOURCES = 0 targets copy their source's row, with SOURCES = 1 the sources get their share
// of the duration, and relocation forgets their moments. The slice of a Gaussian through its centre along time obeys the
// same integral as one through space, so its duration shrinks by the same factor. Runs before the sources' logits
// change. One invocation a candidate. Twin: tests/reference/relocate.rs.

@group(0) @binding(0) var<uniform> refine: Refine;
// [N + added]
@group(0) @binding(1) var<storage, read> sources: array<u32>;
// [N]
@group(0) @binding(2) var<storage, read> draws: array<u32>;
// [N][3]
@group(0) @binding(3) var<storage, read> geometry: array<vec4f>;
// [N + added][2] each.
@group(0) @binding(4) var<storage, read_write> motion: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> moment1: array<vec4f>;
@group(0) @binding(6) var<storage, read_write> moment2: array<vec4f>;
@group(0) @binding(7) var<storage, read_write> admission: array<Admission>;

fn shift(source: u32) -> vec4f {
    if (refine.share_duration == 0u) {
        return vec4f(0.0);
    }
    return vec4f(share_among(geometry[3u * source].w, draws[source] + 1u, refine.dead_opacity).log_scale_shift, 0.0, 0.0, 0.0);
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
    let index = flat_group(group) * 64u + lane;
    if (index >= refine.gaussians + refine.added || admission[0].overflowed != 0u) {
        return;
    }
    if (SOURCES == 0u) {
        let source = sources[index];
        if (source != NO_SOURCE) {
            motion[2u * index] = motion[2u * source];
            motion[2u * index + 1u] = motion[2u * source + 1u] + shift(source);
        }
    } else if (index < refine.gaussians && draws[index] > 0u) {
        motion[2u * index + 1u] += shift(index);
        if (GROW == 0u) {
            for (var i = 2u * index; i < 2u * index + 2u; i++) {
                moment1[i] = vec4f(0.0);
                moment2[i] = vec4f(0.0);
            }
        }
    }
}
