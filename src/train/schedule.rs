//! The schedule of a run, a pure function of the step's number: image, rates, colour degree, flow weight. A run that is repeated
//! or resumed at a step therefore does exactly what it did before.

use glam::Vec3;

use crate::gpu::wgsl::constant;
use crate::model::MotionKind;

use super::config::auto::LR_OPACITY;
use super::config::{Background, Config};
use super::strategy::Strategy;
use super::update::Step;

/// Decay of Adam's first and second moments a step; as the kernels have them.
const BETA1: f64 = constant("math/adam", "BETA1");
const BETA2: f64 = constant("math/adam", "BETA2");

/// Scene extent in the frame of training: 1.1 times the largest distance of a camera from the cameras' mean, which the
/// normalisation makes 1 (docs/algorithms.md E.3).
pub const EXTENT: f64 = 1.1;

/// Least side of a reduced photo, in pixels. Small photos have few pixels to save, and lose more than that is worth.
const LEAST_SIDE: u32 = 120;

/// The rate of view-dependent colour in clips, of that in still captures: few cameras see each moment, and such colour learns
/// them by heart.
const SH_RATE_IN_TIME: f64 = 0.25;

/// The bias corrections of Adam's first and second moment after `steps` earlier steps.
pub fn bias_corrections(steps: u32) -> [f32; 2] {
    [BETA1, BETA2].map(|beta| (1.0 / (1.0 - beta.powi(steps as i32 + 1))) as f32)
}

/// The schedule of a run.
#[derive(Clone, Debug)]
pub struct Schedule {
    /// With its step constants rescaled to the run's length.
    config: Config,
    strategy: Strategy,
    /// Indices of the training shots.
    shots: Vec<usize>,
    /// Logarithm of the shortest duration.
    min_log_duration: f32,
}

impl Schedule {
    /// A schedule over the training shots, for a configuration as the user gave it.
    pub fn new(config: &Config, shots: Vec<usize>) -> Self {
        let config = config.scaled();
        Self { strategy: Strategy::new(&config), config, shots, min_log_duration: -80.0 }
    }

    /// The same for Gaussians that move in a clip whose times are `gap` apart; for those that stand still it is as it was.
    pub fn in_time(mut self, motion: MotionKind, gap: f64) -> Self {
        if motion != MotionKind::Static {
            self.min_log_duration = (self.config.min_duration * gap).ln().max(-80.0) as f32;
            self.config.lr_sh_rest *= SH_RATE_IN_TIME;
        }
        self
    }

    /// The shot of a step: every epoch is a new permutation of all.
    pub fn shot(&self, step: u32) -> usize {
        let count = self.shots.len() as u32;
        let mut order: Vec<usize> = self.shots.clone();
        let mut random = SplitMix::new(self.config.seed ^ (u64::from(step / count) << 32) ^ 0x5107);
        for i in (1..order.len()).rev() {
            order.swap(i, (random.bits() % (i as u64 + 1)) as usize);
        }
        order[(step % count) as usize]
    }

    /// The shots of the next steps, for fetching them ahead.
    pub fn shots_from(&self, step: u32, count: u32) -> Vec<usize> {
        (step..step.saturating_add(count).min(self.config.step_count())).map(|step| self.shot(step)).collect()
    }

    /// Size (width, height) at which a photo is trained on in a step.
    pub fn size(&self, step: u32, (width, height): (u32, u32)) -> (u32, u32) {
        let mut factor = self.config.coarse_to_fine.reduction(step, self.config.step_count());
        while factor > 1 && width.min(height) / factor < LEAST_SIDE {
            factor /= 2;
        }
        (width.div_ceil(factor), height.div_ceil(factor))
    }

    /// The colour behind the scene.
    pub fn background(&self, step: u32) -> Vec3 {
        match self.config.background {
            Background::Random => {
                let mut random = SplitMix::new(self.config.seed ^ (u64::from(step) << 32) ^ 0xbac4);
                Vec3::from_array(std::array::from_fn(|_| random.unit() as f32))
            }
            _ => self.config.background.fixed(),
        }
    }

    /// Active degree of the spherical harmonics: one more each interval.
    pub fn sh_degree(&self, step: u32) -> u32 {
        (step / self.config.sh_interval).min(self.config.degree())
    }

    /// Learning rate of the means, in the frame of training.
    pub fn mean_rate(&self, step: u32) -> f64 {
        EXTENT * self.decayed(step, self.config.lr_mean, self.config.lr_mean_final)
    }

    /// Learning rate of opacities, as logits.
    fn opacity_rate(&self, step: u32) -> f64 {
        let first = self.config.lr_opacity.unwrap_or(LR_OPACITY);
        self.config.lr_opacity_final.map_or(first, |last| self.decayed(step, first, last))
    }

    fn decayed(&self, step: u32, first: f64, last: f64) -> f64 {
        let t = f64::from(step) / f64::from(self.config.step_count());
        first.powf(1.0 - t) * last.powf(t)
    }

    /// The weight of the flow loss in a step; `None` for a step without flow supervision.
    pub fn flow_weight(&self, step: u32) -> Option<f64> {
        let config = &self.config;
        let left = 1.0 - f64::from(step) / f64::from(config.step_count());
        let fall = if config.flow_decay > 0.0 { (left / config.flow_decay).min(1.0) } else { 1.0 };
        let weight = config.flow_weight * fall;
        (weight > 0.0 && step.is_multiple_of(config.flow_every)).then_some(weight)
    }

