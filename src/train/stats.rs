//! Percentiles.

/// The value below which about `percent` percent of the values lie: of n sorted ones that with index n percent / 100, or
/// the last. `None` of no values.
pub fn percentile(values: impl Iterator<Item = f64>, percent: usize) -> Option<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_unstable_by(f64::total_cmp);
    values.get((values.len() * percent / 100).min(values.len().saturating_sub(1))).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values() {
        let of = |values: &[f64], percent| percentile(values.iter().copied(), percent);
        assert_eq!(of(&[3.0, 1.0, 2.0], 50), Some(2.0));
        assert_eq!(of(&[4.0, 3.0, 2.0, 1.0], 50), Some(3.0), "the upper of two in the middle");
        assert_eq!([0, 98, 100].map(|percent| of(&[5.0, 7.0], percent)), [Some(5.0), Some(7.0), Some(7.0)]);
        assert_eq!(of(&[], 50), None);
    }
}
