//! Codebooks of 256 numbers for many.

use rayon::prelude::*;

/// Numbers in a codebook.
pub(super) const SIZE: usize = 256;
/// More values than this are represented by evenly spaced ones of them.
const MAX_SAMPLE: usize = 1 << 22;
/// Rounds of Lloyd's algorithm, each of which only looks at the borders.
const ROUNDS: usize = 60;
/// Bins of the histogram that the first codebook is drawn from.
const BINS: usize = 4096;

/// Rising numbers; a value is stored as the index of the nearest.
#[derive(Clone, Debug)]
pub(super) struct Codebook {
    pub numbers: Vec<f32>,
    borders: Vec<f32>,
}

impl Codebook {
    /// The codebook of [`SIZE`] numbers with, nearly, the least mean square error over the i-th of `n` values.
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
        let sums = Sums::of(&sorted);
        let last = sorted.len() - 1;
        let by_quantile = (0..SIZE).map(|k| sorted[(2 * k + 1) * last / (2 * SIZE)]).collect();
        // Even numbers of values for each entry are wasteful where they are dense; the best density of entries is the cube
        // root of that of the values (Panter and Dite). Which start ends better depends on the tails.
        let starts = [by_quantile, by_cube_root(&sorted)];
        let refined = starts.into_par_iter().map(|start| sums.refine(&sorted, start));
        let mut refined: Vec<(f64, Self)> = refined.collect();
        let best = usize::from(refined[1].0 < refined[0].0);
        refined.swap_remove(best).1
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

/// Numbers whose density is the cube root of that of the values.
fn by_cube_root(sorted: &[f32]) -> Vec<f32> {
    let (low, high) = (sorted[0], sorted[sorted.len() - 1]);
    let width = (high - low) / BINS as f32;
    let mut mass = Vec::with_capacity(BINS);
    let mut start = 0;
    for bin in 1..=BINS {
        let end = sorted.partition_point(|&value| value < low + width * bin as f32);
        mass.push(((end - start) as f64).cbrt());
        start = end;
    }
    let total: f64 = mass.iter().sum();
    let mut numbers = Vec::with_capacity(SIZE);
    let mut reached = 0.0;
    for (bin, mass) in mass.into_iter().enumerate() {
        while numbers.len() < SIZE && reached + mass > total * (numbers.len() as f64 + 0.5) / SIZE as f64 {
            let within = (total * (numbers.len() as f64 + 0.5) / SIZE as f64 - reached) / mass;
            numbers.push(low + width * (bin as f32 + within as f32));
        }
        reached += mass;
    }
    numbers.resize(SIZE, high);
    numbers
}

/// Sums of the first k sorted values and of their squares.
struct Sums {
    first: Vec<f64>,
    squares: Vec<f64>,
}

impl Sums {
    fn of(sorted: &[f32]) -> Self {
        let running = |power: i32| {
            let mut sum = 0.0;
            let sums = sorted.iter().map(|&value| {
                sum += f64::from(value).powi(power);
                sum
            });
            std::iter::once(0.0).chain(sums).collect()
        };
        Self { first: running(1), squares: running(2) }
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
                    let (count, sum) = ((end - start) as f64, self.first[end] - self.first[start]);
                    *number = (sum / count) as f32;
                    now += self.squares[end] - self.squares[start] - sum * sum / count;
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
