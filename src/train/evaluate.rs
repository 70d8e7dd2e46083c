//! Renders of a capture's views against its photos.

use anyhow::Result;
use glam::Vec3;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::metrics::{Target, check_size, score};
use crate::dataset::{Capture, Shot, Split};
use crate::render::Rendered;

/// Photos decoded at a time.
const BATCH: usize = 8;

/// One view's agreement with its photo.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct View {
    /// The image's name in the capture.
    pub name: String,
    /// Decibels, on renders clamped to 0..=1.
    pub psnr: f64,
    pub ssim: f64,
}

/// A view with its images, for pictures of them.
pub struct Comparison<'a> {
    /// Index of the shot in the capture.
    pub shot: usize,
    pub view: &'a View,
    pub target: &'a Target,
    pub render: &'a Rendered,
}

/// Mean over views.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mean {
    pub psnr: f64,
    pub ssim: f64,
}

impl Mean {
    /// The mean over `views`, of which there is at least one.
    pub fn of(views: &[View]) -> Self {
        let mean = |value: fn(&View) -> f64| views.iter().map(value).sum::<f64>() / views.len() as f64;
        Self { psnr: mean(|view| view.psnr), ssim: mean(|view| view.ssim) }
    }
}

/// The shots of one side of a capture's split.
pub fn shots_of(capture: &Capture, split: Split) -> Vec<usize> {
    (0..capture.shots.len()).filter(|&i| capture.shots[i].split == split).collect()
}

/// Renders and scores the given shots, in order. `background` is what `render` draws behind the scene. Photos that
/// cannot be decoded are left out with a warning, or with `strict` are errors.
///
/// # Errors
/// Those of `render` and `on_view`. Where no photo can be compared, as under masks that hide all, there is no view.
pub fn evaluate(
    capture: &Capture,
    shots: &[usize],
    background: Vec3,
    strict: bool,
    mut render: impl FnMut(&Shot) -> Result<Rendered>,
    mut on_view: impl FnMut(Comparison) -> Result<()>,
) -> Result<Vec<View>> {
    shots.iter().try_for_each(|&shot| check_size(capture, shot))?;
    let mut views = Vec::with_capacity(shots.len());
    for batch in shots.chunks(BATCH) {
        let pictures: Vec<_> = batch.par_iter().map(|&shot| capture.load(shot)).collect();
        for (&shot, picture) in batch.iter().zip(pictures) {
            let target = match picture {
                Ok(picture) => Target::new(&picture, background),
                Err(error) if strict => return Err(error),
                Err(error) => {
                    log::warn!("not evaluated: {error:#}");
                    continue;
                }
            };
            let rendered = render(&capture.shots[shot])?;
            let score = score(&target, &rendered.pixels);
            if score.ssim.is_nan() && target.mask.is_some() {
                log::warn!(
                    "not evaluated: {}: its mask leaves nothing to compare",
                    capture.shots[shot].image.display()
                );
                continue;
            }
            let view = View { name: capture.shots[shot].name.clone(), psnr: score.psnr, ssim: score.ssim };
            on_view(Comparison { shot, view: &view, target: &target, render: &rendered })?;
            views.push(view);
        }
    }
    Ok(views)
}
