//! Cells on the ground: the plane across the up axis, cut so that each has its share of points and cameras.

use std::fmt;
use std::str::FromStr;

use anyhow::{Result, bail, ensure};
use glam::{DVec2, DVec3, dvec2};
use rayon::prelude::*;

use crate::dataset::Cell;

/// Training photos of a block where the number of blocks is chosen.
const PHOTOS_A_BLOCK: usize = 400;
/// The most blocks along an axis.
const MOST: usize = 64;
/// Points that cuts are found from; of more, every n-th.
const SAMPLE: usize = 1_000_000;
/// Share of the points beyond each side of the ground that is cut. They lie in the cells at its rim, which have no end
/// outwards, and have no say in where the cuts are.
const ASTRAY: f64 = 0.01;
/// Width of the rim around what is cut, as a share of its sides.
const RIM: f64 = 0.01;

/// Numbers of blocks along the two axes of the ground.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grid {
    /// By the number of photos, and the shape of the ground.
    Auto,
    Of(usize, usize),
}

impl FromStr for Grid {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        if text == "auto" {
            return Ok(Self::Auto);
        }
        let both = text.split_once('x').and_then(|(x, y)| Some((x.parse().ok()?, y.parse().ok()?)));
        match both {
            Some((x, y)) if (1..=MOST).contains(&x) && (1..=MOST).contains(&y) => Ok(Self::Of(x, y)),
            _ => bail!("\"{text}\" is neither auto nor two numbers from 1 to {MOST}, as 3x2"),
        }
    }
}

impl fmt::Display for Grid {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Of(x, y) => write!(f, "{x}x{y}"),
        }
    }
}

/// Two unit vectors across `up`, the first as near to an axis of the capture as can be.
pub fn ground_axes(up: DVec3) -> [DVec3; 2] {
    let up = up.normalize();
    let across = |axis: &DVec3| axis.dot(up).abs();
    let axes = [DVec3::X, DVec3::Y, DVec3::Z];
    let level = axes.into_iter().min_by(|a, b| across(a).total_cmp(&across(b))).unwrap_or(DVec3::X);
    let first = (level - up * level.dot(up)).normalize();
    [first, up.cross(first)]
}

/// Every n-th of the points, at most [`SAMPLE`].
pub fn sampled(points: &[glam::Vec3]) -> Vec<DVec3> {
    points.iter().step_by(points.len().div_ceil(SAMPLE).max(1)).map(|point| point.as_dvec3()).collect()
}

/// The cells of a grid over what points and cameras cover, column by column. Each column has its share of points and
/// cameras, which weigh equally, and each cell its share of the column's.
///
/// # Errors
/// A ground that cannot be cut into so many cells.
pub fn cells(grid: Grid, axes: [DVec3; 2], points: &[DVec3], cameras: &[DVec3], margin: f64) -> Result<Vec<Cell>> {
    let ground = |place: &DVec3| dvec2(place.dot(axes[0]), place.dot(axes[1]));
    let points: Vec<DVec2> = points.iter().map(ground).collect();
    let cameras: Vec<DVec2> = cameras.iter().map(ground).collect();
    let (low, high) = bounds(&points, &cameras);
    ensure!((high - low).min_element() > 0.0, "points and cameras lie on one line; there is no ground to cut");
    let (columns, rows) = match grid {
        Grid::Of(columns, rows) => (columns, rows),
        Grid::Auto => fitting(cameras.len().div_ceil(PHOTOS_A_BLOCK), high - low),
    };
    let weight = |count: usize| 1.0 / count.max(1) as f64;
    let weighted = |places: &[DVec2]| places.iter().map(|&place| (place, weight(places.len()))).collect::<Vec<_>>();
    let inside = |(place, _): &(DVec2, f64)| place.cmpge(low).all() && place.cmplt(high).all();
    let all: Vec<_> = weighted(&points).into_iter().chain(weighted(&cameras)).filter(inside).collect();
    let mut found = Vec::new();
    for (i, (x, column)) in parts(all, 0, columns, (low.x, high.x)).into_iter().enumerate() {
        for (j, (y, _)) in parts(column, 1, rows, (low.y, high.y)).into_iter().enumerate() {
            let (rim_low, rim_high) = ([i == 0, j == 0], [i + 1 == columns, j + 1 == rows]);
            let (low, high) = (dvec2(x.0, y.0), dvec2(x.1, y.1));
            ensure!(
                (high - low).min_element() > 0.0,
                "points and cameras lie in too few places for {columns}x{rows} blocks; use fewer (--blocks)"
            );
            found.push(Cell { axes, low, high, margin: margin * (high - low), rim_low, rim_high });
        }
    }
    Ok(found)
}

