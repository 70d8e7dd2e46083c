//! A palette of whole sets of spherical-harmonic coefficients (vector quantisation in up to 45 dimensions).
//!
//! The leaves of a tree of the rows are the first clusters, a few times too many. Those that it costs least to join are
//! joined, neighbours in pairs (the pairwise nearest neighbours of Equitz), and rounds of k-means refine what is left. A
//! tree of the clusters is the index: k-means keeps a row's earlier cluster where the search finds none that is nearer, so
//! that no round makes the error larger.

use rayon::prelude::*;

use super::clusters::{MAX_WIDTH, PaddedRows, Queue, Sums, Tree, distance, padded};
use super::quantise::GRAIN;

/// The most rows that clusters are fitted to; of more, evenly spaced ones are used.
const MAX_SAMPLE: usize = 1 << 19;
/// Number of first clusters per final cluster.
const EXCESS: usize = 4;
/// No cluster.
const NONE: u32 = u32::MAX;
/// Rounds of k-means.
const ROUNDS: usize = 3;

/// (1, 1, 1), (1, 0, −1) and (1, −2, 1), each of length 1.
const TURN: [[f32; 3]; 3] = [
    [0.577_350_26, 0.577_350_26, 0.577_350_26],
    [std::f32::consts::FRAC_1_SQRT_2, 0.0, -std::f32::consts::FRAC_1_SQRT_2],
    [0.408_248_3, -0.816_496_6, 0.408_248_3],
];

/// Turns a row of 3·K floats (coefficient-major, RGB innermost) so that its axes are less alike: red, green and blue of a
/// coefficient nearly agree, their sum and differences do not. The turn keeps distances. `out` has the sums of all coefficients first, since they decide most, then the differences.
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
        let mut rows = PaddedRows { width, values: vec![0.0; count * width], weights: vec![1.0; count] };
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
fn recentre(rows: &PaddedRows, labels: &[(u32, f32)], centres: &mut [f32]) {
    // PaddedRows by cluster: a counting sort, which keeps their order.
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
