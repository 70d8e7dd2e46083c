//! Space in parts of about as many Gaussians each, by planes across the longer sides.

use glam::Vec3;

use crate::scene::stats::percentile;

/// Points that the widest axis is looked for among.
const LOOKED_AT: usize = 1024;
/// The share of them that is left out at both ends, in percent: a few far ones must not decide.
const OUTER: usize = 10;

/// What a plane is between.
#[derive(Debug)]
pub enum Tree {
    Part(usize),
    Fork(Box<[Tree; 2]>),
}

/// The parts of space that are handled one after the other: planes through a sample of the means.
#[derive(Debug)]
pub struct Cells {
    planes: Planes,
    count: usize,
}

#[derive(Debug)]
enum Planes {
    Cell(usize),
    Plane { axis: usize, at: f32, sides: Box<[Planes; 2]> },
}

impl Cells {
    /// About `count` cells, in each of which is about the same share of the `sample`; at least one.
    pub fn of(sample: &mut [Vec3], count: usize) -> Self {
        let mut made = 0;
        let planes = Planes::of(sample, count, &mut made);
        Self { planes, count: made }
    }

    pub fn len(&self) -> usize {
        self.count
    }

    /// The cell that a point is in.
    pub fn find(&self, point: Vec3) -> usize {
        let mut planes = &self.planes;
        loop {
            match planes {
                Planes::Cell(cell) => return *cell,
                Planes::Plane { axis, at, sides } => planes = &sides[usize::from(point[*axis] >= *at)],
            }
        }
    }

    pub fn tree(&self) -> Tree {
        self.planes.tree()
    }
}

impl Planes {
    fn of(sample: &mut [Vec3], count: usize, made: &mut usize) -> Self {
        let axis = widest_axis(sample.len(), |i| sample[i]);
        let middle = sample.len() * (count / 2) / count.max(1);
        if count > 1 && middle > 0 {
            let (_, &mut border, _) = sample.select_nth_unstable_by(middle, |a, b| a[axis].total_cmp(&b[axis]));
            let at = border[axis];
            // Equal ones stay together, on the upper side.
            let below = partition(sample, |point| point[axis] < at);
            if below > 0 {
                let (low, high) = sample.split_at_mut(below);
                let low = Self::of(low, count / 2, made);
                return Self::Plane { axis, at, sides: Box::new([low, Self::of(high, count - count / 2, made)]) };
            }
        }
        *made += 1;
        Self::Cell(*made - 1)
    }

    fn tree(&self) -> Tree {
        match self {
            Self::Cell(cell) => Tree::Part(*cell),
            Self::Plane { sides, .. } => Tree::Fork(Box::new([sides[0].tree(), sides[1].tree()])),
        }
    }
}

/// Moves those for which `first` is true to the front; returns how many they are.
fn partition(points: &mut [Vec3], first: impl Fn(&Vec3) -> bool) -> usize {
    let mut front = 0;
    for i in 0..points.len() {
        if first(&points[i]) {
            points.swap(front, i);
            front += 1;
        }
    }
    front
}

/// Splits Gaussians into parts of at most `most` each, by halves; the parts' members are in rising order.
pub fn split(means: &[Vec3], most: usize) -> (Tree, Vec<Vec<u32>>) {
    let mut members: Vec<u32> = (0..means.len() as u32).collect();
    let mut parts = Vec::new();
    let tree = halve(means, &mut members, most, &mut parts);
    (tree, parts)
}

fn halve(means: &[Vec3], members: &mut [u32], most: usize, parts: &mut Vec<Vec<u32>>) -> Tree {
    members.sort_unstable();
    if members.len() <= most.max(1) {
        parts.push(members.to_vec());
        return Tree::Part(parts.len() - 1);
    }
    let axis = widest_axis(members.len(), |i| means[members[i] as usize]);
    let half = members.len() / 2;
    members.select_nth_unstable_by(half, |&a, &b| {
        means[a as usize][axis].total_cmp(&means[b as usize][axis]).then(a.cmp(&b))
    });
    let (low, high) = members.split_at_mut(half);
    let low = halve(means, low, most, parts);
    Tree::Fork(Box::new([low, halve(means, high, most, parts)]))
}

/// The axis along which the inner ones of `n` points are spread the most.
fn widest_axis(n: usize, point: impl Fn(usize) -> Vec3) -> usize {
    let step = n.div_ceil(LOOKED_AT).max(1);
    let at = |axis: usize, percent: usize| {
        percentile((0..n).step_by(step).map(|i| f64::from(point(i)[axis])), percent).unwrap_or(0.0)
    };
    let spread = [0, 1, 2].map(|axis| at(axis, 100 - OUTER) - at(axis, OUTER));
    (1..3).fold(0, |best, axis| if spread[axis] > spread[best] { axis } else { best })
}
