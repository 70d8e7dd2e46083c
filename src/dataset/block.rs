//! Blocks: parts of a capture, as `dapple partition` makes them (docs/blocks.md). A block's folder holds `block.json`, which
//! names the capture and photos of it; images, masks and points stay where they are.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use glam::{BVec2, DVec2, DVec3, dvec2};
use serde::{Deserialize, Serialize};

use crate::scene::Normalisation;

/// The file that makes a folder a block.
pub const BLOCK: &str = "block.json";
/// Version of the file; raised when a field changes its meaning.
const VERSION: u32 = 3;

/// A rectangle on the ground, and the column of space above and below it. At the rim of what is partitioned it has no end
/// outwards, so that every place lies in one cell.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cell {
    /// Two unit vectors across the up axis; the products of a place with them are its coordinates on the ground.
    pub axes: [DVec3; 2],
    /// The sides of least and of greatest coordinates. A place on a lower side is inside, one on an upper side is not.
    pub low: DVec2,
    pub high: DVec2,
    /// How far beyond its sides the block is trained, along both axes.
    pub margin: DVec2,
    /// Whether no cell lies beyond the sides of least coordinates, by axis, and of greatest: places there belong to this one.
    pub rim_low: [bool; 2],
    pub rim_high: [bool; 2],
}

impl Cell {
    /// Coordinates of a place on the ground.
    pub fn ground(&self, place: DVec3) -> DVec2 {
        dvec2(place.dot(self.axes[0]), place.dot(self.axes[1]))
    }

    /// Whether a place belongs to the cell. Of cells that share sides it belongs to one.
    pub fn contains(&self, place: DVec3) -> bool {
        self.holds(place, DVec2::ZERO)
    }

    /// Whether a place is in the cell or its margin.
    pub fn reaches(&self, place: DVec3) -> bool {
        self.holds(place, self.margin)
    }

    /// Whether a ray passes through the cell or its margin, at whatever height.
    pub fn is_crossed(&self, origin: DVec3, direction: DVec3) -> bool {
        let (from, step) = (self.ground(origin), self.ground(direction));
        let (low, high) = self.ends(self.margin);
        let (mut enter, mut leave) = (0.0, f64::INFINITY);
        for axis in 0..2 {
            if step[axis] == 0.0 {
                if from[axis] < low[axis] || from[axis] >= high[axis] {
                    return false;
                }
                continue;
            }
            let (a, b) = ((low[axis] - from[axis]) / step[axis], (high[axis] - from[axis]) / step[axis]);
            (enter, leave) = (f64::max(enter, a.min(b)), f64::min(leave, a.max(b)));
        }
        enter < leave
    }

    fn holds(&self, place: DVec3, margin: DVec2) -> bool {
        let (ground, (low, high)) = (self.ground(place), self.ends(margin));
        ground.cmpge(low).all() && ground.cmplt(high).all()
    }

    /// The least and greatest coordinates with a margin; infinite at the rim.
    pub fn ends(&self, margin: DVec2) -> (DVec2, DVec2) {
        let end = |at_rim: [bool; 2], infinite: f64, side: DVec2| {
            DVec2::select(BVec2::from_array(at_rim), DVec2::splat(infinite), side)
        };
        let low = end(self.rim_low, f64::NEG_INFINITY, self.low - margin);
        (low, end(self.rim_high, f64::INFINITY, self.high + margin))
    }
}

/// What a block adds to the capture that it is a part of.
#[derive(Clone, Debug, PartialEq)]
pub struct Block {
    /// The frame of training, which all blocks of a plan share.
    pub frame: Normalisation,
    /// Distance of the whole's farthest training camera from the frame's origin, capture units.
    pub reach: f64,
    /// What the block trains, and the coarse scene of the whole: a run folder or a scene file. `None` for the whole.
    pub cell: Option<(Cell, PathBuf)>,
}

/// The content of `block.json`. Paths are relative to its folder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BlockFile {
    pub version: u32,
    /// The capture that the block is a part of.
    pub capture: PathBuf,
    /// What is subtracted from the capture's own coordinates.
    pub shift: DVec3,
    pub frame: Normalisation,
    /// Distance of the capture's farthest training camera from the frame's origin, capture units.
    pub reach: f64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cell: Option<Cell>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coarse: Option<PathBuf>,
    /// Names of the photos to train on, and of those held out.
    pub train: Vec<String>,
    pub test: Vec<String>,
}

