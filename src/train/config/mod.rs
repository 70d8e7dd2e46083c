//! The options of a training run: `options` lists them, `values` has the types of those that are words, `validate` the
//! ranges of those that are numbers.

pub mod auto;
mod count;
mod options;
mod validate;
mod values;

use std::path::Path;

use anyhow::{Context, Result};

use crate::dataset::{Capture, CaptureOptions, FlowChoice};
use crate::model::MotionKind;

pub use count::Count;
#[cfg(feature = "cli")]
pub use options::Flags;
pub use options::{Config, OptionInfo, REFERENCE_STEPS};
pub use values::{
    AlphaMode, Background, Choice, CoarseToFine, FlowShape, FlowSource, Init, Paths, Precision, Subgroups, Switch,
};

/// The length in steps from which shorter runs have no higher learning rates.
const MOST_RAISED: f64 = 1500.0;

impl Config {
    /// Reads a TOML file; keys that it leaves out keep their defaults.
    ///
    /// # Errors
    /// Names the file, the line, and what is wrong with it.
    pub fn load(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        toml::from_str(&text).map_err(|error| {
            let line = 1 + error.span().map_or(0, |span| text[..span.start].matches('\n').count());
            // The list of all keys that serde appends would bury the message.
            let message = error.message().split(", expected one of").next().unwrap_or_default();
            anyhow::anyhow!("{}:{line}: {message}; `dapple train --help` lists the options", path.display())
        })
    }

    /// The TOML text that [`Config::load`] reads back to an equal value.
    pub fn to_toml(&self) -> Result<String> {
        toml::to_string(self).context("cannot write the options as TOML")
    }

    /// The options that a capture is opened with.
    pub fn capture_options(&self) -> CaptureOptions {
        CaptureOptions {
            max_resolution: self.max_resolution,
            test_every: self.test_every,
            strict: self.strict,
            masks: self.masks,
            invert_masks: self.invert_masks,
            undistort: self.undistort,
            flow: match &self.flow {
                _ if self.r#static => FlowChoice::Off,
                FlowSource::Auto => FlowChoice::Auto,
                FlowSource::Off => FlowChoice::Off,
                FlowSource::Folder(folder) => FlowChoice::Folder(folder.clone()),
            },
        }
    }

    /// The options for a run of `steps` instead of 30 000, so that a short run is a whole run: `refine_every`,
    /// `refine_start`, `refine_stop` and `sh_interval` by their ratio, each rounded and at least 1, and the first rate of means
    /// and that of scales by its fourth root, up to that of 1500 steps (docs/algorithms.md E.1). The decay of the mean's
    /// rate spans `steps` anyway.
    pub fn scaled(&self) -> Self {
        let factor = f64::from(self.step_count()) / f64::from(REFERENCE_STEPS);
        let scale = |steps: u32| ((f64::from(steps) * factor).round() as u32).max(1);
        let raise = self.raise();
        Self {
            refine_every: scale(self.refine_every),
            refine_start: scale(self.refine_start),
            refine_stop: scale(self.refine_stop),
            sh_interval: scale(self.sh_interval),
            lr_mean: self.lr_mean * raise,
            lr_scale: self.lr_scale * raise,
            ..self.clone()
        }
    }

    /// The factor on learning rates of a run shorter than 30 000 steps.
    fn raise(&self) -> f64 {
        let steps = f64::from(self.step_count()).clamp(MOST_RAISED, f64::from(REFERENCE_STEPS));
        (f64::from(REFERENCE_STEPS) / steps).powf(0.25)
    }

    /// The options with a background that is `auto` made what it is for the photos: cut out or not.
    pub fn resolved(&self, cut_out: bool) -> Self {
        let random = cut_out && self.background == Background::Auto;
        Self { background: if random { Background::Random } else { self.background }, ..self.clone() }
    }

