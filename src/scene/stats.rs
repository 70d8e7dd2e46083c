//! Percentiles.

/// The `percent`-th percentile (0 to 100): of n sorted values the one of index ⌊n · percent / 100⌋, or the last. `None` of
/// no values.
pub fn percentile(values: impl Iterator<Item = f64>, percent: usize) -> Option<f64> {
    let mut values: Vec<f64> = values.collect();
    let index = (values.len() * percent / 100).min(values.len().checked_sub(1)?);
    Some(*values.select_nth_unstable_by(index, f64::total_cmp).1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values() {
        let of = |values: &[f64], percent| percentile(values.iter().copied(), percent);
        assert_eq!(of(&[3.0, 1.0, 2.0], 50), Some(2.0));
        assert_eq!(of(&[4.0, 3.0, 2.0, 1.0], 50), Some(3.0), "the upper of the two in the middle");
        assert_eq!([0, 98, 100].map(|percent| of(&[7.0, 5.0], percent)), [Some(5.0), Some(7.0), Some(7.0)]);
        assert_eq!(of(&[], 50), None);
    }
}
