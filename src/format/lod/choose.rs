//! Which level of which region a camera is shown.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use glam::{DVec2, DVec3};

use crate::camera::Camera;
use crate::format::sog::{Bound, Region};

/// Spacing of Gaussians in the picture, in pixels, at which a region needs no finer level.
const FINE: f64 = 1.0;
/// The nearest that a region counts as, in units of its own size: also around one with a sky in it.
const NEAREST: f64 = 0.25;

/// The level of each region for a picture with at most `budget` Gaussians; `None` for a region that is not drawn.
///
/// All begin at their coarsest level; those in view whose Gaussians are spaced the widest in the picture get the next finer
/// one, again and again, until the budget is spent or a pixel separates them. If the coarsest are too many already, those
/// out of view are left out first, then the smallest in the picture.
pub fn choose(regions: &[Region], camera: &Camera, budget: usize) -> Vec<Option<usize>> {
    let seen: Vec<Seen> = regions.iter().map(|region| Seen::of(&region.bound, camera)).collect();
    let coarsest = |i: usize| regions[i].levels.len() - 1;
    let mut order: Vec<usize> = (0..regions.len()).collect();
    order.sort_by(|&a, &b| {
        (seen[b].in_view, seen[b].pixels).partial_cmp(&(seen[a].in_view, seen[a].pixels)).unwrap_or(Ordering::Equal)
    });
    let (mut chosen, mut used) = (vec![None; regions.len()], 0);
    for i in order {
        let count = regions[i].levels[coarsest(i)].count;
        if used + count <= budget {
            (chosen[i], used) = (Some(coarsest(i)), used + count);
        }
    }
    let spacing = |i: usize, level: usize| seen[i].pixels / (regions[i].levels[level].count as f64).sqrt();
    let in_view = (0..regions.len()).filter(|&i| seen[i].in_view && chosen[i].is_some());
    let mut waiting: BinaryHeap<Waiting> =
        in_view.map(|i| Waiting { spacing: spacing(i, coarsest(i)), region: i }).collect();
    while let Some(Waiting { spacing: widest, region: i }) = waiting.pop() {
        let Some(level) = chosen[i].filter(|&level| level > 0 && widest > FINE) else { continue };
        let levels = &regions[i].levels;
        let with = used - levels[level].count + levels[level - 1].count;
        if with <= budget {
            (chosen[i], used) = (Some(level - 1), with);
            waiting.push(Waiting { spacing: spacing(i, level - 1), region: i });
        }
    }
    chosen
}

/// How a region is seen.
struct Seen {
    in_view: bool,
    /// Its diagonal in the picture.
    pixels: f64,
}

impl Seen {
    fn of(bound: &Bound, camera: &Camera) -> Self {
        let (low, high) = (bound.min.as_dvec3(), bound.max.as_dvec3());
        let (middle, size) = (0.5 * (low + high), low.distance(high));
        let eye = camera.pose.centre();
        let distance = eye.distance(eye.clamp(low, high)).max(NEAREST * size).max(f64::MIN_POSITIVE);
        let (to, radius) = (middle - eye, 0.5 * size);
        let angle = camera.pose.forward().angle_between(to.try_normalize().unwrap_or(DVec3::Z));
        let in_view = to.length() <= radius || angle - (radius / to.length()).asin() <= widest_angle(camera);
        Self { in_view, pixels: camera.lens.focal.max_element() * size / distance }
    }
}

/// The angle between a camera's axis and the corner that is farthest from it.
fn widest_angle(camera: &Camera) -> f64 {
    let lens = &camera.lens;
    let (width, height) = (f64::from(lens.width), f64::from(lens.height));
    let corners = [(0.0, 0.0), (width, 0.0), (0.0, height), (width, height)];
    corners.iter().map(|&(x, y)| lens.direction(DVec2::new(x, y)).angle_between(DVec3::Z)).fold(0.0, f64::max)
}

/// A region that may get a finer level; the one of the widest spacing comes first, of equal ones the first.
struct Waiting {
    spacing: f64,
    region: usize,
}

impl Ord for Waiting {
    fn cmp(&self, other: &Self) -> Ordering {
        self.spacing.total_cmp(&other.spacing).then(other.region.cmp(&self.region))
    }
}

impl PartialOrd for Waiting {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Waiting {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Waiting {}