    /// How the Gaussians of a capture move.
    pub fn motion_kind(&self, capture: &Capture) -> MotionKind {
        if self.r#static || !capture.is_dynamic() {
            return MotionKind::Static;
        }
        match self.motion {
            Paths::Linear => MotionKind::Linear,
            Paths::Curved => MotionKind::Curved,
            // One camera cannot tell a bend from a change of depth.
            Paths::Auto if capture.shares_moments() => MotionKind::Curved,
            Paths::Auto => MotionKind::Linear,
        }
    }

    /// What `--motion auto` makes of a capture in time, and why.
    pub fn paths_line(&self, capture: &Capture) -> Option<&'static str> {
        match self.motion_kind(capture) {
            MotionKind::Linear if self.motion == Paths::Auto => {
                Some("Gaussians move along lines: one camera at a time cannot tell a bend from depth (--motion)")
            }
            MotionKind::Curved if self.motion == Paths::Auto => {
                Some("Gaussians move along curves and turn: several cameras see each moment (--motion)")
            }
            _ => None,
        }
    }

    /// The seed folded to the 32 bits that kernels take.
    pub fn seed_word(&self) -> u32 {
        self.seed as u32 ^ (self.seed >> 32) as u32
    }

    /// Whether held-out images are evaluated after `step` steps.
    pub fn evaluates_at(&self, step: u32) -> bool {
        due(step, self.step_count(), self.eval_every.unwrap_or((self.step_count() / 4).max(1)))
    }

    /// Whether scene and checkpoint are saved after `step` steps.
    pub fn saves_at(&self, step: u32) -> bool {
        due(step, self.step_count(), self.save_every.unwrap_or((self.step_count() / 10).max(1)))
    }

    /// Whether `step` is a line of `metrics.jsonl`: by its number alone, so that a resumed run writes the same lines.
    pub fn records_at(&self, step: u32) -> bool {
        due(step, self.step_count(), (self.step_count() / 200).clamp(10, 100)) || self.evaluates_at(step)
    }
}

fn due(step: u32, steps: u32, every: u32) -> bool {
    step == steps || (every > 0 && step > 0 && step.is_multiple_of(every))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn toml_round_trips_every_option() {
        let config = Config {
            capture: "/data/fox".into(),
            background: Background::Colour([0.25, 0.5, 1.0]),
            init: Init::File("points.ply".into()),
            max_resolution: Some(480),
            adapter: Some("llvmpipe".into()),
            alpha_mode: AlphaMode::Target,
            lr_mean: 1.7e-4,
            ..Config::default()
        };
        let text = config.to_toml().expect("writes");
        assert_eq!(toml::from_str::<Config>(&text).expect("reads"), config);
        assert!(text.contains("background = \"0.25,0.5,1\""), "{text}");
    }

    #[test]
    fn a_short_run_rescales_the_step_constants() {
        let scaled = Config { steps: 7000.into(), ..Config::default() }.scaled();
        assert_eq!(
            (scaled.refine_every, scaled.refine_start, scaled.refine_stop, scaled.sh_interval),
            (23, 117, 5833, 233)
        );
        let shorter = |steps: u32| Config { steps: steps.into(), ..Config::default() }.scaled();
        assert_eq!(shorter(10).refine_every, 1);
        let usual = Config::default();
        assert!((shorter(1875).lr_scale / usual.lr_scale - 2.0).abs() < 1e-12, "a sixteenth: the fourth root");
        assert!((shorter(1875).lr_mean / usual.lr_mean - 2.0).abs() < 1e-12);
        assert_eq!(shorter(10).lr_mean, shorter(1500).lr_mean);
        assert_eq!(shorter(60_000).lr_mean, usual.lr_mean, "a long run keeps them");
        assert_eq!(Config::default().scaled(), Config::default());
    }

    #[test]
    fn a_mistake_in_the_file_is_named_with_its_line() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("c.toml");
        let message = |text: &str| {
            std::fs::write(&path, text).expect("writes");
            Config::load(&path).expect_err("must fail").to_string()
        };
        assert!(message("steps = 5\nstepz = 7\n").contains("c.toml:2: unknown field `stepz`;"));
        assert!(message("\n\nseed = \"many\"\n").contains("c.toml:3: invalid type"));
        let many = message("\n\nsteps = \"many\"\n");
        assert!(many.contains("c.toml:3:") && many.contains("\"many\" is neither auto nor a whole number"), "{many}");
        assert!(message("background = \"mauve\"\n").contains("not black, white, random"));
    }

    #[test]
    fn evaluation_and_saving_fall_on_the_end() {
        let config = Config { steps: 1000.into(), save_every: Some(0), ..Config::default() };
        assert!(config.evaluates_at(250) && config.evaluates_at(1000) && !config.evaluates_at(0));
        assert!(config.saves_at(1000) && !config.saves_at(100));
        assert!(config.records_at(10) && !config.records_at(11));
    }
}
