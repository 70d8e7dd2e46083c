//! A palette of whole sets of spherical harmonics: clusters of rows in up to 45 dimensions.
//!
//! A tree splits the rows, always those of the largest sum of squared errors and across the axis of the largest variance;
//! its leaves are the first clusters, a few times too many. Those that it costs least to join are joined, neighbours in
//! pairs (the pairwise nearest neighbours of Equitz), and rounds of k-means refine what is left. A tree of the clusters is
//! the index: a search looks at those of the leaves nearest to a row, a bounded number of them, and k-means keeps a row's
//! earlier cluster where none is nearer, so that no round makes the error larger.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use rayon::prelude::*;

use super::quantise::GRAIN;

/// Rows that clusters are formed of; more are represented by evenly spaced ones of them.
const MAX_SAMPLE: usize = 1 << 19;
/// First clusters for each that is wanted.
const EXCESS: usize = 4;
/// No cluster.
const NONE: u32 = u32::MAX;
/// Rounds of k-means.
const ROUNDS: usize = 3;
/// Clusters that a search looks at.
const CANDIDATES: usize = 32;
/// Floats that a distance is summed over at a time.
const LANES: usize = 8;
/// Most floats of a padded row.
const MAX_WIDTH: usize = 48;
/// Rows whose sums are made by one task; fixed, so that sums do not depend on the number of threads.
const SUM_BLOCK: usize = 8192;

/// Rows of 3·K floats (coefficient-major, RGB innermost), turned so that the axes are less alike: red, green and blue of
/// a coefficient nearly agree, their sum and differences do not. The turn keeps distances.
struct Rows {
    width: usize,
    values: Vec<f32>,
    /// How much the error of each matters; those of clusters are the sums of their rows'.
    weights: Vec<f32>,
}

/// (1, 1, 1), (1, 0, −1) and (1, −2, 1), each of length 1.
const TURN: [[f32; 3]; 3] = [
    [0.577_350_26, 0.577_350_26, 0.577_350_26],
    [std::f32::consts::FRAC_1_SQRT_2, 0.0, -std::f32::consts::FRAC_1_SQRT_2],
    [0.408_248_3, -0.816_496_6, 0.408_248_3],
];

/// Turns `row` into `out`: the sums of all coefficients first, since they decide most, then the differences.
fn turn(row: &[f32], out: &mut [f32]) {
    let coefficients = row.len() / 3;
    for (k, rgb) in row.chunks_exact(3).enumerate() {
        for (axis, weights) in TURN.iter().enumerate() {
            out[axis * coefficients + k] = weights.iter().zip(rgb).map(|(w, v)| w * v).sum();
        }
    }
}

/// The inverse of [`turn`].
fn turn_back(turned: &[f32], row: &mut [f32]) {
    let coefficients = row.len() / 3;
    for (k, rgb) in row.chunks_exact_mut(3).enumerate() {
        for (channel, value) in rgb.iter_mut().enumerate() {
            *value = (0..3).map(|axis| TURN[axis][channel] * turned[axis * coefficients + k]).sum();
        }
    }
}

fn padded(width: usize) -> usize {
    width.next_multiple_of(LANES)
}

impl Rows {
    fn row(&self, i: usize) -> &[f32] {
        &self.values[i * self.width..][..self.width]
    }

