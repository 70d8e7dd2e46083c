//! Renders of a capture's views against its photos.

use anyhow::Result;
use glam::{Vec3, Vec4};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::appearance::Appearances;
use super::correction::corrected_psnr;
use super::metrics::{OtherSsim, Score, Target, check_size, other_ssim, score};
use crate::dataset::{Capture, Shot, Split};
use crate::render::Rendered;

/// Photos decoded at a time.
const BATCH: usize = 8;

/// One view's agreement with its photo.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct View {
    /// The image's name in the capture.
    pub name: String,
    /// Decibels, on renders clamped to 0..=1, of the render as it is.
    pub psnr: f64,
    /// Mean over all windows, which see the image mirrored beyond its border, as torchmetrics has it.
    pub ssim: f64,
    /// By other rules for the border.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub other_ssim: Option<OtherSsim>,
    /// The same with the exposure and white balance that the other photos predict for a held-out one, where they are trained.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub predicted: Option<Score>,
    /// Decibels after the affine correction of colours that fits the photo best.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub corrected: Option<f64>,
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
    /// As in [`View`], where all views have them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub other_ssim: Option<OtherSsim>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub predicted: Option<Score>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub corrected: Option<f64>,
}

impl Mean {
    /// The mean over `views`, of which there is at least one.
    pub fn of(views: &[View]) -> Self {
        let mean = |value: fn(&View) -> f64| views.iter().map(value).sum::<f64>() / views.len() as f64;
        let of_all = |value: fn(&View) -> Option<f64>| {
            let values: Option<Vec<f64>> = views.iter().map(value).collect();
            values.map(|values| values.iter().sum::<f64>() / views.len() as f64)
        };
        let valid = of_all(|view| view.other_ssim.map(|ssim| ssim.valid));
        let zero_padded = of_all(|view| view.other_ssim.map(|ssim| ssim.zero_padded));
        let psnr = of_all(|view| view.predicted.map(|score| score.psnr));
        let ssim = of_all(|view| view.predicted.map(|score| score.ssim));
        Self {
            psnr: mean(|view| view.psnr),
            ssim: mean(|view| view.ssim),
            other_ssim: valid.zip(zero_padded).map(|(valid, zero_padded)| OtherSsim { valid, zero_padded }),
            predicted: psnr.zip(ssim).map(|(psnr, ssim)| Score { psnr, ssim }),
            corrected: of_all(|view| view.corrected),
        }
    }

    /// The scores in words: as it is, and in brackets with predicted appearance and colour-corrected.
    pub fn words(&self, digits: usize) -> String {
        let predicted = self.predicted.map(|score| format!("{:.digits$} dB with predicted appearance", score.psnr));
        let corrected = self.corrected.map(|psnr| format!("{psnr:.digits$} dB colour-corrected"));
        let others: Vec<String> = predicted.into_iter().chain(corrected).collect();
        let others = if others.is_empty() { String::new() } else { format!(" ({})", others.join(", ")) };
        format!("PSNR {:.digits$} dB{others}, SSIM {:.4}", self.psnr, self.ssim)
    }
}

/// The shots of one side of a capture's split.
pub fn shots_of(capture: &Capture, split: Split) -> Vec<usize> {
    (0..capture.shots.len()).filter(|&i| capture.shots[i].split == split).collect()
}

/// How views are compared.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// What is drawn behind the scene.
    pub background: Vec3,
    /// Whether a photo that cannot be decoded is an error, instead of being left out with a warning.
    pub strict: bool,
    /// Whether SSIM is also taken by other rules, which takes three times as long.
    pub thorough: bool,
}

/// Renders and scores the given shots, in order. `appearances` are the transforms of a run's photos.
///
/// # Errors
/// Those of `render` and `on_view`. Where no photo can be compared, as under masks that hide all, there is no view.
pub fn evaluate(
    capture: &Capture,
    shots: &[usize],
    rules: Rules,
    appearances: Option<&Appearances>,
    mut render: impl FnMut(&Shot) -> Result<Rendered>,
    mut on_view: impl FnMut(Comparison) -> Result<()>,
) -> Result<Vec<View>> {
    shots.iter().try_for_each(|&shot| check_size(capture, shot))?;
    let mut views = Vec::with_capacity(shots.len());
    for batch in shots.chunks(BATCH) {
        let pictures: Vec<_> = batch.par_iter().map(|&shot| capture.load(shot)).collect();
        for (&shot, picture) in batch.iter().zip(pictures) {
            let target = match picture {
                Ok(picture) => Target::new(&picture, rules.background),
                Err(error) if rules.strict => return Err(error),
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
            let other_ssim = rules.thorough.then(|| other_ssim(&target, &rendered.pixels));
            let view =
                View { other_ssim, ..view_of(&capture.shots[shot], &target, &rendered.pixels, score, appearances) };
            on_view(Comparison { shot, view: &view, target: &target, render: &rendered })?;
            views.push(view);
        }
    }
    Ok(views)
}

/// The scores of a render that is scored as it is already.
fn view_of(shot: &Shot, target: &Target, pixels: &[Vec4], asis: Score, appearances: Option<&Appearances>) -> View {
    let transform = appearances.and_then(|all| all.of(&shot.name));
    View {
        name: shot.name.clone(),
        psnr: asis.psnr,
        ssim: asis.ssim,
        other_ssim: None,
        predicted: transform.map(|transform| score(target, &transform.apply(pixels, &shot.camera.lens))),
        corrected: Some(corrected_psnr(target, pixels)),
    }
}
