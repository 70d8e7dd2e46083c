//! Scalar codebooks of 256 entries.

use rayon::prelude::*;

/// Entries of a codebook.
pub(super) const SIZE: usize = 256;
/// The most values that a codebook is fitted to; of more, evenly spaced ones are used.
const MAX_SAMPLE: usize = 1 << 22;
/// Iterations of Lloyd's algorithm.
const ROUNDS: usize = 60;
/// Bins of the histogram, and the radius in bins of the box filter that smooths it three times.
const BINS: usize = 4096;
const SMOOTHING: usize = 8;
/// Errors are weighted by the density of the values to the power of minus this.
const RARITY: f64 = 0.25;
/// The largest error of a value, as a share of the range of the values. Evenly spaced entries would reach 1/510; a looser
/// bound takes few entries and leaves the others to frequent values.
const WORST: f32 = 1.0 / 128.0;

/// Entries in ascending order; a value is stored as the index of the nearest entry.
#[derive(Clone, Debug)]
pub(super) struct Codebook {
    pub numbers: Vec<f32>,
    borders: Vec<f32>,
}

impl Codebook {
    /// Fits a codebook of [`SIZE`] entries to the `n` values `value(i)`: nearly the least weighted mean square error, with
    /// no error larger than [`WORST`] allows.
    pub fn of(n: usize, value: impl Fn(usize) -> f32 + Sync) -> Self {
        let step = n.div_ceil(MAX_SAMPLE).max(1);
        let mut sorted: Vec<f32> = (0..n.div_ceil(step)).into_par_iter().map(|i| value(i * step)).collect();
        sorted.par_sort_unstable_by(f32::total_cmp);
        let mut distinct = sorted.clone();
        distinct.dedup();
        if distinct.len() <= SIZE && step == 1 {
            distinct.resize(SIZE, distinct.last().copied().unwrap_or(0.0));
            return Self::new(distinct);
        }
        drop(distinct);
        let density = Density::of(&sorted);
        let sums = Sums::of(&sorted, &density);
        let mut kept = 0;
        loop {
            let mut book = Self::of_least_error(SIZE - kept, &sorted, &density, &sums);
            let covers = book.covers(n, &value);
            if covers.len() <= kept {
                book.numbers.extend(covers);
                book.numbers.resize(SIZE, book.numbers[0]);
                book.numbers.sort_unstable_by(f32::total_cmp);
                return Self::new(book.numbers);
            }
            kept = covers.len();
        }
    }

    /// Fits a codebook of `size` entries with nearly the least weighted mean square error.
    fn of_least_error(size: usize, sorted: &[f32], density: &Density, sums: &Sums) -> Self {
        let last = sorted.len() - 1;
        let by_quantile = (0..size).map(|k| sorted[(2 * k + 1) * last / (2 * size)]).collect();
        // Which start ends better depends on the tails.
        let refined = [by_quantile, density.start(size)].into_par_iter().map(|start| sums.refine(sorted, start));
        let mut refined: Vec<(f64, Self)> = refined.collect();
        let best = usize::from(refined[1].0 < refined[0].0);
        refined.swap_remove(best).1
    }

    /// Numbers that bring those of the `n` values within [`WORST`] that are not, from the lowest on: 65 at most.
    fn covers(&self, n: usize, value: &(impl Fn(usize) -> f32 + Sync)) -> Vec<f32> {
        let bounds = |(low, high): (f32, f32), v: f32| (low.min(v), high.max(v));
        let empty = || (f32::INFINITY, f32::NEG_INFINITY);
        let values = || (0..n).into_par_iter().map(value);
        let (low, high) = values().fold(empty, bounds).reduce(empty, |a, b| (a.0.min(b.0), a.1.max(b.1)));
        let limit = (high - low) * WORST;
        let far = |v: &f32| (v - self.numbers[usize::from(self.index(*v))]).abs() > limit;
        let mut far: Vec<f32> = values().filter(far).collect();
        far.par_sort_unstable_by(f32::total_cmp);
        let mut left = far.as_slice();
        let mut covers = Vec::new();
        while let Some(&first) = left.first() {
            let end = left.partition_point(|v| v - first <= 2.0 * limit);
            covers.push(first + (left[end - 1] - first) / 2.0);
            left = &left[end..];
        }
        covers
    }

