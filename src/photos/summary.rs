//! What became of the pictures: how many were placed, how well, and what would help.

use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::settings::WORK;
use crate::format::write_atomically;

const FILE: &str = "summary.json";
/// Share of registered pictures below which something is wrong, and below which something is missing.
const POOR_SHARE: f64 = 0.5;
const FAIR_SHARE: f64 = 0.95;
/// Mean reprojection error above which poses are poor, and fair, in pixels of the pictures.
const POOR_ERROR: f64 = 1.5;
const FAIR_ERROR: f64 = 1.0;
/// Seen points of a picture below which its pose hangs on little.
const FEW_POINTS: f64 = 150.0;

/// The result of a reconstruction.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    pub pictures: usize,
    pub registered: usize,
    pub points: usize,
    /// Mean reprojection error, pixels.
    pub error: Option<f64>,
    /// Points that a registered picture sees, on average.
    pub observations: Option<f64>,
    /// Registered pictures of the other models that the pictures fell apart into.
    pub others: Vec<usize>,
}

impl Summary {
    /// In one line.
    pub fn words(&self) -> String {
        let error = self.error.map_or(String::new(), |error| format!(", reprojection error {error:.2} px"));
        format!("{} of {} pictures registered, {} points{error}", self.registered, self.pictures, self.points)
    }

    /// What is wrong or missing, and what would help; nothing where all is well.
    pub fn advice(&self) -> Vec<String> {
        let mut advice = Vec::new();
        let share = self.registered as f64 / self.pictures.max(1) as f64;
        if share < POOR_SHARE {
            advice.push(
                "fewer than half of the pictures are registered: neighbouring pictures must overlap by more than half and \
                 show texture; take more pictures between them, or try --matcher exhaustive"
                    .into(),
            );
        } else if share < FAIR_SHARE {
            advice.push(
                "pictures that are not registered are left out; more pictures between them and the others help".into(),
            );
        }
        if !self.others.is_empty() {
            let others: Vec<String> = self.others.iter().map(usize::to_string).collect();
            advice.push(format!(
                "the pictures fell apart into {} models, the others of {} pictures, and only the largest is used: pictures \
                 that connect them are missing",
                1 + self.others.len(),
                others.join(", ")
            ));
        }
        match self.error {
            Some(error) if error > POOR_ERROR => advice.push(
                "the reprojection error is high: pictures may be blurred, things may have moved, or several lenses share \
                 one (try --cameras each)"
                    .into(),
            ),
            Some(error) if error > FAIR_ERROR => {
                advice.push("the reprojection error is fair; --refine-poses may sharpen the scene".into());
            }
            _ => {}
        }
        if self.observations.is_some_and(|seen| seen < FEW_POINTS) {
            advice.push(
                "pictures see few points: sharper or larger pictures, or a larger --max-size, make poses firmer".into(),
            );
        }
        advice
    }

    pub fn read(folder: &Path) -> Result<Self> {
        let path = folder.join(WORK).join(FILE);
        let bytes = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        serde_json::from_slice(&bytes).with_context(|| format!("{}: it cannot be read", path.display()))
    }

    pub fn write(&self, folder: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self)?;
        write_atomically(&folder.join(WORK).join(FILE), |file| writeln!(file, "{text}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_good_result_needs_no_advice_and_a_poor_one_gets_it() {
        let good = Summary {
            pictures: 63,
            registered: 63,
            points: 9000,
            error: Some(0.7),
            observations: Some(900.0),
            others: vec![],
        };
        assert_eq!(good.words(), "63 of 63 pictures registered, 9000 points, reprojection error 0.70 px");
        assert!(good.advice().is_empty());
        let poor = Summary { registered: 20, error: Some(2.0), observations: Some(90.0), others: vec![9, 4], ..good };
        let advice = poor.advice().join("\n");
        for part in ["fewer than half", "3 models, the others of 9, 4 pictures", "--cameras each", "--max-size"] {
            assert!(advice.contains(part), "{part}: {advice}");
        }
    }
}
