//! Ranges of numeric options, and the error for a value outside.

use std::fmt::Display;
use std::ops::{Bound, RangeBounds};

use anyhow::{Result, ensure};

use super::count::Count;

/// A number that an option may have as its value.
pub trait Number: PartialOrd + Display {
    /// Whether it is neither infinite nor NaN.
    fn is_finite(&self) -> bool;
}

impl Number for u32 {
    fn is_finite(&self) -> bool {
        true
    }
}
impl Number for u64 {
    fn is_finite(&self) -> bool {
        true
    }
}
impl Number for Count {
    fn is_finite(&self) -> bool {
        true
    }
}
impl Number for f64 {
    fn is_finite(&self) -> bool {
        f64::is_finite(*self)
    }
}

/// Checks that an option's value, if it has one, is finite and in its range.
///
/// # Errors
/// Names the option as its flag is spelled, the range and the value.
pub fn check<T: Number>(key: &str, value: Option<T>, range: &impl RangeBounds<T>) -> Result<()> {
    if let Some(value) = value {
        let flag = key.replace('_', "-");
        ensure!(value.is_finite() && range.contains(&value), "--{flag} must be {}, not {value}", describe(range));
    }
    Ok(())
}

/// A range in words: "at least 1", "from 0 to 3", "above 0 and below 1", "any number".
pub fn describe<T: Number>(range: &impl RangeBounds<T>) -> String {
    let low = match range.start_bound() {
        Bound::Included(low) => format!("at least {low}"),
        Bound::Excluded(low) => format!("above {low}"),
        Bound::Unbounded => String::new(),
    };
    let high = match range.end_bound() {
        Bound::Included(high) => format!("at most {high}"),
        Bound::Excluded(high) => format!("below {high}"),
        Bound::Unbounded => String::new(),
    };
    match (range.start_bound(), range.end_bound()) {
        (Bound::Included(low), Bound::Included(high)) => format!("from {low} to {high}"),
        (Bound::Unbounded, Bound::Unbounded) => "any number".into(),
        _ if low.is_empty() || high.is_empty() => low + &high,
        _ => format!("{low} and {high}"),
    }
}

#[cfg(test)]
mod tests {
    use std::ops::Bound::{Excluded, Unbounded};

    use super::super::Config;
    use super::*;

    #[test]
    fn an_error_names_option_value_and_range() {
        let message = |config: Config| config.validate().expect_err("must fail").to_string();
        let base = Config::default;
        assert_eq!(message(Config { cap_max: 0.into(), ..base() }), "--cap-max must be at least 1, not 0");
        assert_eq!(message(Config { sh_degree: Some(4), ..base() }), "--sh-degree must be from 0 to 3, not 4");
        assert_eq!(message(Config { lr_mean: f64::NAN, ..base() }), "--lr-mean must be from 0 to 1000, not NaN");
        assert_eq!(message(Config { noise: f64::INFINITY, ..base() }), "--noise must be at least 0, not inf");
        assert_eq!(
            message(Config { opacity_regularisation: -1.0, ..base() }),
            "--opacity-regularisation must be at least 0, not -1"
        );
        assert_eq!(
            message(Config { init_opacity: Some(1.0), ..base() }),
            "--init-opacity must be above 0 and below 1, not 1"
        );
        assert_eq!(message(Config { max_resolution: Some(0), ..base() }), "--max-resolution must be at least 1, not 0");
        assert!(
            message(Config { seed: u64::MAX, ..base() }).starts_with("--seed must be from 0 to 9223372036854775807")
        );
        base().validate().expect("the defaults are valid");
    }

    #[test]
    fn ranges_are_described() {
        assert_eq!(describe::<f64>(&(Excluded(0.0), Unbounded)), "above 0");
        assert_eq!(describe::<f64>(&(Unbounded, Excluded(2.5))), "below 2.5");
        assert_eq!(describe::<u32>(&(1..9)), "at least 1 and below 9");
        assert_eq!(describe::<u32>(&..), "any number");
    }

    #[test]
    fn every_numeric_option_has_a_range() {
        let options = Config::options();
        let numeric = |kind: &str| ["u32", "u64", "f64", "Count"].contains(&kind);
        for option in &options {
            assert_eq!(option.range.is_some(), numeric(option.kind), "--{}, of type {}", option.key, option.kind);
        }
        assert!(options.iter().filter(|option| option.range.is_some()).count() > 40);
    }
}