    fn new(numbers: Vec<f32>) -> Self {
        let borders = numbers.windows(2).map(|pair| pair[0] + (pair[1] - pair[0]) / 2.0).collect();
        Self { numbers, borders }
    }

    /// Index of the nearest number.
    pub fn index(&self, value: f32) -> u8 {
        self.borders.partition_point(|&border| border < value) as u8
    }
}

/// The density of the values: a smoothed histogram.
struct Density {
    low: f32,
    width: f32,
    counts: Vec<f64>,
}

impl Density {
    fn of(sorted: &[f32]) -> Self {
        let (low, high) = (sorted[0], sorted[sorted.len() - 1]);
        let mut density =
            Self { low, width: ((high - low) / BINS as f32).max(f32::MIN_POSITIVE), counts: vec![0.0; BINS] };
        for &value in sorted {
            let bin = density.bin(value);
            density.counts[bin] += 1.0;
        }
        // Three times the mean of three, which is nearly a bell.
        for _ in 0..3 {
            let counts = &density.counts;
            let near = |bin: usize| &counts[bin.saturating_sub(SMOOTHING)..(bin + SMOOTHING + 1).min(BINS)];
            let mean = |bin: usize| near(bin).iter().sum::<f64>() / near(bin).len() as f64;
            density.counts = (0..BINS).map(mean).collect();
        }
        density
    }

    fn bin(&self, value: f32) -> usize {
        (((value - self.low) / self.width) as usize).min(BINS - 1)
    }

    /// The weight of an error at a value. Without it, rare values would be off by much, such as the sizes of the largest
    /// Gaussians, which show most.
    fn weight(&self, value: f32) -> f64 {
        self.counts[self.bin(value)].max(f64::MIN_POSITIVE).powf(-RARITY)
    }

    /// `size` numbers whose density is the cube root of that of the weighted values, the best there is (Panter and Dite).
    fn start(&self, size: usize) -> Vec<f32> {
        let mass: Vec<f64> = self.counts.iter().map(|count| count.powf((1.0 - RARITY) / 3.0)).collect();
        let total: f64 = mass.iter().sum();
        let mut numbers = Vec::with_capacity(size);
        let mut reached = 0.0;
        for (bin, mass) in mass.into_iter().enumerate() {
            let wanted = |k: usize| total * (k as f64 + 0.5) / size as f64;
            while numbers.len() < size && reached + mass > wanted(numbers.len()) {
                let within = (wanted(numbers.len()) - reached) / mass;
                numbers.push(self.low + self.width * (bin as f32 + within as f32));
            }
            reached += mass;
        }
        numbers.resize(size, self.low + self.width * BINS as f32);
        numbers
    }
}

/// Sums over the first k sorted values, weighted: of the weights, of the values, and of their squares.
struct Sums {
    weights: Vec<f64>,
    first: Vec<f64>,
    squares: Vec<f64>,
}

impl Sums {
    fn of(sorted: &[f32], density: &Density) -> Self {
        let running = |power: i32| {
            let mut sum = 0.0;
            let sums = sorted.iter().map(|&value| {
                sum += density.weight(value) * f64::from(value).powi(power);
                sum
            });
            std::iter::once(0.0).chain(sums).collect()
        };
        Self { weights: running(0), first: running(1), squares: running(2) }
    }

    /// Lloyd's algorithm from `numbers`: the sum of squared errors, and the codebook.
    fn refine(&self, sorted: &[f32], numbers: Vec<f32>) -> (f64, Codebook) {
        let mut book = Codebook::new(numbers);
        let mut error = f64::INFINITY;
        for _ in 0..ROUNDS {
            let mut now = 0.0;
            let mut start = 0;
            let mut numbers = book.numbers.clone();
            for (k, number) in numbers.iter_mut().enumerate() {
                let end = book.borders.get(k).map_or(sorted.len(), |&b| sorted.partition_point(|&v| v <= b)).max(start);
                if end > start {
                    let (weight, sum) = (self.weights[end] - self.weights[start], self.first[end] - self.first[start]);
                    *number = (sum / weight) as f32;
                    now += self.squares[end] - self.squares[start] - sum * sum / weight;
                }
                start = end;
            }
            // Entries without values may have been overtaken.
            numbers.sort_unstable_by(f32::total_cmp);
            book = Codebook::new(numbers);
            if now >= error * 0.999_9 {
                error = error.min(now);
                break;
            }
            error = now;
        }
        (error, book)
    }
}
