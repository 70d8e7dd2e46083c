//! Opacity in space that is known to be empty: a measure of floaters, for captures with exact depth, as `dapple synth`
//! makes them.

use anyhow::{Context, Result, ensure};
use glam::{DMat3, DQuat, DVec2, DVec3};
use rayon::prelude::*;

use crate::camera::Camera;
use crate::dataset::npy::{ArrayPart, read};
use crate::dataset::{Capture, Shot, Split};
use crate::edit;
use crate::scene::Scene;

use super::frame::reach;
use super::sky;

/// Training views whose depth is looked at.
const VIEWS: usize = 32;
/// Pixels around a Gaussian's centre within which the surface must lie behind it, too.
const AROUND: i64 = 2;
/// Share of the depth that a Gaussian may lie in front of the surface.
const SLACK: f64 = 0.02;

/// Depth of the surface along the camera's axis at each pixel, capture units.
struct Surface {
    camera: Camera,
    size: (i64, i64),
    depth: Vec<f64>,
}

impl Surface {
    /// The depth map beside a photo: `depth/NAME.npy`; `beyond` is the depth where no surface is. `None` without a map.
    fn of(capture: &Capture, shot: &Shot, beyond: f64) -> Result<Option<Self>> {
        let Some(stem) = shot.image.file_stem() else { return Ok(None) };
        let path = capture.root.join("depth").join(stem).with_extension("npy");
        if shot.is_resampled() || !path.is_file() {
            return Ok(None);
        }
        let map = read(&path, ArrayPart::All).with_context(|| path.display().to_string())?;
        ensure!(map.shape.len() == 2, "{}: a depth map has two axes, not {}", path.display(), map.shape.len());
        let depth = map.values.iter().map(|&depth| if depth > 0.0 { depth } else { beyond }).collect();
        Ok(Some(Self { camera: shot.camera, size: (map.shape[1] as i64, map.shape[0] as i64), depth }))
    }

    /// The nearest depth around a pixel position of the camera's image; `None` outside it.
    fn nearest(&self, pixel: DVec2) -> Option<f64> {
        let lens = self.camera.lens;
        let (width, height) = self.size;
        let scale = DVec2::new(width as f64 / f64::from(lens.width), height as f64 / f64::from(lens.height));
        let at = (pixel * scale).floor();
        let (x, y) = (at.x as i64, at.y as i64);
        if !(0..width).contains(&x) || !(0..height).contains(&y) {
            return None;
        }
        let row = |y: i64| &self.depth[(y * width) as usize..][..width as usize];
        let columns = (x - AROUND).max(0) as usize..=(x + AROUND).min(width - 1) as usize;
        let rows = (y - AROUND).max(0)..=(y + AROUND).min(height - 1);
        Some(rows.flat_map(|y| row(y)[columns.clone()].iter()).copied().fold(f64::INFINITY, f64::min))
    }

    /// Whether a point is in this camera's image and in front of what it shows there, by more than `spread` (its Gaussian's
    /// standard deviation along the ray).
    fn sees_through(&self, point: DVec3, spread: impl Fn(DVec3) -> f64) -> bool {
        let Some((pixel, depth)) = self.camera.project(point) else { return false };
        let along = (point - self.camera.pose.centre()).normalize_or_zero();
        self.nearest(pixel).is_some_and(|surface| depth + spread(along) < surface * (1.0 - SLACK))
    }
}

/// A share in words.
pub fn words(share: f64) -> String {
    format!("{:.2} % of the opacity is in space that the capture's exact depth says is empty", 100.0 * share)
}

/// The share of a still scene's opacity (opacity times mean projected area) that floats where a training view's exact depth
/// says that space is empty. `scene` is in the capture's frame. `None` for captures without depth maps or in motion.
///
/// # Errors
/// A depth map that cannot be read.
pub fn share(scene: &Scene, capture: &Capture) -> Result<Option<f64>> {
    let train: Vec<&Shot> = capture.shots.iter().filter(|shot| shot.split == Split::Train).collect();
    if capture.is_dynamic() || scene.is_empty() || train.is_empty() {
        return Ok(None);
    }
    let used = train.iter().step_by(train.len().div_ceil(VIEWS));
    // A background that is not cut out is somewhere: what is as far as sky is not in front of it.
    let beyond = if capture.is_cut_out() { f64::INFINITY } else { sky::FAR * reach(capture) };
    let surfaces: Result<Option<Vec<Surface>>> = used.map(|shot| Surface::of(capture, shot, beyond)).collect();
    let Some(surfaces) = surfaces? else { return Ok(None) };
    let weights = edit::importance(scene);
    let floats = |i: usize| {
        let [w, x, y, z] = scene.quaternions[i].map(f64::from);
        let axes = DMat3::from_quat(DQuat::from_xyzw(x, y, z, w).normalize());
        let sizes = scene.log_scales[i].as_dvec3().exp();
        let spread = |along: DVec3| (axes.transpose() * along * sizes).length();
        surfaces.iter().any(|surface| surface.sees_through(scene.means[i].as_dvec3(), spread))
    };
    let floating: Vec<bool> = (0..scene.len()).into_par_iter().map(floats).collect();
    // From zero up: the sum of nothing is the negative zero, and is printed as that.
    let astray =
        floating.iter().zip(&weights).filter(|(floats, _)| **floats).fold(0.0, |sum, (_, weight)| sum + weight);
    let total: f64 = weights.iter().sum();
    Ok((total > 0.0).then(|| astray / total))
}
