//! The poses that a run measured with: `poses.json` in its folder.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use glam::{DMat3, DVec3};
use serde::{Deserialize, Serialize};

use crate::camera::{Camera, Pose};
use crate::dataset::Capture;
use crate::train::found;

/// The file's name.
pub const FILE: &str = "poses.json";

/// A camera where training or its own photo has put it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Moved {
    /// How far it was turned, in degrees, and moved, as a share of the cameras' reach.
    pub degrees: f64,
    pub share: f64,
    /// World to camera in the capture's frame, OpenCV's axes: rows of the rotation, and the translation.
    pub rotation: [[f64; 3]; 3],
    pub translation: [f64; 3],
}

impl Moved {
    /// From the pose that the capture has to the one found; `reach` is that of the cameras.
    pub fn new(from: &Pose, to: &Pose, reach: f64) -> Self {
        let between = to.rotation * from.rotation.transpose();
        let axis = DVec3::new(
            between.y_axis.z - between.z_axis.y,
            between.z_axis.x - between.x_axis.z,
            between.x_axis.y - between.y_axis.x,
        );
        let trace = between.x_axis.x + between.y_axis.y + between.z_axis.z;
        Self {
            degrees: axis.length().atan2(trace - 1.0).to_degrees(),
            share: (to.centre() - from.centre()).length() / reach,
            rotation: std::array::from_fn(|i| to.rotation.row(i).to_array()),
            translation: to.translation.to_array(),
        }
    }

    fn pose(&self) -> Pose {
        let rows = self.rotation.map(DVec3::from_array);
        let rotation = DMat3::from_cols(rows[0], rows[1], rows[2]).transpose();
        Pose { rotation, translation: DVec3::from_array(self.translation) }
    }
}

/// The poses of photos, by name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Poses {
    /// Of the photos trained on.
    pub trained: BTreeMap<String, Moved>,
    /// Of the photos held out, each aligned by itself.
    pub aligned: BTreeMap<String, Moved>,
}

impl Poses {
    /// The capture with these poses.
    pub fn applied_to(&self, capture: &Capture) -> Capture {
        let mut capture = capture.clone();
        for shot in &mut capture.shots {
            if let Some(moved) = self.trained.get(&shot.name).or_else(|| self.aligned.get(&shot.name)) {
                shot.camera = Camera { pose: moved.pose(), ..shot.camera };
            }
        }
        capture
    }

    /// The capture to measure with: with these poses, where there are some.
    pub fn posed(poses: Option<&Self>, capture: &Arc<Capture>) -> Arc<Capture> {
        poses.map_or_else(|| capture.clone(), |poses| Arc::new(poses.applied_to(capture)))
    }

    /// How far the cameras moved, in a line.
    pub fn words(&self) -> String {
        let side = |moved: &BTreeMap<String, Moved>| {
            let mean = |value: fn(&Moved) -> f64| moved.values().map(value).sum::<f64>() / moved.len().max(1) as f64;
            let most = |value: fn(&Moved) -> f64| moved.values().map(value).fold(0.0, f64::max);
            format!(
                "by {:.2}° on average and {:.2}° at most, and by {:.2} % and {:.2} % of the cameras' reach",
                mean(|m| m.degrees),
                most(|m| m.degrees),
                100.0 * mean(|m| m.share),
                100.0 * most(|m| m.share)
            )
        };
        let held_out = if self.aligned.is_empty() {
            String::new()
        } else {
            format!("; held-out cameras, aligned by their own photos before they are measured, {}", side(&self.aligned))
        };
        format!("training cameras moved {}{held_out}", side(&self.trained))
    }

    /// Writes the file of a run's folder, and says how far the cameras moved.
    pub fn tell(&self, run: &Path) -> Result<()> {
        log::info!("{}", self.words());
        self.write(run)
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
        found::read(&run.join(FILE), "poses")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::poses::correction::Correction;

    #[test]
    fn a_move_is_measured_and_its_pose_comes_back() {
        let from = Pose::look_at(DVec3::new(2.0, 1.0, 0.5), DVec3::ZERO, DVec3::Z);
        let correction = Correction { turn: DVec3::new(0.0, 0.02, 0.0), shift: DVec3::new(0.0, 0.0, 0.3) };
        let to = correction.apply(&from);
        let moved = Moved::new(&from, &to, 3.0);
        assert!((moved.degrees - 0.02_f64.to_degrees()).abs() < 1e-9, "{}", moved.degrees);
        assert!((moved.share - 0.1).abs() < 1e-12);
        assert_eq!(moved.pose(), to);
        assert_eq!(Moved::new(&from, &from, 3.0).share, 0.0);
    }
}
