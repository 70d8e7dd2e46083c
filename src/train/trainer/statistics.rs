//! How training goes.

use anyhow::Result;
use glam::Vec4;

use crate::train::loss::HISTORY;

use super::Trainer;

/// The state of training after a wait for the device.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Statistics {
    /// Steps done.
    pub step: u32,
    /// Means over the steps since the last statistics. The loss is that of colour, without regularisers and without the
    /// opacity of cut-out targets.
    pub loss: f64,
    pub l1: f64,
    pub ssim: f64,
    /// Mean end-point error of the rendered flow, in pixels, over the steps with flow supervision.
    pub flow: Option<f64>,
    pub gaussians: usize,
    /// Updates left out since the start because a value was not finite.
    pub non_finite: u64,
}

impl Trainer {
    /// Waits for the submitted steps; the statistics of those since the last call.
    pub fn statistics(&mut self) -> Result<Statistics> {
        self.finish_steps()?;
        let history = self.loss.history()?;
        let first = self.reported.max(self.step.saturating_sub(HISTORY as u32));
        let covered = first..self.step;
        let count = f64::from((self.step - first).max(1));
        let sums: Vec4 = covered.map(|step| history[step as usize % HISTORY]).sum();
        let flow = (sums.w > 0.0).then(|| f64::from(sums.z) / f64::from(sums.w));
        let (l1, ssim) = (f64::from(sums.x) / count, f64::from(sums.y) / count);
        self.reported = self.step;
        Ok(Statistics {
            step: self.step,
            loss: (1.0 - self.config.ssim_weight) * l1 + self.config.ssim_weight * (1.0 - ssim),
            l1,
            ssim,
            flow,
            gaussians: self.model.len(),
            non_finite: self.non_finite,
        })
    }
}