/// Numbers of columns and rows whose product is at least `count`, for cells about as wide as long.
fn fitting(count: usize, size: DVec2) -> (usize, usize) {
    let columns = ((count as f64 * size.x / size.y).sqrt().round() as usize).clamp(1, count.clamp(1, MOST));
    (columns, count.div_ceil(columns).clamp(1, MOST))
}

/// The rectangle that holds all cameras, and the points but for the outermost, with a rim around it.
fn bounds(points: &[DVec2], cameras: &[DVec2]) -> (DVec2, DVec2) {
    let side = |axis: usize| {
        let mut values: Vec<f64> = points.iter().map(|place| place[axis]).collect();
        values.par_sort_unstable_by(f64::total_cmp);
        let skipped = (ASTRAY * values.len() as f64) as usize;
        let core = &values[skipped..values.len() - skipped];
        let ends = core.first().into_iter().chain(core.last()).copied();
        let all = ends.chain(cameras.iter().map(|place| place[axis]));
        let (low, high) = all.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
        (low - RIM * (high - low), high + RIM * (high - low))
    };
    let (x, y) = (side(0), side(1));
    (dvec2(x.0, y.0), dvec2(x.1, y.1))
}

/// Weighted places, between two coordinates.
type Part = ((f64, f64), Vec<(DVec2, f64)>);

/// Cuts places along an axis into parts of equal weight, which lie between `ends`.
fn parts(mut places: Vec<(DVec2, f64)>, axis: usize, count: usize, ends: (f64, f64)) -> Vec<Part> {
    places.par_sort_by(|a, b| a.0[axis].total_cmp(&b.0[axis]));
    let total: f64 = places.iter().map(|(_, weight)| weight).sum();
    let (mut found, mut from, mut low, mut sum) = (Vec::new(), 0, ends.0, 0.0);
    for part in 1..count {
        let goal = total * part as f64 / count as f64;
        let mut at = from;
        while at < places.len() && sum < goal {
            sum += places[at].1;
            at += 1;
        }
        let cut = match (at.checked_sub(1).and_then(|before| places.get(before)), places.get(at)) {
            (Some(a), Some(b)) => 0.5 * (a.0[axis] + b.0[axis]),
            _ => ends.1,
        };
        found.push(((low, cut), places[from..at].to_vec()));
        (from, low) = (at, cut);
    }
    found.push(((low, ends.1), places.split_off(from)));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grids_are_read() {
        assert_eq!(
            ("3x2".parse::<Grid>().expect("a grid"), "auto".parse::<Grid>().expect("one")),
            (Grid::Of(3, 2), Grid::Auto)
        );
        for wrong in ["", "3", "3x", "0x2", "3x65", "-1x2", "3x2x1", "3 x 2"] {
            let error = wrong.parse::<Grid>().expect_err("refused").to_string();
            assert!(error.contains("as 3x2"), "{error}");
        }
    }

    #[test]
    fn axes_lie_across_up() {
        for up in [DVec3::Z, -DVec3::Y, DVec3::new(0.1, -0.9, 0.3)] {
            let [a, b] = ground_axes(up);
            let errors = [a.dot(up), b.dot(up), a.dot(b), a.length() - 1.0, b.length() - 1.0];
            assert!(errors.iter().all(|error| error.abs() < 1e-12), "{up}: {errors:?}");
        }
        assert_eq!(ground_axes(DVec3::Z), [DVec3::X, DVec3::Y]);
    }

    #[test]
    fn blocks_are_as_wide_as_long() {
        assert_eq!(fitting(1, dvec2(1.0, 9.0)), (1, 1));
        assert_eq!(fitting(4, dvec2(1.0, 1.0)), (2, 2));
        assert_eq!(fitting(6, dvec2(3.0, 2.0)), (3, 2));
        assert_eq!(fitting(5, dvec2(10.0, 1.0)), (5, 1));
    }
}
