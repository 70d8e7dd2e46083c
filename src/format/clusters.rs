//! Clustering of rows in up to 45 dimensions, and a tree for approximate nearest-neighbour search.
//!
//! The tree always splits the node with the largest sum of squared errors, across its axis of largest variance. A search
//! visits a bounded number of the leaves nearest to a row.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use rayon::prelude::*;

/// The most clusters that a search visits.
const CANDIDATES: usize = 32;
/// Floats per partial sum of a distance.
const LANES: usize = 8;
/// The most floats of a padded row.
pub(super) const MAX_WIDTH: usize = 48;
/// PaddedRows whose sums are made by one task; fixed, so that sums do not depend on the number of threads.
const SUM_BLOCK: usize = 8192;

/// PaddedRows of floats, padded by zeros to a multiple of [`LANES`].
pub(super) struct PaddedRows {
    pub width: usize,
    pub values: Vec<f32>,
    /// Weight of each row's error; the weight of a cluster is the sum of its rows' weights.
    pub weights: Vec<f32>,
}

pub(super) fn padded(width: usize) -> usize {
    width.next_multiple_of(LANES)
}

impl PaddedRows {
    pub fn row(&self, i: usize) -> &[f32] {
        &self.values[i * self.width..][..self.width]
    }

    /// Weighted sums of the rows and of their squares along each axis, and the sum of the weights.
    pub fn sums(&self, indices: &[u32]) -> Sums {
        let of_block = |block: &[u32]| {
            let mut sums = Sums { first: [0.0; MAX_WIDTH], squares: [0.0; MAX_WIDTH], weight: 0.0 };
            for &i in block {
                let weight = f64::from(self.weights[i as usize]);
                let values = sums.first.iter_mut().zip(&mut sums.squares).zip(self.row(i as usize));
                for ((first, square), &value) in values {
                    let value = f64::from(value);
                    *first += weight * value;
                    *square += weight * value * value;
                }
                sums.weight += weight;
            }
            sums
        };
        if indices.len() <= SUM_BLOCK {
            return of_block(indices);
        }
        let blocks: Vec<Sums> = indices.par_chunks(SUM_BLOCK).map(of_block).collect();
        blocks.into_iter().reduce(Sums::plus).unwrap_or_else(|| of_block(&[]))
    }

    /// Joins clusters, the rows of a tree's leaves, until `size` are left: at most a quarter in a round, those first that
    /// add the least to the sum of squared errors.
    pub fn joined(mut self, size: usize) -> Self {
        while self.weights.len() > size {
            let n = self.weights.len();
            let (tree, rows) = Tree::grow(&self, n);
            self = rows;
            // Equal rows share a leaf.
            let n = self.weights.len();
            let cost = |queue: &mut Queue, i: usize| {
                let (j, to) = tree.nearest(self.row(i), (u32::MAX, f32::INFINITY), i as u32, queue);
                let other = self.weights.get(j as usize).copied().unwrap_or(1.0);
                (to * self.weights[i] * other / (self.weights[i] + other), i, j as usize)
            };
            let mut pairs: Vec<(f32, usize, usize)> =
                (0..n).into_par_iter().with_min_len(256).map_init(Queue::new, cost).collect();
            pairs.par_sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            let most = n.saturating_sub(size).min(n / 4 + 1);
            let mut partner = vec![None; n];
            let mut joined = 0;
            for (_, i, j) in pairs {
                if joined < most && j < n && partner[i].is_none() && partner[j].is_none() {
                    (partner[i], partner[j]) = (Some(j), Some(i));
                    joined += 1;
                }
            }
            if joined == 0 {
                break;
            }
            self = self.join(&partner);
        }
        self
    }

