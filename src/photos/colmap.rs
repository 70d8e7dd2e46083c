//! COLMAP's command line: its commands, the names that its versions have for options, and what it says of its progress.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::external::{self, start_error};
use super::hooks::{Event, Hooks, Stopped};
use super::settings::{LOG, WORK};

const PROGRAM: &str = "colmap";

/// The program that was found.
pub struct Colmap {
    log: PathBuf,
    /// Whether its build uses a GPU, and none has failed so far.
    gpu: bool,
    /// The groups of options that say so: their names changed with version 3.12.
    extraction: &'static str,
    matching: &'static str,
}

impl Colmap {
    /// Looks for the program; what it will say goes to the end of the log of the capture in `folder`.
    ///
    /// # Errors
    /// It is not installed; says how to install it.
    pub fn find(folder: &Path) -> Result<Self> {
        let log = folder.join(WORK).join(LOG);
        let help = said(&["help"])?;
        let renamed = said(&["feature_extractor", "--help"])?.contains("FeatureExtraction.use_gpu");
        let (extraction, matching) =
            if renamed { ("FeatureExtraction", "FeatureMatching") } else { ("SiftExtraction", "SiftMatching") };
        Ok(Self { log, gpu: help.contains("with CUDA"), extraction, matching })
    }

    /// The name of the option by which extraction is told whether to use a GPU, and that of matching.
    pub fn extracts_on_gpu(&self) -> String {
        format!("--{}.use_gpu", self.extraction)
    }

    pub fn matches_on_gpu(&self) -> String {
        format!("--{}.use_gpu", self.matching)
    }

    /// Runs a command that takes the option `on_gpu`, and once more without a GPU where it fails with one.
    pub fn run_on_gpu(&mut self, on_gpu: &str, words: &[String], total: usize, hooks: &mut Hooks) -> Result<()> {
        let with = |gpu: bool| [words, &[on_gpu.to_string(), u8::from(gpu).to_string()]].concat();
        match self.run(&with(self.gpu), total, hooks) {
            Err(error) if self.gpu && !error.is::<Stopped>() => {
                hooks.warn(format!("{error:#}; once more without the GPU"));
                self.gpu = false;
                self.run(&with(false), total, hooks)
            }
            result => result,
        }
    }

    /// Runs a command on `total` pictures.
    pub fn run(&self, words: &[String], total: usize, hooks: &mut Hooks) -> Result<()> {
        let mut furthest = 0.0;
        external::run(command(words), &self.log, hooks, |line, hooks| {
            if let Some((share, text)) = progress(line, total).filter(|(share, _)| *share > furthest) {
                furthest = share;
                (hooks.on_event)(Event::Progress { share, text });
            }
        })
    }

    /// What it says of a model: registered images, points, mean reprojection error, observations an image.
    ///
    /// # Errors
    /// A model that cannot be read.
    pub fn analyse(&self, model: &Path) -> Result<Analysis> {
        let said = said(&["model_analyzer", "--path", &model.display().to_string()])?;
        let number = |name: &str| number_after(&said, name);
        let registered = number("Registered images");
        let registered =
            registered.with_context(|| format!("{}: colmap cannot read its own model", model.display()))?;
        Ok(Analysis {
            registered: registered as usize,
            points: number("Points").unwrap_or(0.0) as usize,
            error: number("Mean reprojection error"),
            observations: number("Mean observations per image"),
        })
    }
}

/// What COLMAP says of a model.
pub struct Analysis {
    pub registered: usize,
    pub points: usize,
    pub error: Option<f64>,
    pub observations: Option<f64>,
}

fn command(words: &[String]) -> Command {
    let mut command = Command::new(PROGRAM);
    // Without a display its window library must not look for one.
    command.env("QT_QPA_PLATFORM", "offscreen").args(words);
    command
}