impl BlockFile {
    pub fn new(capture: PathBuf, shift: DVec3, frame: Normalisation, reach: f64) -> Self {
        let (cell, coarse, train, test) = (None, None, Vec::new(), Vec::new());
        Self { version: VERSION, capture, shift, frame, reach, cell, coarse, train, test }
    }

    /// # Errors
    /// A file that cannot be read, is none of a block, or of another version.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        let wrong = || format!("{}: no readable block; dapple partition writes it anew", path.display());
        let block: Self = serde_json::from_slice(&text).with_context(wrong)?;
        ensure!(
            block.version == VERSION,
            "{}: of version {}, this Dapple reads {VERSION}; partition the capture anew",
            path.display(),
            block.version
        );
        ensure!(!block.train.is_empty(), "{}: it lists no photos to train on", path.display());
        Ok(block)
    }
}

/// The file of a block, if a path is one.
pub fn find(path: &Path) -> Option<PathBuf> {
    let file = if path.is_dir() { path.join(BLOCK) } else { path.to_path_buf() };
    (file.is_file() && file.file_name().is_some_and(|name| name == BLOCK)).then_some(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(low: [f64; 2], high: [f64; 2]) -> Cell {
        let (low, high) = (DVec2::from(low), DVec2::from(high));
        let within = [false; 2];
        Cell { axes: [DVec3::X, DVec3::Z], low, high, margin: DVec2::splat(0.5), rim_low: within, rim_high: within }
    }

    #[test]
    fn a_border_belongs_to_one_cell() {
        let (left, right) = (cell([-1.0, 0.0], [0.0, 1.0]), cell([0.0, 0.0], [1.0, 1.0]));
        for (x, height) in [(-1.0, 9.0), (-1e-9, 0.0), (0.0, -7.0), (0.5, 0.0)] {
            let place = DVec3::new(x, height, 0.3);
            assert_eq!([left.contains(place), right.contains(place)], [x < 0.0, x >= 0.0], "{x}");
        }
        assert!(left.reaches(DVec3::new(0.4, 0.0, 1.2)) && !left.reaches(DVec3::new(0.5, 0.0, 0.5)));
    }

    #[test]
    fn a_cell_at_the_rim_has_no_end_outwards() {
        let cell = Cell { rim_low: [true, false], rim_high: [false, true], ..cell([0.0, 0.0], [1.0, 1.0]) };
        for (x, z, inside) in [(-1e9, 0.5, true), (0.5, 1e9, true), (1.0, 0.5, false), (0.5, -1e-9, false)] {
            assert_eq!(cell.contains(DVec3::new(x, 3.0, z)), inside, "{x} {z}");
        }
        assert!(cell.reaches(DVec3::new(1.4, 0.0, 7.0)) && !cell.reaches(DVec3::new(1.5, 0.0, 7.0)));
        let away = |x: f64, z: f64| cell.is_crossed(DVec3::new(-5.0, 0.0, 9.0), DVec3::new(x, 0.0, z));
        assert!(away(-1.0, 1.0) && away(0.0, 1.0), "outwards for ever");
        assert!(!cell.is_crossed(DVec3::new(2.0, 0.0, 0.5), DVec3::new(1.0, 0.0, 0.0)), "and on the other side");
    }

    #[test]
    fn rays_are_seen_to_cross_a_cell() {
        let cell = cell([0.0, 0.0], [1.0, 1.0]);
        let crossed = |origin: [f64; 3], to: [f64; 3]| cell.is_crossed(DVec3::from(origin), DVec3::from(to));
        assert!(crossed([0.2, 5.0, 0.2], [0.0, -1.0, 0.0]), "straight down from inside");
        assert!(!crossed([3.0, 5.0, 0.2], [0.0, -1.0, 0.0]), "and beside it");
        assert!(crossed([5.0, 1.0, 0.5], [-1.0, 3.0, 0.0]) && !crossed([5.0, 1.0, 0.5], [1.0, 0.0, 0.0]));
        assert!(crossed([5.0, 1.0, 1.4], [-1.0, 0.0, 0.0]) && !crossed([5.0, 1.0, 1.6], [-1.0, 0.0, 0.0]));
    }
}