    /// Each row, or the mean of it and its partner in the place of the first.
    fn join(&self, partner: &[Option<usize>]) -> Self {
        let mut joined = Self { width: self.width, values: Vec::new(), weights: Vec::new() };
        for (i, partner) in partner.iter().enumerate().filter(|(i, partner)| partner.is_none_or(|j| *i < j)) {
            let j = partner.unwrap_or(i);
            let total = if j == i { self.weights[i] } else { self.weights[i] + self.weights[j] };
            let share = self.weights[i] / total;
            joined.values.extend(self.row(i).iter().zip(self.row(j)).map(|(a, b)| b + (a - b) * share));
            joined.weights.push(total);
        }
        joined
    }
}

pub(super) struct Sums {
    pub first: [f64; MAX_WIDTH],
    squares: [f64; MAX_WIDTH],
    pub weight: f64,
}

impl Sums {
    fn plus(mut self, other: Self) -> Self {
        self.first.iter_mut().zip(other.first).for_each(|(sum, value)| *sum += value);
        self.squares.iter_mut().zip(other.squares).for_each(|(sum, value)| *sum += value);
        self.weight += other.weight;
        self
    }
}

/// Squared distance, or a part of it that is at least `enough`.
pub(super) fn distance(a: &[f32], b: &[f32], enough: f32) -> f32 {
    let mut sums = [0.0_f32; LANES];
    let mut total = 0.0;
    for (i, (a, b)) in a.chunks_exact(LANES).zip(b.chunks_exact(LANES)).enumerate() {
        for (sum, (a, b)) in sums.iter_mut().zip(a.iter().zip(b)) {
            *sum += (a - b) * (a - b);
        }
        if i % 2 == 1 {
            total = sums.iter().sum();
            if total >= enough {
                return total;
            }
        }
    }
    total.max(sums.iter().sum())
}

#[derive(Clone, Copy)]
enum Node {
    Split { axis: usize, threshold: f32, below: usize, above: usize },
    Leaf(u32),
}

/// A node that is not split yet: rows at `start..end` of the sorted indices.
struct Open {
    start: usize,
    end: usize,
    /// Axis of the largest variance, and the mean along it.
    axis: usize,
    mean: f32,
    weight: f32,
    /// Sum of the squared distances from the centre.
    error: f64,
}

impl Open {
    /// The node with these rows; appends its centre to `centres`.
    fn of(rows: &PaddedRows, indices: &[u32], start: usize, end: usize, centres: &mut Vec<f32>) -> Self {
        let Sums { first, squares, weight } = rows.sums(&indices[start..end]);
        let (mut axis, mut largest, mut error) = (0, -1.0, 0.0);
        for (at, (sum, square)) in first.iter().zip(&squares).take(rows.width).enumerate() {
            centres.push((sum / weight) as f32);
            let variance = (square - sum * sum / weight).max(0.0);
            error += variance;
            if variance > largest {
                (axis, largest) = (at, variance);
            }
        }
        Self { start, end, axis, mean: (first[axis] / weight) as f32, weight: weight as f32, error }
    }
}

/// An index of rows by the leaf that they are in; see [`Tree::grow`].
pub(super) struct Tree {
    nodes: Vec<Node>,
    /// `[P][width]`: the rows of the leaves.
    pub centres: Vec<f32>,
}

impl Tree {
    /// Splits rows, at least one, into `leaves` at most: the tree, and the leaves' centres and weights as rows.
    pub fn grow(rows: &PaddedRows, leaves: usize) -> (Self, PaddedRows) {
        let count = rows.weights.len();
        let mut indices: Vec<u32> = (0..count as u32).collect();
        let (mut nodes, mut centres) = (vec![Node::Leaf(0)], Vec::new());
        let mut open = vec![Open::of(rows, &indices, 0, count, &mut centres)];
        // Errors are not negative, so that their bits are in the order of their values.
        let mut queue = BinaryHeap::from([(open[0].error.to_bits(), Reverse(0))]);
        let mut made = 1;
        while made < leaves {
            let Some((_, Reverse(node))) = queue.pop() else { break };
            let Open { start, end, axis, mean, .. } = open[node];
            let Some((threshold, middle)) = split(rows, &mut indices[start..end], axis, mean) else { continue };
            let below = nodes.len();
            nodes[node] = Node::Split { axis, threshold, below, above: below + 1 };
            for (start, end) in [(start, start + middle), (start + middle, end)] {
                let child = Open::of(rows, &indices, start, end, &mut centres);
                queue.push((child.error.to_bits(), Reverse(nodes.len())));
                nodes.push(Node::Leaf(0));
                open.push(child);
            }
            made += 1;
        }
        let mut tree = Self { nodes, centres: Vec::with_capacity(made * rows.width) };
        let weights = tree.number_leaves(&centres, &open, rows.width);
        let leaves = PaddedRows { width: rows.width, values: tree.centres.clone(), weights };
        (tree, leaves)
    }