    /// The optimiser's constants for a step over `gaussians` Gaussians.
    pub fn step(&self, step: u32, gaussians: usize) -> Step {
        let config = &self.config;
        let lr_mean = self.mean_rate(step);
        let [correction1, correction2] = bias_corrections(step);
        let count = gaussians as f64;
        let velocity_fall = config.lr_velocity_final / config.lr_velocity.max(f64::MIN_POSITIVE);
        let constants = Step {
            correction1,
            correction2,
            lr_mean: lr_mean as f32,
            lr_rotation: config.lr_rotation as f32,
            lr_scale: config.lr_scale as f32,
            lr_opacity: self.opacity_rate(step) as f32,
            lr_sh_dc: config.lr_sh_dc as f32,
            lr_sh_rest: config.lr_sh_rest as f32,
            lr_velocity: (EXTENT * self.decayed(step, config.lr_velocity, config.lr_velocity_final)) as f32,
            lr_acceleration: (EXTENT
                * self.decayed(step, config.lr_acceleration, config.lr_acceleration * velocity_fall))
                as f32,
            lr_turn: self.decayed(step, config.lr_turn, config.lr_turn * velocity_fall) as f32,
            lr_time: config.lr_time as f32,
            lr_duration: config.lr_duration as f32,
            lr_gate: config.lr_gate as f32,
            duration_regularisation: (config.duration_regularisation / count) as f32,
            gate_regularisation: (config.gate_regularisation / count) as f32,
            init_log_duration: config.init_duration.ln() as f32,
            min_log_duration: self.min_log_duration,
            velocity_shrinkage: config.velocity_shrinkage as f32,
            bend_shrinkage: config.bend_shrinkage as f32,
            seed: config.seed_word(),
            number: step,
            ..Step::default()
        };
        self.strategy.regularised(constants, [lr_mean, self.mean_rate(0)], gaussians)
    }

    /// The strategy by which the population changes.
    pub fn strategy(&self) -> &Strategy {
        &self.strategy
    }
}

/// SplitMix64 (Steele, Lea & Flood 2014): a few good bits from any seed.
pub struct SplitMix(u64);

impl SplitMix {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Uniform in 0..1.
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(steps: u32) -> Schedule {
        Schedule::new(&Config { steps: steps.into(), seed: 3, ..Config::default() }, (10..17).collect())
    }

    #[test]
    fn every_epoch_shows_every_shot_once() {
        let schedule = schedule(30_000);
        let epoch = |first| {
            let mut shots = schedule.shots_from(first, 7);
            let order = shots.clone();
            shots.sort_unstable();
            assert_eq!(shots, (10..17).collect::<Vec<_>>());
            order
        };
        assert_ne!(epoch(0), epoch(7), "epochs are shuffled apart");
    }

    #[test]
    fn photos_grow_along_the_run() {
        let share = "0.4".parse().unwrap();
        let config = Config { steps: 1000.into(), coarse_to_fine: share, ..Config::default() };
        let sizes = |size| [0, 99, 100, 399, 400, 999].map(|step| Schedule::new(&config, vec![0]).size(step, size));
        assert_eq!(sizes((801, 600)), [(201, 150), (201, 150), (401, 300), (401, 300), (801, 600), (801, 600)]);
        assert_eq!(sizes((400, 300))[..3], [(200, 150); 3], "not below 120 pixels");
        let off = Config { coarse_to_fine: "off".parse().unwrap(), ..config.clone() };
        assert_eq!(Schedule::new(&off, vec![0]).size(0, (800, 600)), (800, 600));
    }

    #[test]
    fn clips_learn_view_dependent_colour_more_slowly() {
        let [plain, still, clip] = [None, Some(MotionKind::Static), Some(MotionKind::Linear)].map(|motion| {
            let schedule = schedule(30_000);
            motion.map_or(schedule.clone(), |motion| schedule.in_time(motion, 0.1)).step(0, 10)
        });
        assert_eq!(still.lr_sh_rest, plain.lr_sh_rest, "what stands still learns it as fast");
        assert_eq!(f64::from(clip.lr_sh_rest), f64::from(still.lr_sh_rest) * SH_RATE_IN_TIME);
        assert_eq!(clip.lr_sh_dc, still.lr_sh_dc);
    }

    #[test]
    fn the_opacity_rate_is_constant_or_falls_to_its_end() {
        let rates = |config: Config| {
            let schedule = Schedule::new(&config, vec![0]);
            [0, 15_000, 30_000].map(|step| schedule.opacity_rate(step))
        };
        assert_eq!(rates(Config::default()), [LR_OPACITY; 3]);
        let falling = Config { lr_opacity: Some(0.2), lr_opacity_final: Some(0.05), ..Config::default() };
        for (rate, right) in rates(falling).into_iter().zip([0.2, 0.1, 0.05]) {
            assert!((rate - right).abs() < 1e-12, "{rate}, {right}");
        }
    }

    #[test]
    fn the_mean_rate_falls_to_its_end() {
        let schedule = schedule(30_000);
        let Config { lr_mean, lr_mean_final, .. } = Config::default();
        assert!((schedule.mean_rate(0) - 1.1 * lr_mean).abs() < 1e-12);
        assert!((schedule.mean_rate(30_000) - 1.1 * lr_mean_final).abs() < 1e-12);
        assert!((schedule.mean_rate(15_000) - 1.1 * (lr_mean * lr_mean_final).sqrt()).abs() < 1e-12);
    }
}
