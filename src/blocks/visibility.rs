//! Which photo sees which cell: by the tracks of structure from motion, or by how much of the photo the cell's points cover.

use std::path::Path;

use anyhow::Result;
use glam::DVec3;
use rayon::prelude::*;

use crate::camera::Camera;
use crate::dataset::{Capture, Cell, visit_tracks};

/// A photo with at least so many observed points is judged by them.
const ENOUGH_TRACKS: u32 = 50;
/// A photo sees a cell with this share of its observed points in it, and at least so many of them.
const SHARE_OF_TRACKS: f64 = 0.02;
const FEWEST_TRACKS: u32 = 8;
/// Tiles of a photo along its sides, and the number of them that the points of a cell must fall into: 2 % of all.
const TILES: (usize, usize) = (16, 12);
const FEWEST_TILES: u32 = 4;
/// Points of a cell that are projected; of more, every n-th.
const SAMPLE: usize = 2000;

/// Who sees what.
pub(super) struct Visibility {
    /// `[shots][cells]`
    pub seen: Vec<Vec<bool>>,
    /// Photos judged by tracks.
    pub by_tracks: usize,
}

/// Judges every shot of a capture, which lies at `path`. Cells count with their margins; `points` are those of the capture.
///
/// # Errors
/// A model whose tracks cannot be read.
pub(super) fn visibility(path: &Path, capture: &Capture, cells: &[Cell], points: &[DVec3]) -> Result<Visibility> {
    let (count, shots) = (cells.len(), capture.shots.len());
    let (mut tracks, mut totals) = (vec![0u32; shots * count], vec![0u32; shots]);
    let mut within = Vec::new();
    visit_tracks(path, capture, &mut |place, observers| {
        within.clear();
        within.extend((0..count).filter(|&cell| cells[cell].reaches(place)));
        for &shot in observers {
            totals[shot] += 1;
            within.iter().for_each(|cell| tracks[shot * count + cell] += 1);
        }
    })?;
    let samples: Vec<Vec<DVec3>> = cells.par_iter().map(|cell| sample(cell, points)).collect();
    let judge =
        |shot: usize| -> Vec<bool> {
            let camera = &capture.shots[shot].camera;
            let total = totals[shot];
            let by_tracks = |cell: usize| {
                let least = FEWEST_TRACKS.max((SHARE_OF_TRACKS * f64::from(total)).ceil() as u32);
                tracks[shot * count + cell] >= least
            };
            (0..count)
                .map(|cell| {
                    if total >= ENOUGH_TRACKS { by_tracks(cell) } else { covers(camera, &cells[cell], &samples[cell]) }
                })
                .collect()
        };
    let seen = (0..shots).into_par_iter().map(judge).collect();
    Ok(Visibility { seen, by_tracks: totals.iter().filter(|&&total| total >= ENOUGH_TRACKS).count() })
}

fn sample(cell: &Cell, points: &[DVec3]) -> Vec<DVec3> {
    let inside: Vec<DVec3> = points.iter().copied().filter(|point| cell.reaches(*point)).collect();
    inside.iter().copied().step_by(inside.len().div_ceil(SAMPLE).max(1)).collect()
}

/// Whether a camera stands in a cell and sees some of its points, or those cover enough of its image. What stands between
/// is not known here; training leaves out the photos that show nothing.
fn covers(camera: &Camera, cell: &Cell, points: &[DVec3]) -> bool {
    let size = glam::dvec2(f64::from(camera.lens.width), f64::from(camera.lens.height));
    let mut hit = [false; TILES.0 * TILES.1];
    for point in points {
        let Some((pixel, _)) = camera.project(*point) else { continue };
        let at = pixel / size;
        if at.cmpge(glam::DVec2::ZERO).all() && at.cmplt(glam::DVec2::ONE).all() {
            hit[(at.y * TILES.1 as f64) as usize * TILES.0 + (at.x * TILES.0 as f64) as usize] = true;
        }
    }
    let tiles = hit.iter().filter(|tile| **tile).count() as u32;
    tiles >= if cell.reaches(camera.pose.centre()) { 1 } else { FEWEST_TILES }
}
