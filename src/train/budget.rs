//! What the options of a run leave to its capture.

use anyhow::Result;
use rayon::prelude::*;

use crate::dataset::{Capture, Split};

use super::config::auto::Material;
use super::config::{CoarseToFine, Config};
use super::init;

/// Photos, evenly spaced among all, that are looked at for their detail.
const LOOKED_AT: usize = 12;

/// The options with `auto` replaced by numbers for this capture; each choice is said in one line with its reason.
///
/// # Errors
/// First points that were asked for and cannot be read.
pub fn budgeted(config: &Config, capture: &Capture) -> Result<Config> {
    if !config.has_auto() {
        return Ok(config.clone());
    }
    let lenses = capture.shots.iter().filter(|shot| shot.split == Split::Train).map(|shot| shot.camera.lens);
    let pixels = lenses.clone().map(|lens| u64::from(lens.width) * u64::from(lens.height)).sum();
    let detail = if config.coarse_to_fine == CoarseToFine::Auto { detail(capture) } else { 0.0 };
    let material = Material { photos: lenses.count(), pixels, first: init::given_count(capture, config)?, detail };
    let (config, reasons) = config.budgeted(material);
    reasons.iter().for_each(|reason| log::info!("{reason}"));
    Ok(config)
}

/// What the training photos lose when they are reduced by 2 along each side: the mean squared error of their colours, 0 to
/// 1. Photos that cannot be decoded are reported elsewhere.
fn detail(capture: &Capture) -> f64 {
    let shots: Vec<usize> = (0..capture.shots.len()).filter(|&i| capture.shots[i].split == Split::Train).collect();
    let every = shots.len().div_ceil(LOOKED_AT).max(1);
    let looked: Vec<&usize> = shots.iter().step_by(every).collect();
    let losses: Vec<f64> =
        looked.par_iter().filter_map(|shot| Some(capture.load(**shot).ok()?.detail_lost(2))).collect();
    losses.iter().sum::<f64>() / losses.len().max(1) as f64
}
