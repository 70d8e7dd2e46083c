//! A palette of whole sets of spherical harmonics: clusters of rows in up to 45 dimensions.
//!
//! A tree splits the rows, always those of the largest sum of squared errors and across the axis of the largest variance;
//! its leaves are the first clusters. Rounds of k-means refine them, with the tree as the index: a search looks at the
//! clusters of the leaves nearest to a row, a bounded number of them, and keeps the row's earlier cluster where none is
//! nearer, so that no round makes the error larger.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use rayon::prelude::*;

use super::quantise::GRAIN;

/// Rows that clusters are formed of; more are represented by evenly spaced ones of them.
const MAX_SAMPLE: usize = 1 << 19;
/// Rounds of k-means.
const ROUNDS: usize = 4;
/// Clusters that a search looks at.
const CANDIDATES: usize = 64;
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

    /// Sums of the rows and of their squares along each axis.
    fn sums(&self, indices: &[u32]) -> [[f64; MAX_WIDTH]; 2] {
        let of_block = |block: &[u32]| {
            let mut sums = [[0.0; MAX_WIDTH]; 2];
            let [first, squares] = &mut sums;
            for &i in block {
                let values = first.iter_mut().zip(squares.iter_mut()).zip(self.row(i as usize));
                for ((first, square), &value) in values {
                    let value = f64::from(value);
                    *first += value;
                    *square += value * value;
                }
            }
            sums
        };
        if indices.len() <= SUM_BLOCK {
            return of_block(indices);
        }
        let blocks: Vec<_> = indices.par_chunks(SUM_BLOCK).map(of_block).collect();
        blocks.iter().fold([[0.0; MAX_WIDTH]; 2], |mut total, block| {
            total.as_flattened_mut().iter_mut().zip(block.as_flattened()).for_each(|(t, v)| *t += v);
            total
        })
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
    /// Sum of the squared distances from the centre.
    error: f64,
}

impl Open {
    /// The node with these rows; appends its centre to `centres`.
    fn of(rows: &Rows, indices: &[u32], start: usize, end: usize, centres: &mut Vec<f32>) -> Self {
        let [first, squares] = rows.sums(&indices[start..end]);
        let count = (end - start) as f64;
        let (mut axis, mut largest, mut error) = (0, -1.0, 0.0);
        for (at, (sum, square)) in first.iter().zip(&squares).take(rows.width).enumerate() {
            centres.push((sum / count) as f32);
            let variance = (square - sum * sum / count).max(0.0);
            error += variance;
            if variance > largest {
                (axis, largest) = (at, variance);
            }
        }
        Self { start, end, axis, mean: (first[axis] / count) as f32, error }
    }
}

struct Tree {
    nodes: Vec<Node>,
    /// `[P][width]` centres of the leaves.
    centres: Vec<f32>,
}

impl Tree {
    /// Splits `count` rows, at least one, into `leaves` at most.
    fn grow(rows: &Rows, count: usize, leaves: usize) -> Self {
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
        tree.number_leaves(&centres, rows.width);
        tree
    }

    /// Numbers the leaves from the lowest to the highest, so that neighbours are alike.
    fn number_leaves(&mut self, centres: &[f32], width: usize) {
        let mut stack = vec![0];
        let mut next = 0;
        while let Some(node) = stack.pop() {
            match &mut self.nodes[node] {
                Node::Split { below, above, .. } => stack.extend([*above, *below]),
                Node::Leaf(number) => {
                    *number = next;
                    next += 1;
                    self.centres.extend(&centres[node * width..][..width]);
                }
            }
        }
    }

    /// The nearest centre to `row` among those of the nearest leaves and `best`, with its squared distance.
    fn nearest(&self, row: &[f32], mut best: (u32, f32), queue: &mut Queue) -> (u32, f32) {
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
            if let Node::Leaf(leaf) = self.nodes[node] {
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
    /// At most `size` sets of `floats` coefficients for the `n` rows that `row` gives.
    pub fn of<'a>(n: usize, floats: usize, size: usize, row: impl Fn(usize) -> &'a [f32] + Sync) -> Self {
        let step = n.div_ceil(MAX_SAMPLE).max(1);
        let (count, width) = (n.div_ceil(step), padded(floats));
        let mut rows = Rows { width, values: vec![0.0; count * width] };
        let turned = rows.values.par_chunks_exact_mut(width).enumerate();
        turned.with_min_len(GRAIN).for_each(|(i, out)| turn(row(i * step), out));
        let mut tree = Tree::grow(&rows, count, size);
        let mut labels = vec![(0, f32::INFINITY); count];
        for _ in 0..ROUNDS {
            let search = |queue: &mut Queue, (i, label): (usize, &mut (u32, f32))| {
                // The centre may have moved since.
                if label.1.is_finite() {
                    let centre = &tree.centres[label.0 as usize * width..][..width];
                    label.1 = distance(rows.row(i), centre, f32::INFINITY);
                }
                *label = tree.nearest(rows.row(i), *label, queue);
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
            let nearest = self.tree.nearest(&turned[..padded(self.floats)], (0, f32::INFINITY), queue);
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
        let [first, _] = rows.sums(members);
        centre.iter_mut().zip(first).for_each(|(value, sum)| *value = (sum / members.len() as f64) as f32);
    });
}
