//! What a run found of the appearance of a capture's photos: `exposure.json` in its folder.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;
use serde::{Deserialize, Serialize};

use super::transform::{Raw, Taken, Transform, Vignetting, predicted};
use crate::dataset::Capture;
use crate::train::found;

/// The file's name.
pub const FILE: &str = "exposure.json";

/// The transforms of photos, by name: from the scene's colours to what the photo shows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Appearances {
    /// Of the photos trained on; their mean is the identity, gains by their logarithms.
    pub trained: BTreeMap<String, Transform>,
    /// Of the photos held out, predicted from the others.
    pub predicted: BTreeMap<String, Transform>,
}

impl Appearances {
    /// From the parameters of the training photos, by shot, the exposures of all photos by EXIF, and the vignetting of each
    /// shot's lens.
    pub fn new(
        capture: &Capture,
        parameters: &BTreeMap<usize, Raw>,
        stops: &[Option<f64>],
        vignetting: impl Fn(usize) -> Vignetting,
    ) -> Self {
        let mut order: Vec<usize> = (0..capture.shots.len()).collect();
        // Photos by name, as they are; frames of a clip by time.
        order.sort_by(|&a, &b| {
            let time = |shot: usize| capture.shots[shot].time.unwrap_or(0.0);
            time(a).total_cmp(&time(b))
        });
        let taken = |&shot: &usize| Taken {
            camera: if capture.is_dynamic() { capture.shots[shot].stream } else { 0 },
            stops: stops.get(shot).copied().flatten(),
            raw: parameters.get(&shot).copied(),
        };
        let all = predicted(&order.iter().map(taken).collect::<Vec<_>>());
        let mut found = Self::default();
        for (shot, raw) in order.into_iter().zip(all) {
            let side = if parameters.contains_key(&shot) { &mut found.trained } else { &mut found.predicted };
            side.insert(capture.shots[shot].name.clone(), Transform::of(&raw, vignetting(shot)));
        }
        found
    }

    /// The transform of a photo, trained or predicted.
    pub fn of(&self, name: &str) -> Option<&Transform> {
        self.trained.get(name).or_else(|| self.predicted.get(name))
    }

    /// Writes the file of a run's folder.
    pub fn write(&self, run: &Path) -> Result<()> {
        found::write(&run.join(FILE), self)
    }

    /// Reads the file of a run's folder; `None` where there is none.
    ///
    /// # Errors
    /// Names the file that cannot be read.
    pub fn read(run: &Path) -> Result<Option<Self>> {
        found::read(&run.join(FILE), "exposures")
    }
}
