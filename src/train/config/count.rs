//! A count that a run may choose by itself: a number, or `auto`.

use std::str::FromStr;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

/// A number of steps or Gaussians. `auto` is replaced when a run opens its capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "Text", into = "Text")]
pub enum Count {
    Of(u32),
    Auto,
}

impl Count {
    /// The number; `reference` for `auto`.
    pub fn or(self, reference: u32) -> u32 {
        match self {
            Self::Of(number) => number,
            Self::Auto => reference,
        }
    }
}

impl From<u32> for Count {
    fn from(number: u32) -> Self {
        Self::Of(number)
    }
}

impl FromStr for Count {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "auto" => Ok(Self::Auto),
            _ => text.parse().map(Self::Of).with_context(|| format!("\"{text}\" is neither auto nor a whole number")),
        }
    }
}

impl std::fmt::Display for Count {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Of(number) => write!(f, "{number}"),
            Self::Auto => write!(f, "auto"),
        }
    }
}

/// The value as a file has it: a number or a word.
#[derive(Serialize, Deserialize)]
#[serde(untagged, expecting = "neither \"auto\" nor a whole number")]
enum Text {
    Number(u32),
    Word(String),
}

impl TryFrom<Text> for Count {
    type Error = anyhow::Error;

    fn try_from(text: Text) -> Result<Self> {
        match text {
            Text::Number(number) => Ok(Self::Of(number)),
            Text::Word(word) => word.parse(),
        }
    }
}

impl From<Count> for Text {
    fn from(count: Count) -> Self {
        match count {
            Count::Of(number) => Self::Number(number),
            Count::Auto => Self::Word(count.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_is_a_number_or_auto_in_words_and_files() {
        assert_eq!("auto".parse::<Count>().expect("reads"), Count::Auto);
        assert_eq!("700".parse::<Count>().expect("reads"), Count::Of(700));
        for wrong in ["", "-1", "1.5", "Auto", "many"] {
            assert!(wrong.parse::<Count>().is_err(), "{wrong:?}");
        }
        let text = |count: Count| serde_json::to_string(&count).expect("writes");
        assert_eq!((text(Count::Auto).as_str(), text(Count::Of(7)).as_str()), ("\"auto\"", "7"));
        for count in [Count::Auto, Count::Of(7)] {
            assert_eq!(serde_json::from_str::<Count>(&text(count)).expect("reads"), count);
        }
        assert!(Count::Auto > Count::Of(u32::MAX), "auto is in every range that is open above");
    }
}
