//#use math/grid
//#use layout/refine
//#use layout/sh_block
// The same for one band of the spherical harmonics: targets copy their source's row, and relocation forgets the moments
// of the sources. STRIDE floats a row, four Gaussians side by side. One invocation a candidate.
// Twin: tests/stages/refine.rs (predicted).

@group(0) @binding(0) var<uniform> refine: Refine;
// [N + added]
@group(0) @binding(1) var<storage, read> sources: array<u32>;
// [N]
@group(0) @binding(2) var<storage, read> draws: array<u32>;
// [(N + added) / 4][STRIDE][4] each.
@group(0) @binding(3) var<storage, read_write> values: array<f32>;
@group(0) @binding(4) var<storage, read_write> moment1: array<f32>;
@group(0) @binding(5) var<storage, read_write> moment2: array<f32>;
@group(0) @binding(6) var<storage, read_write> status: array<FrameStatus>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
    let index = flat_group(group) * 64u + lane;
    if (index >= refine.gaussians + refine.added || status[0].overflowed != 0u) {
        return;
    }
    let own = sh_index(index, STRIDE);
    let source = sources[index];
    if (source != NO_SOURCE) {
        let origin = sh_index(source, STRIDE);
        for (var i = 0u; i < 4u * STRIDE; i += 4u) {
            values[own + i] = values[origin + i];
        }
    }
    if (GROW == 0u && draws[index] > 0u) {
        for (var i = 0u; i < 4u * STRIDE; i += 4u) {
            moment1[own + i] = 0.0;
            moment2[own + i] = 0.0;
        }
    }
}
