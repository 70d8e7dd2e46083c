//! What the options of a training run may be.

use anyhow::{Result, ensure};

use super::config::Config;

impl Config {
    /// Checks every option by itself.
    ///
    /// # Errors
    /// Names the first option that makes no sense, as its flag is spelled.
    pub fn validate(&self) -> Result<()> {
        let positive = [
            ("steps", self.steps),
            ("cap-max", self.cap_max),
            ("refine-every", self.refine_every),
            ("sh-interval", self.sh_interval),
            ("flow-every", self.flow_every),
            ("init-points", self.init_points),
            ("max-resolution", self.max_resolution.unwrap_or(1)),
        ];
        for (name, value) in positive {
            ensure!(value > 0, "--{name} must be at least 1");
        }
        ensure!(self.sh_degree <= 3, "--sh-degree must be 0 to 3, not {}", self.sh_degree);
        ensure!(i64::try_from(self.seed).is_ok(), "--seed must be below 2^63");
        let weights = [
            ("lr-mean", self.lr_mean),
            ("lr-mean-final", self.lr_mean_final),
            ("lr-sh-dc", self.lr_sh_dc),
            ("lr-sh-rest", self.lr_sh_rest),
            ("lr-opacity", self.lr_opacity),
            ("lr-scale", self.lr_scale),
            ("lr-rotation", self.lr_rotation),
            ("opacity-regularisation", self.opacity_regularisation),
            ("scale-regularisation", self.scale_regularisation),
            ("noise-lr", self.noise_lr),
            ("alpha-weight", self.alpha_weight),
            ("cache-gb", self.cache_gb),
            ("init-fill", self.init_fill),
            ("min-duration", self.min_duration),
            ("lr-velocity", self.lr_velocity),
            ("lr-velocity-final", self.lr_velocity_final),
            ("lr-time", self.lr_time),
            ("lr-duration", self.lr_duration),
            ("lr-gate", self.lr_gate),
            ("time-noise", self.time_noise),
            ("duration-regularisation", self.duration_regularisation),
            ("gate-regularisation", self.gate_regularisation),
            ("flow-weight", self.flow_weight),
            ("flow-robust", self.flow_robust),
            ("flow-threshold", self.flow_threshold),
        ];
        for (name, value) in weights {
            ensure!(value.is_finite() && value >= 0.0, "--{name} must be a number that is not negative, not {value}");
        }
        // Far above any use, and low enough that no parameter overflows in a run.
        for (name, value) in weights.iter().filter(|(name, _)| name.starts_with("lr-")) {
            ensure!(*value <= 1000.0, "--{name} must be at most 1000, not {value}");
        }
        let fractions = [("dead-opacity", self.dead_opacity), ("init-opacity", self.init_opacity.unwrap_or(0.5))];
        for (name, value) in fractions {
            ensure!(value > 0.0 && value < 1.0, "--{name} must be between 0 and 1, not {value}");
        }
        let shares = [
            ("ssim-weight", self.ssim_weight),
            ("flow-decay", self.flow_decay),
            ("faded-regularisation", self.faded_regularisation),
            ("velocity-shrinkage", self.velocity_shrinkage),
        ];
        for (name, value) in shares {
            ensure!((0.0..=1.0).contains(&value), "--{name} must be 0 to 1, not {value}");
        }
        let sizes = [
            ("init-scale", self.init_scale.unwrap_or(1.0)),
            ("init-extent", self.init_extent.unwrap_or(1.0)),
            ("init-duration", self.init_duration),
        ];
        for (name, value) in sizes {
            ensure!(value.is_finite() && value > 0.0, "--{name} must be a positive number, not {value}");
        }
        ensure!(self.growth.is_finite() && self.growth >= 1.0, "--growth must be at least 1, not {}", self.growth);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn validation_names_the_flag() {
        let message = |config: Config| config.validate().expect_err("must fail").to_string();
        assert!(message(Config { cap_max: 0, ..Config::default() }).contains("--cap-max"));
        assert!(message(Config { steps: 0, ..Config::default() }).contains("--steps"));
        assert!(message(Config { opacity_regularisation: -1.0, ..Config::default() }).contains("not negative"));
        assert!(message(Config { lr_mean: f64::NAN, ..Config::default() }).contains("--lr-mean"));
        assert!(message(Config { sh_degree: 4, ..Config::default() }).contains("--sh-degree"));
        Config::default().validate().expect("the defaults are valid");
    }
}
