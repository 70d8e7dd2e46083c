//#use layout/view
//#use math/adam
//#use layout/status
//#use layout/appearance
// Adam's step on the transform of one photo and on the vignetting of its lens, and then all transforms shifted so that
// their mean is the identity. The sums have a fixed order. One workgroup. Twin: tests/reference/appearance.rs.

// Weights of the squared parameters in the loss: of the logarithmic gains, of what mixes channels, of the offset.
const GAIN_DECAY: f32 = 1e-3;
const MIX_DECAY: f32 = 1e-2;
const OFFSET_DECAY: f32 = 1e-2;
// Of the coefficients of vignetting.
const LENS_DECAY: f32 = 1e-3;

@group(0) @binding(0) var<uniform> step: Step;
@group(0) @binding(1) var<uniform> appearance: Appearance;
// [workgroups of appearance_backward.wgsl][APPEARANCE_SUMS]
@group(0) @binding(2) var<storage, read> sums: array<vec4f>;
// [photos][APPEARANCE_ROWS], then [lenses], each.
@group(0) @binding(3) var<storage, read_write> values: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> moment1: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> moment2: array<vec4f>;
@group(0) @binding(6) var<storage, read_write> status: array<FrameStatus>;

var<workgroup> partial: array<Rows, 64>;
var<workgroup> change: Rows;

// The sum over the workgroup's invocations of what they left in `partial`, in its first entry.
fn add_up(lane: u32) {
    for (var half = 32u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if (lane < half) {
            partial[lane].a += partial[lane + half].a;
            partial[lane].b += partial[lane + half].b;
            partial[lane].c += partial[lane + half].c;
            partial[lane].lens += partial[lane + half].lens;
        }
    }
    workgroupBarrier();
}

// The change of one row, whose gradient by its entries as they are used is given; `diagonal` is 1 at the gain.
fn move_row(index: u32, gradient: vec4f, diagonal: vec4f) -> vec4f {
    let value = values[index];
    let decay = mix(vec4f(vec3f(MIX_DECAY), OFFSET_DECAY), vec4f(GAIN_DECAY), diagonal);
    let whole = gradient * select(vec4f(1.0), exp(value), diagonal > vec4f(0.0)) + decay * value;
    return -appearance.lr * direction(index, whole, vec2f(appearance.correction1, appearance.correction2));
}

// The change of the lens's coefficients.
fn move_lens(index: u32, gradient: vec4f) -> vec4f {
    let whole = gradient + LENS_DECAY * values[index];
    return -appearance.lens_lr * direction(index, whole, vec2f(appearance.lens_correction1, appearance.lens_correction2));
}

// Adam's direction for a row of the values, whose moments it moves on.
fn direction(index: u32, gradient: vec4f, corrections: vec2f) -> vec4f {
    var bias = step;
    bias.correction1 = corrections.x;
    bias.correction2 = corrections.y;
    let moved = adam(moment1[index], moment2[index], gradient, bias);
    moment1[index] = moved.m;
    moment2[index] = moved.v;
    return moved.direction;
}

@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) lane: u32) {
    let groups = (appearance.pixels + APPEARANCE_PIXELS - 1u) / APPEARANCE_PIXELS;
    var sum: Rows;
    for (var i = lane; i < groups; i += 64u) {
        sum.a += sums[APPEARANCE_SUMS * i];
        sum.b += sums[APPEARANCE_SUMS * i + 1u];
        sum.c += sums[APPEARANCE_SUMS * i + 2u];
        sum.lens += sums[APPEARANCE_SUMS * i + 3u];
    }
    partial[lane] = sum;
    add_up(lane);
    if (lane == 0u) {
        let gradient = partial[0];
        let first = APPEARANCE_ROWS * appearance.photo;
        var moved: Rows;
        if (status[0].overflowed == 0u) {
            if (is_finite(dot(gradient.a + gradient.b + gradient.c + gradient.lens, vec4f(1.0)))) {
                moved.a = move_row(first, gradient.a, vec4f(1.0, 0.0, 0.0, 0.0));
                moved.b = move_row(first + 1u, gradient.b, vec4f(0.0, 1.0, 0.0, 0.0));
                moved.c = move_row(first + 2u, gradient.c, vec4f(0.0, 0.0, 1.0, 0.0));
                if (appearance.lens != 0u) {
                    values[appearance.lens] += move_lens(appearance.lens, gradient.lens);
                }
            } else {
                atomicAdd(&status[0].non_finite, 1u);
            }
        }
        change = moved;
    }
    workgroupBarrier();
    // Each invocation reads and writes the photos that are its own.
    var all: Rows;
    for (var i = lane; i < appearance.photos; i += 64u) {
        let at = APPEARANCE_ROWS * i;
        if (i == appearance.photo && status[0].overflowed == 0u) {
            values[at] += change.a;
            values[at + 1u] += change.b;
            values[at + 2u] += change.c;
        }
        all.a += values[at];
        all.b += values[at + 1u];
        all.c += values[at + 2u];
    }
    partial[lane] = all;
    add_up(lane);
    let count = f32(appearance.photos);
    let mean = Rows(partial[0].a / count, partial[0].b / count, partial[0].c / count, vec4f(0.0));
    // A step that is to be repeated leaves every bit as it was.
    if (status[0].overflowed != 0u) {
        return;
    }
    for (var i = lane; i < appearance.photos; i += 64u) {
        let at = APPEARANCE_ROWS * i;
        values[at] -= mean.a;
        values[at + 1u] -= mean.b;
        values[at + 2u] -= mean.c;
    }
}