/// All that a short command says.
fn said(words: &[&str]) -> Result<String> {
    let words: Vec<String> = words.iter().map(ToString::to_string).collect();
    let output = command(&words).stdin(std::process::Stdio::null()).output();
    let output = output.map_err(|error| start_error(PROGRAM, &error))?;
    Ok(String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
}

/// The number after a name: `Points = 11` or, with a time in front, `Points: 11`.
fn number_after(said: &str, name: &str) -> Option<f64> {
    said.lines().find_map(|line| {
        let (before, after) = line.split_once(name)?;
        // The name alone, not one that ends or goes on with it.
        if before.ends_with(|c: char| c.is_alphanumeric()) || !before.is_empty() && !before.ends_with([' ', ']']) {
            return None;
        }
        let after = after.trim_start().strip_prefix([':', '='])?.trim();
        after.split(|c: char| !c.is_ascii_digit() && c != '.').next()?.parse().ok()
    })
}

/// How far a command is by a line that it says, 0 to 1, and in words.
fn progress(line: &str, total: usize) -> Option<(f64, String)> {
    if let Some((_, rest)) = line.split_once("Registering image #") {
        // `#12 (5)`, or `#12 (num_reg_frames=5)`: the 12th image of the list as the 5th of the model.
        let inside = rest.split_once('(')?.1.split(')').next()?;
        let count: usize = inside.rsplit('=').next()?.trim().parse().ok()?;
        return Some((count as f64 / total.max(1) as f64, format!("picture {count} of {total}")));
    }
    let counts = ["Processed file", "Matching", "Processing"].iter().any(|word| line.contains(word));
    let pairs: Vec<(f64, f64)> =
        line.split_once('[').filter(|_| counts)?.1.split(']').next()?.split(',').map(pair).collect::<Option<_>>()?;
    match pairs[..] {
        [(done, of)] => Some((done / of, format!("picture {done} of {of}"))),
        [(row, rows), (column, columns)] => {
            let (done, of) = ((row - 1.0) * columns + column, rows * columns);
            Some((done / of, format!("block {done} of {of}")))
        }
        _ => None,
    }
}

/// `12/63`.
fn pair(text: &str) -> Option<(f64, f64)> {
    let (done, of) = text.split_once('/')?;
    let (done, of): (f64, f64) = (done.trim().parse().ok()?, of.trim().parse().ok()?);
    (of > 0.0).then_some((done, of))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_of_several_versions_is_understood() {
        let share = |line: &str| progress(line, 60).map(|(share, _)| share);
        assert_eq!(share("Processed file [15/60]"), Some(0.25));
        assert_eq!(share("I20250101 10:00:00.1 77 feature_extraction.cc:258] Processed file [15/60]"), Some(0.25));
        assert_eq!(share("Matching block [2/4, 1/4] in 1.2s"), Some(5.0 / 16.0));
        assert_eq!(share("Matching image [3/60] in 0.1s"), Some(0.05));
        assert_eq!(share("Registering image #12 (6)"), Some(0.1));
        assert_eq!(share("I2025 x.cc:1] Registering image #12 (num_reg_frames=6)"), Some(0.1));
        assert_eq!(share("  => Image sees 100 / 200 points"), None);
    }

    #[test]
    fn numbers_of_a_model_are_found_in_several_versions() {
        let old = "Cameras = 1\nImages = 12\nRegistered images = 11\nPoints = 845\nMean reprojection error = 0.69px\n";
        let new = "I2025 model.cc:1] Cameras: 1\nI2025 model.cc:4] Registered images: 11\nI2025 m.cc:5] Points: 845\n\
                   I2025 m.cc:6] Mean reprojection error: 0.69px\n";
        for said in [old, new] {
            assert_eq!(number_after(said, "Registered images"), Some(11.0));
            assert_eq!(number_after(said, "Points"), Some(845.0));
            assert_eq!(number_after(said, "Mean reprojection error"), Some(0.69));
            assert_eq!(number_after(said, "Mean track length"), None);
        }
    }
}
