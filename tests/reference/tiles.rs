//! Twin of the binning: which 16 × 16 tiles a splat touches, by brute force and by the row-interval algorithm
//! (docs/algorithms.md C.1), and the depth-ordered list of every tile.
//!
//! A tile is touched iff the ellipse {dᵀKd ≤ τ}, τ = 2 ln(255 o'), meets the rectangle spanned by its pixel *centres*.

use super::project::{Splat, View};
use super::rasterize::depth_order;

/// Side of a tile, pixels.
pub const TILE: u32 = 16;

/// The level set on which α = 1/255.
#[derive(Clone, Copy, Debug)]
pub struct Ellipse {
    pub centre: [f64; 2],
    /// K = (a b; b c).
    pub conic: [f64; 3],
    /// Bound of dᵀKd.
    pub tau: f64,
}

impl Ellipse {
    pub fn of(splat: &Splat<f64>) -> Self {
        Self { centre: splat.centre, conic: splat.conic, tau: 2.0 * (255.0 * splat.opacity).ln() }
    }

    /// x and y exchanged.
    pub fn transposed(&self) -> Self {
        let ([x, y], [a, b, c]) = (self.centre, self.conic);
        Self { centre: [y, x], conic: [c, b, a], tau: self.tau }
    }

    /// Half-extents along x and y.
    pub fn extents(&self) -> [f64; 2] {
        let [a, b, c] = self.conic;
        let det = a * c - b * b;
        [(self.tau * c / det).sqrt(), (self.tau * a / det).sqrt()]
    }

    fn quadratic(&self, dx: f64, dy: f64) -> f64 {
        let [a, b, c] = self.conic;
        a * dx * dx + 2.0 * b * dx * dy + c * dy * dy
    }

    /// Least dᵀKd over the pixel centres' rectangle of a tile, by exact convex minimisation: zero at the centre if that is
    /// inside, else the least over the four sides.
    pub fn minimum(&self, column: u32, row: u32) -> f64 {
        let [a, b, c] = self.conic;
        let low = [column, row].map(|index| f64::from(TILE * index) + 0.5);
        let x = [low[0] - self.centre[0], low[0] + 15.0 - self.centre[0]];
        let y = [low[1] - self.centre[1], low[1] + 15.0 - self.centre[1]];
        if x[0] <= 0.0 && x[1] >= 0.0 && y[0] <= 0.0 && y[1] >= 0.0 {
            return 0.0;
        }
        let on_columns = x.map(|dx| self.quadratic(dx, (-b * dx / c).clamp(y[0], y[1])));
        let on_rows = y.map(|dy| self.quadratic((-b * dy / a).clamp(x[0], x[1]), dy));
        on_columns.into_iter().chain(on_rows).fold(f64::INFINITY, f64::min)
    }
}

/// The grid of tiles that covers an image: columns, rows.
pub fn grid(width: u32, height: u32) -> [u32; 2] {
    [width.div_ceil(TILE), height.div_ceil(TILE)]
}

/// A set of tiles with how clear-cut it is.
#[derive(Clone, Debug, PartialEq)]
pub struct TileSet {
    /// (column, row), by row, then column.
    pub tiles: Vec<[u32; 2]>,
    /// Least |min dᵀKd − τ| over all tiles of the grid: half of it is the relative distance of α from 1/255 at the
    /// deciding point. f32 may decide otherwise where this is below some 1e-3.
    pub margin: f64,
}

/// The exact tile set, by testing every tile of the grid.
pub fn brute_force(ellipse: &Ellipse, [columns, rows]: [u32; 2]) -> TileSet {
    let mut set = TileSet { tiles: Vec::new(), margin: f64::INFINITY };
    for row in 0..rows {
        for column in 0..columns {
            let excess = ellipse.minimum(column, row) - ellipse.tau;
            set.margin = set.margin.min(excess.abs());
            if excess <= 0.0 {
                set.tiles.push([column, row]);
            }
        }
    }
    set
}

