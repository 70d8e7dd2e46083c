//! 3D Gaussian Splatting as Markov Chain Monte Carlo (Kheradmand et al. 2024): dead Gaussians are relocated to living
//! ones, the population grows up to a cap, means get noise, and opacity and scale are regularised
//! (docs/algorithms.md B.11, E.5 to E.8).

use crate::gpu::Recorder;
use crate::model::Model;
use crate::render::Frame;
use crate::train::config::Config;
use crate::train::config::auto::SCALE_REGULARISATION;
use crate::train::moments::Moments;
use crate::train::refine::{Refine, Refiner, weight_scale};
use crate::train::update::Step;

/// The strategy's options.
#[derive(Clone, Debug)]
pub struct Mcmc {
    /// With its step constants scaled to the run's length.
    config: Config,
}

impl Mcmc {
    pub fn new(config: &Config) -> Self {
        Self { config: config.clone() }
    }

    /// Whether dead Gaussians are relocated, and the population grown, after a step.
    pub fn due(&self, step: u32) -> bool {
        let done = step + 1;
        done.is_multiple_of(self.config.refine_every)
            && done > self.config.refine_start
            && done < self.config.refine_stop
    }

    /// The number of Gaussians that growth makes of `gaussians` trained ones.
    pub fn grown(&self, gaussians: usize) -> usize {
        let grown = (gaussians as f64 * self.config.growth) as usize;
        grown.min(self.config.cap()).max(gaussians)
    }

    /// How far sources are drawn by the force on them instead of their opacity, which falls along the run.
    fn force(&self, step: u32) -> f32 {
        let until = self.config.relocation_force * f64::from(self.config.step_count());
        (1.0 - f64::from(step) / until).max(0.0) as f32
    }

    /// The step with noise and regularisers; `lr_mean` are the learning rates of means now and at the start.
    pub fn regularised(&self, step: Step, [lr_mean, first_lr_mean]: [f64; 2], gaussians: usize) -> Step {
        let (config, count) = (&self.config, gaussians as f64);
        Step {
            mean_noise: (config.noise * lr_mean / first_lr_mean.max(f64::MIN_POSITIVE)) as f32,
            time_noise: (config.time_noise * lr_mean / first_lr_mean.max(f64::MIN_POSITIVE)) as f32,
            opacity_regularisation: (config.opacity_regularisation / count) as f32,
            scale_regularisation: (config.scale_regularisation.unwrap_or(SCALE_REGULARISATION) / (3.0 * count)) as f32,
            faded_regularisation: config.faded_regularisation as f32,
            ..step
        }
    }

    /// Records relocation and growth after a step, and raises the model's length; the first `around` Gaussians take no part.
    pub fn record(
        &self,
        refiner: &Refiner,
        recorder: &mut Recorder,
        model: &mut Model,
        moments: &Moments,
        frame: &Frame,
        (step, around): (u32, usize),
    ) {
        let gaussians = model.len();
        let grown = around + self.grown(gaussians - around);
        let refine = Refine {
            gaussians: gaussians as u32,
            added: (grown - gaussians) as u32,
            seed: self.config.seed_word(),
            step,
            weight_scale: weight_scale(gaussians),
            dead_opacity: self.config.dead_opacity as f32,
            share_duration: u32::from(self.config.share_duration),
            sh_rest: model.sh_rest() as u32,
            around: around as u32,
            usual_log_duration: self.config.init_duration.ln() as f32,
            duration_power: self.config.relocation_duration_power as f32,
            force: if model.is_moving() { 0.0 } else { self.force(step) },
        };
        refiner.record_relocation(recorder, model, moments, frame, &refine);
        if grown > gaussians {
            let growth = Refine { force: 0.0, ..refine };
            refiner.record_growth(recorder, model, moments, frame, &growth);
            model.set_len(grown);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refinement_keeps_to_its_window() {
        let mcmc = Mcmc::new(&Config::default());
        let refined: Vec<u32> = (0..30_000).filter(|&step| mcmc.due(step)).map(|step| step + 1).collect();
        assert_eq!((refined[0], refined.len(), *refined.last().expect("some")), (600, 244, 24_900));
    }

    #[test]
    fn force_gives_way_to_opacity() {
        let force = |relocation_force, step| {
            Mcmc::new(&Config { steps: 1000.into(), relocation_force, ..Config::default() }).force(step)
        };
        assert_eq!([0, 250, 500, 900].map(|step| force(0.5, step)), [1.0, 0.5, 0.0, 0.0]);
        assert_eq!([0, 1, 999].map(|step| force(0.0, step)), [0.0; 3]);
    }

    #[test]
    fn growth_stops_at_the_cap() {
        let mcmc = Mcmc::new(&Config { cap_max: 1000.into(), ..Config::default() });
        assert_eq!(mcmc.grown(100), 105);
        assert_eq!(mcmc.grown(990), 1000);
        assert_eq!(mcmc.grown(1000), 1000);
    }
}
