//#use layout/view
//#use layout/splat
// A tile's 16 x 16 pixels as 32 columns of 8, each the work of one lane for one Gaussian. Down a column the Gaussian's
// falloff exp(-sigma) follows a recurrence: two exponentials and a division in place of eight exponentials. Forward
// and backward passes share this arithmetic, so that both see the same transmittance to the bit.

const ROWS: u32 = 8u;
// The row the recurrence starts from.
const ANCHOR: u32 = 4u;

// Pixel of row 0 of column `unit` (0 to 31) in a tile.
fn column_origin(tile: vec2u, unit: u32) -> vec2u {
    return tile * TILE + vec2u(unit % TILE, unit / TILE * ROWS);
}

struct Falloff {
    // Offset of the mean from the pixel centre of the anchor row.
    d: vec2f,
    // Whether any row can reach the threshold of contribution.
    reached: bool,
}

fn column_falloff(origin: vec2u, splat: Splat) -> Falloff {
    let d = splat.mean - (vec2f(origin) + vec2f(0.5, f32(ANCHOR) + 0.5));
    // Least sigma over the column, at its vertex clamped to the rows: lane by lane, this is the cull of a block.
    let along = splat.conic.y * d.x;
    let nearest = clamp(-along / splat.conic.z, d.y - f32(ROWS - 1u - ANCHOR), d.y + f32(ANCHOR));
    let least = 0.5 * splat.conic.x * d.x * d.x + nearest * (along + 0.5 * splat.conic.z * nearest);
    return Falloff(d, least <= splat.cutoff);
}

// exp(-sigma) at the eight rows.
fn column_weights(d: vec2f, splat: Splat) -> array<f32, 8> {
    let along = splat.conic.y * d.x;
    let sigma = 0.5 * splat.conic.x * d.x * d.x + d.y * (along + 0.5 * splat.conic.z * d.y);
    let ratio = exp(clamp(along + splat.conic.z * d.y, -80.0, 80.0));
    let curvature = splat.decay * splat.decay;
    var out: array<f32, 8>;
    var value = exp(-sigma);
    out[4] = value;
    var step = ratio * splat.decay;
    value *= step;
    out[5] = value;
    step *= curvature;
    value *= step;
    out[6] = value;
    step *= curvature;
    value *= step;
    out[7] = value;
    value = out[4];
    step = splat.decay / ratio;
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
