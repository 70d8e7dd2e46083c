//! What the options of a run leave to its capture.

use std::collections::HashSet;

use anyhow::Result;

use crate::dataset::{Capture, Split};
use crate::model::MotionKind;

use super::config::Config;
use super::config::auto::Material;
use super::init;

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
    let places: HashSet<_> = (capture.shots.iter().filter(|shot| shot.split == Split::Train))
        .map(|shot| shot.camera.pose.centre().to_array().map(f64::to_bits))
        .collect();
    let moving = config.motion_kind(capture) != MotionKind::Static;
    let first = init::given_count(capture, config)?;
    let material = Material { photos: lenses.count(), pixels, places: places.len(), first, moving };
    let (config, reasons) = config.budgeted(material);
    reasons.iter().for_each(|reason| log::info!("{reason}"));
    Ok(config)
}
