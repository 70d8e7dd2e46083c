//! Order statistics: exact elements of the sorted values, none interpolated.

/// The median, the upper of the two middle values where their number is even; `None` of no values.
pub fn median(mut values: Vec<f64>) -> Option<f64> {
    let middle = values.len() / 2;
    (!values.is_empty()).then(|| *values.select_nth_unstable_by(middle, f64::total_cmp).1)
}

/// The value below which `percent` percent (0 to 100) of the values lie; `None` of no values. Reorders the values.
pub fn percentile(values: &mut [f32], percent: usize) -> Option<f32> {
    let place = (values.len() * percent / 100).min(values.len().checked_sub(1)?);
    Some(*values.select_nth_unstable_by(place, f32::total_cmp).1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_statistics_are_values_of_the_sorted_list() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(vec![4.0, 1.0, 3.0, 2.0]), Some(3.0));
        assert_eq!((median(Vec::new()), percentile(&mut [], 50)), (None, None));
        let mut values: Vec<f32> = (0..50).rev().map(|i| i as f32).collect();
        let found = [0, 2, 50, 98, 100].map(|percent| percentile(&mut values, percent));
        assert_eq!(found, [0.0, 1.0, 25.0, 49.0, 49.0].map(Some));
    }
}