    /// Numbers the leaves from the lowest to the highest, so that neighbours are alike; gives their weights.
    fn number_leaves(&mut self, centres: &[f32], open: &[Open], width: usize) -> Vec<f32> {
        let mut weights = Vec::new();
        let mut stack = vec![0];
        let mut next = 0;
        while let Some(node) = stack.pop() {
            match &mut self.nodes[node] {
                Node::Split { below, above, .. } => stack.extend([*above, *below]),
                Node::Leaf(number) => {
                    *number = next;
                    next += 1;
                    self.centres.extend(&centres[node * width..][..width]);
                    weights.push(open[node].weight);
                }
            }
        }
        weights
    }

    /// The nearest centre to `row` among those of the nearest leaves and `best`, with its squared distance; it is not
    /// `except`.
    pub fn nearest(&self, row: &[f32], mut best: (u32, f32), except: u32, queue: &mut Queue) -> (u32, f32) {
        queue.clear();
        queue.push((Reverse(0), 0));
        let mut looked = 0;
        while let Some((Reverse(bound), mut node)) = queue.pop() {
            let bound = f32::from_bits(bound);
            if bound >= best.1 || looked == CANDIDATES {
                break;
            }
            while let Node::Split { axis, threshold, below, above } = self.nodes[node] {
                let beyond = row[axis] - threshold;
                let (near, far) = if beyond < 0.0 { (below, above) } else { (above, below) };
                let far_bound = bound + beyond * beyond;
                if far_bound < best.1 {
                    queue.push((Reverse(far_bound.to_bits()), far));
                }
                node = near;
            }
            if let Node::Leaf(leaf) = self.nodes[node]
                && leaf != except
            {
                let centre = &self.centres[leaf as usize * row.len()..][..row.len()];
                let to = distance(row, centre, best.1);
                if to < best.1 {
                    best = (leaf, to);
                }
                looked += 1;
            }
        }
        best
    }
}

/// Nodes to look at, by the bits of a bound on the squared distance, the nearest first.
pub(super) type Queue = BinaryHeap<(Reverse<u32>, usize)>;

/// Sorts `indices` into those below a threshold and the others: the threshold, half way between the means of the two
/// parts, and the number below. `None` where all rows agree.
fn split(rows: &PaddedRows, indices: &mut [u32], axis: usize, mean: f32) -> Option<(f32, usize)> {
    let value = |i: u32| rows.values[i as usize * rows.width + axis];
    let mut threshold = mean;
    for _ in 0..2 {
        let (mut sums, mut counts) = ([0.0_f64; 2], [0.0_f64; 2]);
        for &i in &*indices {
            let side = usize::from(value(i) >= threshold);
            sums[side] += f64::from(value(i));
            counts[side] += 1.0;
        }
        if counts[0] == 0.0 || counts[1] == 0.0 {
            return None;
        }
        threshold = ((sums[0] / counts[0] + sums[1] / counts[1]) / 2.0) as f32;
    }
    // In place, and the same for equal inputs.
    let mut middle = 0;
    for i in 0..indices.len() {
        if value(indices[i]) < threshold {
            indices.swap(i, middle);
            middle += 1;
        }
    }
    (middle > 0 && middle < indices.len()).then_some((threshold, middle))
}
