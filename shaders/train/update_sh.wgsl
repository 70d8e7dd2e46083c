//#use math/grid
//#use layout/colour_gradient
//#use layout/sh_block
//#use math/real_vec4
//#use math/sh
//#use math/adam
//#use layout/status
// The optimiser's step on one band of the spherical harmonics. Its gradient is rank one, Y_k(direction) times the
// gradient of the colour, and is never stored (docs/algorithms.md B.9). One invocation four Gaussians, which lie side
// by side. With STORE_GRADIENT the gradient goes to `moment1` and nothing is updated.
// Twins: tests/reference/sh.rs, adam.rs.

@group(0) @binding(0) var<uniform> step: Step;
// [1] number of Gaussians.
@group(0) @binding(1) var<storage, read> gaussians: array<u32>;
// [N/4][6]
@group(0) @binding(2) var<storage, read> colour_gradients: array<vec4f>;
// [N/4][3 (2 BAND + 1)] each.
@group(0) @binding(3) var<storage, read_write> sh: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> moment1: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> moment2: array<vec4f>;
@group(0) @binding(6) var<storage, read_write> status: array<FrameStatus>;

const COEFFICIENTS: u32 = 2u * BAND + 1u;

fn band_basis(d: array<Real, 3>) -> array<Real, COEFFICIENTS> {
    var out: array<Real, COEFFICIENTS>;
    if (BAND == 0u) {
        out[0] = vec4f(SH_C0);
    } else if (BAND == 1u) {
        let y = sh_band_1(d[0], d[1], d[2]);
        for (var k = 0u; k < COEFFICIENTS; k++) {
            out[k] = y[min(k, 2u)];
        }
    } else if (BAND == 2u) {
        let y = sh_band_2(d[0], d[1], d[2]);
        for (var k = 0u; k < COEFFICIENTS; k++) {
            out[k] = y[min(k, 4u)];
        }
    } else {
        let y = sh_band_3(d[0], d[1], d[2]);
        for (var k = 0u; k < COEFFICIENTS; k++) {
            out[k] = y[min(k, 6u)];
        }
    }
    return out;
}

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
    let block = flat_group(group) * 256u + lane;
    if (4u * block >= gaussians[0] || status[0].overflowed != 0u) {
        return;
    }
    let direction = array<Real, 3>(
        colour_gradients[colour_gradient_block(block, 0u)],
        colour_gradients[colour_gradient_block(block, 1u)],
        colour_gradients[colour_gradient_block(block, 2u)],
    );
    let basis = band_basis(direction);
    let rate = select(step.lr_sh_rest, step.lr_sh_dc, BAND == 0u);
    for (var k = 0u; k < COEFFICIENTS; k++) {
        for (var channel = 0u; channel < 3u; channel++) {
            let at = sh_block_index(block, COEFFICIENTS, k, channel);
            let gradient = basis[k] * colour_gradients[colour_gradient_block(block, 3u + channel)];
            if (STORE_GRADIENT != 0u) {
                moment1[at] = gradient;
            } else {
                let moved = adam(moment1[at], moment2[at], gradient, step);
                moment1[at] = moved.m;
                moment2[at] = moved.v;
                sh[at] -= rate * moved.direction;
            }
        }
    }
}