/// Tiles of one row (or column, for the transposed ellipse): `first..=last` of line `line`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interval {
    pub line: u32,
    pub first: u32,
    pub last: u32,
}

/// C.1 by rows: for every tile row the interval of columns touched.
pub fn row_intervals(ellipse: &Ellipse, [columns, rows]: [u32; 2]) -> Vec<Interval> {
    let [a, b, c] = ellipse.conic;
    let ([ux, uy], [ex, ey]) = (ellipse.centre, ellipse.extents());
    let det = a * c - b * b;
    let rightmost = -b * ex / c;
    // x of the ellipse's right (+1) or left (−1) side at height dy.
    let side = |dy: f64, sign: f64| ux + (-b * dy + sign * (a * ellipse.tau - det * dy * dy).max(0.0).sqrt()) / a;
    let first_index = |low: f64| ((low - 15.5) / 16.0).ceil().max(0.0);
    let last_index = |high: f64, count: u32| ((high - 0.5) / 16.0).floor().min(f64::from(count) - 1.0);

    let (top, bottom) = (first_index(uy - ey), last_index(uy + ey, rows));
    let mut intervals = Vec::new();
    let mut line = top;
    while line <= bottom {
        let low = (16.0 * line + 0.5 - uy).max(-ey);
        let high = (16.0 * line + 15.5 - uy).min(ey);
        let right = side(rightmost.clamp(low, high), 1.0);
        let left = side((-rightmost).clamp(low, high), -1.0);
        let (first, last) = (first_index(left), last_index(right, columns));
        if first <= last {
            intervals.push(Interval { line: line as u32, first: first as u32, last: last as u32 });
        }
        line += 1.0;
    }
    intervals
}

/// C.1: by rows, or by columns where the box is taller than wide. Sorted by row, then column.
pub fn tile_set(ellipse: &Ellipse, grid: [u32; 2]) -> Vec<[u32; 2]> {
    let [ex, ey] = ellipse.extents();
    let tall = ey > ex;
    let intervals =
        if tall { row_intervals(&ellipse.transposed(), [grid[1], grid[0]]) } else { row_intervals(ellipse, grid) };
    let mut tiles: Vec<[u32; 2]> = intervals
        .iter()
        .flat_map(|i| (i.first..=i.last).map(|along| if tall { [i.line, along] } else { [along, i.line] }))
        .collect();
    tiles.sort_unstable_by_key(|&[column, row]| (row, column));
    tiles
}

/// For every tile, row-major, the Gaussians that touch it, nearest first: what the two-stage sort yields.
pub fn tile_lists(splats: &[Option<Splat<f64>>], view: &View<f64>) -> Vec<Vec<usize>> {
    let grid = grid(view.width, view.height);
    let mut lists = vec![Vec::new(); (grid[0] * grid[1]) as usize];
    for i in depth_order(splats) {
        let splat = splats[i].as_ref().expect("the order lists visible Gaussians");
        for [column, row] in brute_force(&Ellipse::of(splat), grid).tiles {
            lists[(row * grid[0] + column) as usize].push(i);
        }
    }
    lists
}

/// The lists of all tiles in the order of the rasterizer, from the bits of the Gaussians' depths and the tiles that each
/// touches: the Gaussians of every tile, nearest first and ties by index, and for every Gaussian that touches any tile
/// the number of pairs before its own in that order.
pub fn ordered_lists(depths: &[u32], touched: &[Vec<usize>], tiles: usize) -> (Vec<Vec<usize>>, Vec<Option<u32>>) {
    let mut order: Vec<usize> = (0..touched.len()).filter(|&i| !touched[i].is_empty()).collect();
    order.sort_by_key(|&i| depths[i]);
    let (mut lists, mut bases, mut pairs) = (vec![Vec::new(); tiles], vec![None; touched.len()], 0);
    for i in order {
        touched[i].iter().for_each(|&tile| lists[tile].push(i));
        bases[i] = Some(pairs);
        pairs += touched[i].len() as u32;
    }
    (lists, bases)
}
