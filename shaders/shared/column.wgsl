//#use view
// A tile's 16 x 16 pixels as 32 columns of 8, each the work of one lane for one Gaussian. Down a column the Gaussian's
// falloff exp(-sigma) follows a recurrence: two exponentials and a division in place of eight exponentials. Forward
// and backward passes share this arithmetic, so that both see the same transmittance to the bit.

const ROWS: u32 = 8u;
// The row the recurrence starts from.
const ANCHOR: u32 = 4u;

// Pixel of row 0 of column `unit` (0 to 31) in a tile.
fn column_origin(tile: vec2u, unit: u32) -> vec2u {
    return tile * TILE + vec2u(unit & 15u, (unit >> 4u) * ROWS);
}

struct Falloff {
    // Offset of the mean from the pixel centre of the anchor row.
    d: vec2f,
    // Whether any row can reach the threshold of contribution.
    reached: bool,
}

fn column_falloff(origin: vec2u, r0: vec4f, r1: vec4f) -> Falloff {
    let d = r0.xy - (vec2f(origin) + vec2f(0.5, f32(ANCHOR) + 0.5));
    // Least sigma over the column, at its vertex clamped to the rows: lane by lane, this is the cull of a block.
    let along = r0.w * d.x;
    let nearest = clamp(-along / r1.x, d.y - f32(ROWS - 1u - ANCHOR), d.y + f32(ANCHOR));
    let least = 0.5 * r0.z * d.x * d.x + nearest * (along + 0.5 * r1.x * nearest);
    return Falloff(d, least <= r1.z);
}

// exp(-sigma) at the eight rows.
fn column_weights(d: vec2f, r0: vec4f, r1: vec4f) -> array<f32, 8> {
    let along = r0.w * d.x;
    let sigma = 0.5 * r0.z * d.x * d.x + d.y * (along + 0.5 * r1.x * d.y);
    let ratio = exp(clamp(along + r1.x * d.y, -80.0, 80.0));
    let curvature = r1.w * r1.w;
    var out: array<f32, 8>;
    var value = exp(-sigma);
    out[4] = value;
    var step = ratio * r1.w;
    value *= step;
    out[5] = value;
    step *= curvature;
    value *= step;
    out[6] = value;
    step *= curvature;
    value *= step;
    out[7] = value;
    value = out[4];
    step = r1.w / ratio;
    value *= step;
    out[3] = value;
    step *= curvature;
    value *= step;
    out[2] = value;
    step *= curvature;
    value *= step;
    out[1] = value;
    step *= curvature;
    value *= step;
    out[0] = value;
    return out;
}
