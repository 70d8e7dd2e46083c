//#use math/grid
//#use math/loss
// Filters P, Q and R along columns and puts the gradient of the whole loss together (docs/algorithms.md D): what the
// backward rasterizer starts from. Work as in ssim_columns.wgsl. Twin: tests/reference/loss.rs.

@group(0) @binding(0) var<uniform> loss: Loss;
// [H][W][4]
@group(0) @binding(1) var<storage, read> image: array<f32>;
// [H][W]
@group(0) @binding(2) var<storage, read> target_image: array<u32>;
// [3][H][W]
@group(0) @binding(3) var<storage, read> filtered_rows: array<vec4f>;
// [H][W][4]: gradient of rgb, and of alpha.
@group(0) @binding(4) var<storage, read_write> image_gradient: array<f32>;
// [3][runs][W][2]: the first of each two, sums of |X - Y|.
@group(0) @binding(5) var<storage, read_write> sums: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
    let width = loss.width;
    let height = loss.height;
    let id = flat_group(group) * 64u + lane;
    let run = run_of(id, height, width, loss.run_length);
    if (run.end == 0u) {
        return;
    }
    let x = run.line;
    let channel = run.channel;
    var state: Fir;
    var sum = 0.0;
    for (var i = run.start; i < run.end + 2u * RADIUS; i++) {
        var sample = vec4f(0.0);
        if (i >= RADIUS && i < height + RADIUS) {
            sample = filtered_rows[(channel * height + i - RADIUS) * width + x];
        }
        let filtered = fir(&state, sample);
        if (i >= run.start + 2u * RADIUS) {
            let pixel = (i - 2u * RADIUS) * width + x;
            let packed = target_image[pixel];
            let wanted = target_sample(packed, channel, loss.target_kind, loss.background);
            let value = image[4u * pixel + channel];
            let difference = (value - wanted.x) * wanted.y;
            sum += abs(difference);
            // The filtered moments were those of the masked images: one more factor of the mask.
            let masked = wanted.y * (filtered.x + wanted.y * (2.0 * value * filtered.y + wanted.x * filtered.z));
            image_gradient[4u * pixel + channel] = masked + loss.l1_weight * sign(difference) * wanted.y;
            if (channel == 0u) {
                let opacity = 1.0 - image[4u * pixel + 3u];
                let miss = select(0.0, opacity - unpack4x8unorm(packed).w, loss.target_kind == TARGET_ALPHA);
                image_gradient[4u * pixel + 3u] = loss.alpha_weight * sign(miss);
            }
        }
    }
    sums[2u * id] = sum;
}
