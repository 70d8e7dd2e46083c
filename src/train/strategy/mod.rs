//! Strategies by which the population of Gaussians changes during training. A strategy is asked at three points of a step: whether it acts
//! after the step, what noise and regularisers the step has, and for the commands that change the population.
//!
//! A further strategy is a file beside `mcmc.rs` and a variant of both enums.

mod mcmc;

use crate::gpu::{Gpu, GpuError, Recorder};
use crate::model::{Model, ModelForm};
use crate::render::Frame;

use super::config::Config;
use super::moments::Moments;
use super::refine::Refiner;
use super::update::Step;

pub use mcmc::Mcmc;

/// A strategy with its options.
#[derive(Clone, Debug)]
pub enum Strategy {
    Mcmc(Mcmc),
}

/// The compiled kernels of a strategy.
#[derive(Debug)]
pub enum Kernels {
    Mcmc(Refiner),
}

impl Strategy {
    /// The strategy of a configuration whose step constants are scaled to the run's length.
    pub fn new(config: &Config) -> Self {
        Self::Mcmc(Mcmc::new(config))
    }

    /// Its kernels, for populations of models of a form.
    pub fn kernels(&self, gpu: &Gpu, form: ModelForm) -> Result<Kernels, GpuError> {
        match self {
            Self::Mcmc(_) => Ok(Kernels::Mcmc(Refiner::new(gpu, form)?)),
        }
    }

    /// Whether the population changes after a step.
    pub fn due(&self, step: u32) -> bool {
        match self {
            Self::Mcmc(mcmc) => mcmc.due(step),
        }
    }

    /// The most Gaussians that a change makes of `gaussians` trained ones.
    pub fn grown(&self, gaussians: usize) -> usize {
        match self {
            Self::Mcmc(mcmc) => mcmc.grown(gaussians),
        }
    }

    /// A step over `gaussians` Gaussians with the strategy's noise and regularisers. `lr_mean` are the learning rates of
    /// means now and at the start.
    pub fn regularised(&self, step: Step, lr_mean: [f64; 2], gaussians: usize) -> Step {
        match self {
            Self::Mcmc(mcmc) => mcmc.regularised(step, lr_mean, gaussians),
        }
    }

    /// Records the change of the population that is due after a step, and sets the model's length to what it makes of it.
    /// The first `around` Gaussians take no part.
    pub fn record(
        &self,
        kernels: &Kernels,
        recorder: &mut Recorder,
        model: &mut Model,
        moments: &Moments,
        frame: &Frame,
        (step, around): (u32, usize),
    ) {
        match (self, kernels) {
            (Self::Mcmc(mcmc), Kernels::Mcmc(refiner)) => {
                mcmc.record(refiner, recorder, model, moments, frame, (step, around));
            }
        }
    }
}
