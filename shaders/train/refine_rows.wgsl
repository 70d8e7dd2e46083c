//#use math/grid
//#use layout/refine
//#use layout/sh_{PACKED}
// The same for the spherical harmonics beyond the constant band: targets copy their source's. In full precision relocation
// forgets the moments of the sources. One invocation a candidate. Twin: tests/stages/refine.rs (predicted).

@group(0) @binding(0) var<uniform> refine: Refine;
// [N + added]
@group(0) @binding(1) var<storage, read> sources: array<u32>;
// [N]
@group(0) @binding(2) var<storage, read> draws: array<u32>;
// Spherical harmonics and, unless PACKED, their moments; see layout/sh_full.wgsl and layout/sh_packed.wgsl.
@group(0) @binding(3) var<storage, read_write> sh: array<u32>;
@group(0) @binding(4) var<storage, read_write> moment1: array<u32>;
@group(0) @binding(5) var<storage, read_write> moment2: array<u32>;
@group(0) @binding(6) var<storage, read_write> status: array<FrameStatus>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
    let index = flat_group(group) * 64u + lane;
    if (index >= refine.gaussians + refine.added || status[0].overflowed != 0u) {
        return;
    }
    let words = sh_words(refine.sh_rest);
    let source = sources[index];
    if (source != NO_SOURCE) {
        for (var i = 0u; i < words; i++) {
            sh[sh_word(index, words, i)] = sh[sh_word(source, words, i)];
        }
    }
    if (PACKED == 0u && GROW == 0u && draws[index] > 0u) {
        for (var i = 0u; i < words; i++) {
            moment1[sh_word(index, words, i)] = 0u;
            moment2[sh_word(index, words, i)] = 0u;
        }
    }
}
