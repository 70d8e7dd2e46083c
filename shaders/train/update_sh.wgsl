//#use math/grid
//#use layout/view
//#use layout/colour_gradient
//#use layout/sh_block
//#use math/real_vec4
//#use math/sh
//#use math/adam
//#use layout/status
// The optimiser's step on one band of the spherical harmonics beyond the constant one, in full precision. Its gradient is rank one, Y_k(direction) times the
// gradient of the colour, and is never stored (docs/algorithms.md B.9). One invocation four Gaussians, which lie side
// by side. With STORE_GRADIENT the gradient goes to `moment1` and nothing is updated.
// Twins: tests/reference/sh.rs, adam.rs.

@group(0) @binding(0) var<uniform> step: Step;
@group(0) @binding(1) var<uniform> view: View;
// [N] holding the gradients of colour; see layout/colour_gradient.wgsl.
@group(0) @binding(2) var<storage, read> splats: array<SplatRow>;
// [N/4][3 view.sh_rest] each.
@group(0) @binding(3) var<storage, read_write> sh: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> moment1: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> moment2: array<vec4f>;
@group(0) @binding(6) var<storage, read_write> status: array<FrameStatus>;

const COEFFICIENTS: u32 = 2u * BAND + 1u;

fn band_basis(d: array<Real, 3>) -> array<Real, COEFFICIENTS> {
    var out: array<Real, COEFFICIENTS>;
    if (BAND == 1u) {
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
    if (4u * block >= view.gaussians || status[0].overflowed != 0u) {
        return;
    }
    var direction: array<Real, 3>;
    var colour: array<Real, 3>;
    for (var i = 0u; i < 4u; i++) {
        let gaussian = 4u * block + i;
        let row = splats[gaussian];
        for (var axis = 0u; axis < 3u; axis++) {
            direction[axis][i] = gradient_direction(row)[axis];
            colour[axis][i] = gradient_colour(row)[axis];
        }
    }
    let basis = band_basis(direction);
    // Bands 1 to BAND - 1 come before.
    let first = BAND * BAND - 1u;
    for (var k = 0u; k < COEFFICIENTS; k++) {
        for (var channel = 0u; channel < 3u; channel++) {
            let at = sh_block_index(block, view.sh_rest, first + k, channel);
            let gradient = basis[k] * colour[channel];
            if (STORE_GRADIENT != 0u) {
                moment1[at] = gradient;
            } else {
                let moved = adam(moment1[at], moment2[at], gradient, step);
                moment1[at] = moved.m;
                moment2[at] = moved.v;
                sh[at] -= step.lr_sh_rest * moved.direction;
            }
        }
    }
}
