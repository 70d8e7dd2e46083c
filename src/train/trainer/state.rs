//! The state of a trainer on its way to a checkpoint and back.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use glam::Vec4;

use crate::train::loss::HISTORY;
use crate::train::moments;
use crate::train::run::checkpoint::{Checkpoint, Tensor};

use super::Trainer;

/// Name of the losses of recent steps in a checkpoint.
const HISTORY_NAME: &str = "history";

impl Trainer {
    /// The state from which [`Trainer::resume`] continues.
    pub fn checkpoint(&mut self) -> Result<Checkpoint> {
        self.finish_steps()?;
        let mut tensors = BTreeMap::new();
        moments::save(&self.gpu, &mut tensors, &self.model, &self.optimiser.moments, self.model.len())?;
        let mut extra = serde_json::json!({
            "gaussians": self.model.len(),
            "non_finite": self.non_finite,
            "reported": self.reported,
            "shots": self.capture.fingerprints(),
        });
        if self.around > 0 {
            extra["around"] = self.around.into();
        }
        self.appearance.save(&mut tensors, &mut extra)?;
        if let Some(poses) = &self.poses {
            poses.save(&mut tensors);
        }
        // The next statistics also cover steps before the checkpoint.
        let history = self.loss.history()?.iter().flat_map(Vec4::to_array).collect();
        tensors.insert(HISTORY_NAME.into(), Tensor::f32(&[HISTORY, 4], history));
        let (config, normalisation) = (self.config.clone(), self.normalisation);
        Ok(Checkpoint { config, step: self.step, normalisation, tensors, extra })
    }

    pub(super) fn restore(&mut self, checkpoint: &Checkpoint) -> Result<()> {
        let count = checkpoint.extra["gaussians"].as_u64().context("the checkpoint does not say how many Gaussians")?;
        ensure!(
            count <= (self.config.cap() + self.around) as u64,
            "the checkpoint holds {count} Gaussians, above --cap-max {}",
            self.config.cap()
        );
        ensure!(
            checkpoint.extra["around"].as_u64().unwrap_or(0) == self.around as u64,
            "the coarse scene around the block is not the one that the run was started with; train the block anew"
        );
        self.make_room(count as usize)?;
        moments::restore(&self.gpu, checkpoint, &self.model, &self.optimiser.moments, count as usize)?;
        self.appearance.restore(checkpoint)?;
        self.poses.as_mut().map_or(Ok(()), |poses| poses.restore(checkpoint))?;
        self.model.set_len(count as usize);
        self.step = checkpoint.step;
        self.finished = checkpoint.step;
        self.reported = checkpoint.extra["reported"].as_u64().unwrap_or(checkpoint.step.into()) as u32;
        let history = checkpoint.f32(HISTORY_NAME, &[HISTORY, 4])?.as_chunks::<4>().0;
        self.loss.restore_history(&history.iter().copied().map(Vec4::from).collect::<Vec<_>>());
        self.populations = vec![(checkpoint.step, count as usize)];
        self.non_finite = checkpoint.extra["non_finite"].as_u64().unwrap_or_default();
        Ok(())
    }
}
