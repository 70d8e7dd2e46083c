//! `plan.png`: the ground from above, with points, cameras, cells and their counts.

use std::path::Path;

use anyhow::Result;
use glam::{DVec2, DVec3};

use super::plan::Plan;
use crate::dataset::Cell;
use crate::image::canvas::Canvas;
use crate::image::png::save_png;

pub const PICTURE: &str = "plan.png";

/// Longest side, and the rim around what is shown, pixels.
const SIDE: f64 = 1000.0;
const RIM: f64 = 24.0;
/// Points that are drawn larger than a pixel.
const FEW_POINTS: usize = 20_000;
const PAPER: [u8; 3] = [250, 249, 246];
const POINT: [u8; 3] = [70, 90, 110];
const CAMERA: [u8; 3] = [214, 96, 30];
const BORDER: [u8; 3] = [20, 40, 70];
const MARGIN: [u8; 3] = [150, 175, 205];

/// Draws a plan into its folder. The second axis of the ground points up in the picture.
pub fn save(folder: &Path, plan: &Plan, points: &[DVec3], cameras: &[DVec3]) -> Result<()> {
    let cells: Vec<_> = plan.cells.iter().map(|planned| planned.cell).collect();
    let Some(first) = cells.first() else { return Ok(()) };
    let (low, high) = cells.iter().fold((first.low, first.high), |(low, high), cell| {
        (low.min(cell.low - cell.margin), high.max(cell.high + cell.margin))
    });
    let scale = SIDE / (high - low).max_element();
    let size = (high - low) * scale + 2.0 * RIM;
    let place = |ground: DVec2| {
        let at = (ground - low) * scale;
        [RIM + at.x, size.y - RIM - at.y]
    };
    let mut canvas = Canvas::new(size.x.ceil() as u32, size.y.ceil() as u32, PAPER);
    // Few points are dots that can be seen; many are blended, so that a dense capture is no black square.
    let share = (4e4 / points.len().max(1) as f32).clamp(0.06, 0.5);
    for point in points {
        let [x, y] = place(first.ground(*point));
        if points.len() < FEW_POINTS {
            canvas.dot([x, y], 1.3, POINT);
        } else {
            canvas.blend(x.floor() as i64, y.floor() as i64, POINT, share);
        }
    }
    // Cells at the rim have no end outwards; they are drawn to the edge of what is shown.
    let corners = |cell: &Cell, margin: DVec2| {
        let (from, to) = cell.ends(margin);
        let (from, to) = (from.max(low), to.min(high));
        (place(with_y(from, to)), place(with_y(to, from)))
    };
    for cell in &cells {
        let (from, to) = corners(cell, cell.margin);
        canvas.outline(from, to, 1, MARGIN);
    }
    for camera in cameras {
        canvas.dot(place(first.ground(*camera)), 2.0, CAMERA);
    }
    for planned in &plan.cells {
        let cell = planned.cell;
        let (from, to) = corners(&cell, DVec2::ZERO);
        canvas.outline(from, to, 2, BORDER);
        let [x, y] = from.map(|v| v as i64 + 8);
        let counts = [(planned.block.photos, CAMERA), (planned.block.points, POINT)];
        for (line, (count, colour)) in (0..).zip(counts) {
            canvas.digits(&count.to_string(), [x, y + 18 * line], 3, colour);
        }
    }
    save_png(&folder.join(PICTURE), &canvas.image)
}

/// The x of one place and the y of another.
fn with_y(x: DVec2, y: DVec2) -> DVec2 {
    DVec2::new(x.x, y.y)
}
