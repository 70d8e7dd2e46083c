//! What the photos of a capture state by their EXIF.

use glam::DVec3;
use rayon::prelude::*;

use super::capture::{Capture, Shot};
use super::{exif, images};

/// Least length of the mean of directions, of length 1, that agree: they are within about 18 degrees of each other.
const AGREEMENT: f64 = 0.95;

impl Capture {
    /// How bright each photo is exposed by its EXIF, in stops: the binary logarithm of seconds times sensitivity over the
    /// squared aperture. `None` for a photo that does not state its time. Reads headers alone.
    pub fn stops(&self) -> Vec<Option<f64>> {
        self.shots.par_iter().map(|shot| exif::stops(&images::exif(&shot.image)?)).collect()
    }

    /// The direction that is up in the capture's frame, of length 1, by the gravity that at least half of its photos state.
    /// `None` where fewer do, or they do not agree.
    pub fn up_by_gravity(&self) -> Option<DVec3> {
        let up = |shot: &Shot| Some(-(shot.camera.pose.rotation.transpose() * shot.gravity?));
        let stated: Vec<DVec3> = self.shots.iter().filter_map(up).collect();
        let mean = stated.iter().sum::<DVec3>() / stated.len().max(1) as f64;
        (2 * stated.len() >= self.shots.len() && mean.length() > AGREEMENT).then(|| mean.normalize())
    }
}