    /// Weighted sums of the rows and of their squares along each axis, and the sum of the weights.
    fn sums(&self, indices: &[u32]) -> Sums {
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
    fn joined(mut self, size: usize) -> Self {
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

struct Sums {
    first: [f64; MAX_WIDTH],
    squares: [f64; MAX_WIDTH],
    weight: f64,
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
fn distance(a: &[f32], b: &[f32], enough: f32) -> f32 {
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
    fn of(rows: &Rows, indices: &[u32], start: usize, end: usize, centres: &mut Vec<f32>) -> Self {
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
struct Tree {
    nodes: Vec<Node>,
    /// `[P][width]`: the rows of the leaves.
    centres: Vec<f32>,
}

impl Tree {
    /// Splits rows, at least one, into `leaves` at most: the tree, and the leaves' centres and weights as rows.
    fn grow(rows: &Rows, leaves: usize) -> (Self, Rows) {
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
        let leaves = Rows { width: rows.width, values: tree.centres.clone(), weights };
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
    fn nearest(&self, row: &[f32], mut best: (u32, f32), except: u32, queue: &mut Queue) -> (u32, f32) {
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
type Queue = BinaryHeap<(Reverse<u32>, usize)>;

/// Sorts `indices` into those below a threshold and the others: the threshold, half way between the means of the two
/// parts, and the number below. `None` where all rows agree.
fn split(rows: &Rows, indices: &mut [u32], axis: usize, mean: f32) -> Option<(f32, usize)> {
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

/// Up to 65 536 sets of coefficients.
pub(super) struct Palette {
    tree: Tree,
    /// Floats of a set, without padding.
    floats: usize,
}

impl Palette {
    /// At most `size` sets of `floats` coefficients for the `n` rows that `row` gives, with the weights of their errors.
    pub fn of<'a>(n: usize, floats: usize, size: usize, row: impl Fn(usize) -> (&'a [f32], f32) + Sync) -> Self {
        let step = n.div_ceil(MAX_SAMPLE).max(1);
        let (count, width) = (n.div_ceil(step), padded(floats));
        let mut rows = Rows { width, values: vec![0.0; count * width], weights: vec![1.0; count] };
        let turned = rows.values.par_chunks_exact_mut(width).zip(&mut rows.weights).enumerate();
        turned.with_min_len(GRAIN).for_each(|(i, (out, weight))| {
            let (values, own) = row(i * step);
            turn(values, out);
            *weight = own;
        });
        let (_, first) = Tree::grow(&rows, size.saturating_mul(EXCESS));
        let clusters = first.joined(size);
        let (mut tree, _) = Tree::grow(&clusters, size);
        let mut labels = vec![(0, f32::INFINITY); count];
        for _ in 0..ROUNDS {
            let search = |queue: &mut Queue, (i, label): (usize, &mut (u32, f32))| {
                // The centre may have moved since.
                if label.1.is_finite() {
                    let centre = &tree.centres[label.0 as usize * width..][..width];
                    label.1 = distance(rows.row(i), centre, f32::INFINITY);
                }
                *label = tree.nearest(rows.row(i), *label, NONE, queue);
            };
            labels.par_iter_mut().enumerate().with_min_len(GRAIN).for_each_init(Queue::new, search);
            recentre(&rows, &labels, &mut tree.centres);
        }
        Self { tree, floats }
    }

    /// Number of sets.
    pub fn len(&self) -> usize {
        self.tree.centres.len() / padded(self.floats)
    }

    /// All sets, one after the other.
    pub fn sets(&self) -> Vec<f32> {
        let mut sets = vec![0.0; self.len() * self.floats];
        let rows = sets.chunks_exact_mut(self.floats).zip(self.tree.centres.chunks_exact(padded(self.floats)));
        rows.for_each(|(set, centre)| turn_back(centre, set));
        sets
    }

    /// Takes these sets, of the same number, such as those of [`Palette::sets`] after rounding.
    pub fn replace(&mut self, sets: &[f32]) {
        let rows = self.tree.centres.chunks_exact_mut(padded(self.floats)).zip(sets.chunks_exact(self.floats));
        rows.for_each(|(centre, set)| turn(set, centre));
    }

    /// The set for each of `n` rows.
    pub fn labels<'a>(&self, n: usize, row: impl Fn(usize) -> &'a [f32] + Sync) -> Vec<u16> {
        let label = |queue: &mut Queue, i: usize| {
            let mut turned = [0.0; MAX_WIDTH];
            turn(row(i), &mut turned);
            let nearest = self.tree.nearest(&turned[..padded(self.floats)], (0, f32::INFINITY), NONE, queue);
            nearest.0 as u16
        };
        (0..n).into_par_iter().with_min_len(GRAIN).map_init(Queue::new, label).collect()
    }
}

/// Moves each centre into the mean of its rows; one without rows stays.
fn recentre(rows: &Rows, labels: &[(u32, f32)], centres: &mut [f32]) {
    // Rows by cluster: a counting sort, which keeps their order.
    let mut ends = vec![0; centres.len() / rows.width + 1];
    labels.iter().for_each(|(label, _)| ends[*label as usize + 1] += 1);
    for k in 1..ends.len() {
        ends[k] += ends[k - 1];
    }
    let starts = ends.clone();
    let mut members = vec![0_u32; labels.len()];
    for (i, (label, _)) in labels.iter().enumerate() {
        members[ends[*label as usize]] = i as u32;
        ends[*label as usize] += 1;
    }
    centres.par_chunks_exact_mut(rows.width).enumerate().with_min_len(256).for_each(|(k, centre)| {
        let members = &members[starts[k]..starts[k + 1]];
        if members.is_empty() {
            return;
        }
        let Sums { first, weight, .. } = rows.sums(members);
        centre.iter_mut().zip(first).for_each(|(value, sum)| *value = (sum / weight) as f32);
    });
}
