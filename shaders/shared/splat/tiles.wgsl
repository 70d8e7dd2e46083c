//#use layout/view
// The exact set of tiles that the ellipse d^T K d <= tau meets at pixel centres (docs/algorithms.md C.1): for each band
// of tiles the ellipse's extent within the band is an interval, since both are convex. Counting and emitting go through
// the same functions, so that they agree to the bit.

struct Bands {
    // Whether bands are tile columns rather than rows: whichever the ellipse meets fewer of.
    transposed: bool,
    // Centre along the band's tiles (x) and across bands (y), conic, and tau in the same, perhaps transposed, frame.
    u: vec2f,
    a: f32,
    b: f32,
    c: f32,
    determinant: f32,
    tau: f32,
    // Half-extent across bands.
    extent: f32,
    first: i32,
    last: i32,
    // Tiles in a band.
    tiles: i32,
}

const HALF_PIXEL: f32 = 0.5;
const LAST_CENTRE: f32 = f32(TILE) - 0.5;
// Rounding must not lose a tile: intervals are widened by this many pixels.
const TILE_SLACK: f32 = 2e-4;

fn first_tile(low: f32) -> i32 {
    return i32(ceil(clamp((low - LAST_CENTRE - TILE_SLACK) / f32(TILE), -1.0, 65536.0)));
}

fn last_tile(high: f32) -> i32 {
    return i32(floor(clamp((high - HALF_PIXEL + TILE_SLACK) / f32(TILE), -1.0, 65536.0)));
}

fn tile_bands(u: vec2f, conic: vec3f, determinant: f32, opacity: f32, grid: vec2u) -> Bands {
    var out: Bands;
    out.tau = 2.0 * log(ALPHA_LEVELS * opacity);
    out.determinant = determinant;
    out.b = conic.y;
    let extent = sqrt(max(vec2f(0.0), out.tau * conic.zx / determinant));
    out.transposed = extent.y > extent.x;
    if (out.transposed) {
        out.u = u.yx;
        out.a = conic.z;
        out.c = conic.x;
        out.extent = extent.x;
        out.tiles = i32(grid.y);
    } else {
        out.u = u;
        out.a = conic.x;
        out.c = conic.z;
        out.extent = extent.y;
        out.tiles = i32(grid.x);
    }
    let bands = i32(select(grid.y, grid.x, out.transposed));
    out.first = max(first_tile(out.u.y - out.extent), 0);
    out.last = min(last_tile(out.u.y + out.extent), bands - 1);
    return out;
}

// First and one past the last tile of band `index`.
fn band_span(bands: Bands, index: i32) -> vec2i {
    let top = f32(TILE) * f32(index) + HALF_PIXEL - TILE_SLACK - bands.u.y;
    let low = max(top, -bands.extent);
    let high = min(top + (LAST_CENTRE - HALF_PIXEL) + 2.0 * TILE_SLACK, bands.extent);
    if (low > high) {
        return vec2i(0);
    }
    // Where, across bands, the ellipse is widest to either side.
    let tip = -bands.b * bands.extent * inverseSqrt(bands.a * bands.c);
    let y1 = clamp(tip, low, high);
    let y0 = clamp(-tip, low, high);
    let reach1 = sqrt(max(0.0, bands.a * bands.tau - bands.determinant * y1 * y1));
    let reach0 = sqrt(max(0.0, bands.a * bands.tau - bands.determinant * y0 * y0));
    let right = bands.u.x + (-bands.b * y1 + reach1) / bands.a;
    let left = bands.u.x + (-bands.b * y0 - reach0) / bands.a;
    let from_tile = max(first_tile(left), 0);
    let to_tile = min(last_tile(right) + 1, bands.tiles);
    return vec2i(from_tile, max(from_tile, to_tile));
}
