//! Every option of a training run: its key, flag, help and default, in one place.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::dataset::{CaptureOptions, FlowChoice};

pub use super::choices::{AlphaMode, Background, FlowShape, FlowSource, Init, Subgroups, Switch};

/// Steps of the run that the step constants ([`Config::scaled`]) are written for.
pub const REFERENCE_STEPS: u32 = 30_000;

/// One line an option: documentation, key, type, default. It becomes a key of the TOML file, a field of [`Config`] and
/// a flag in [`Flags`]. `u32 => Option<u32>` says that the option may be left unset.
macro_rules! options {
    (@stored $flag:ty) => { $flag };
    (@stored $flag:ty, $stored:ty) => { $stored };
    ($( $heading:literal { $( $(#[$doc:meta])* $key:ident: $flag:ty $(=> $stored:ty)? = $default:expr; )* } )*) => {
        /// The options of a run. Steps are optimisation steps, one image each.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct Config {
            /// The capture folder or its JSON file.
            pub capture: PathBuf,
            $( $( $(#[$doc])* pub $key: options!(@stored $flag $(, $stored)?), )* )*
        }

        impl Default for Config {
            fn default() -> Self {
                Self { capture: PathBuf::new(), $( $( $key: $default, )* )* }
            }
        }

        /// The same options as command-line flags, each absent unless given.
        #[derive(Clone, Debug, Default, clap::Args)]
        pub struct Flags {
            $( $( $(#[$doc])* #[arg(long, help_heading = $heading)] pub $key: Option<$flag>, )* )*
        }

        impl Flags {
            /// Overwrites the options for which a flag was given.
            pub fn apply(self, config: &mut Config) {
                $( $( if let Some(value) = self.$key { config.$key = value.into(); } )* )*
            }
        }
    };
}

options! {
    "Capture" {
        /// Bound on the longer side of the images, in pixels; larger ones are averaged down
        max_resolution: u32 => Option<u32> = None;
        /// Hold out every n-th image by name, unless the capture names its test images (0: none)
        test_every: u32 = 8;
        /// Fail where an image is missing or broken, rather than warn and train on the rest
        strict: bool = false;
        /// Memory for decoded images, in GiB; the rest is decoded again when needed
        cache_gb: f64 = 4.0;
        /// Ignore the pixels that the capture's masks paint black
        masks: bool = true;
        /// Ignore the white pixels of masks, rather than the black ones
        invert_masks: bool = false;
        /// Transparent images: `composite` on the background, or also make the render's opacity a `target`
        alpha_mode: AlphaMode = AlphaMode::Composite;
        /// Weight of the opacity target
        alpha_weight: f64 = 0.1;
        /// Colour behind the scene: black, white, random (a new colour each step) or R,G,B in 0 to 1
        background: Background = Background::Colour([0.0; 3]);
    }
    "Run" {
        /// Optimisation steps; every step constant below is for 30000 and rescaled with this
        steps: u32 = REFERENCE_STEPS;
        /// Seed of all randomness; equal seeds give equal bytes on one adapter
        seed: u64 = 0;
        /// Evaluate the held-out images every n steps, besides the end (0: only there) [default: a quarter of the steps]
        eval_every: u32 => Option<u32> = None;
        /// Save scene and checkpoint every n steps, besides the end (0: only there) [default: a tenth of the steps]
        save_every: u32 => Option<u32> = None;
        /// Adapter to train on: its index or a part of its name, as `dapple adapters` lists them [default: the best]
        adapter: String => Option<String> = None;
        /// Kernels that use subgroup operations: `auto` where the adapter has them, or `off`
        subgroups: Subgroups = Subgroups::Auto;
    }
    "Scene" {
        /// Largest number of Gaussians
        cap_max: u32 = 1_000_000;
        /// Degree of the spherical harmonics, 0 to 3
        sh_degree: u32 = 3;
        /// Compensate opacity for the low-pass filter, which keeps detail stable across distances
        antialiased: bool = false;
        /// First Gaussians: auto (points of the capture, else random), sfm, random, or a PLY of points or Gaussians
        init: Init = Init::Auto;
        /// Number of random first Gaussians
        init_points: u32 = 100_000;
        /// Half side of the cube that random Gaussians fill, in the capture's units [default: from the cameras]
        init_extent: f64 => Option<f64> = None;
        /// Random points added behind the capture's own, as a share of them: seeds for walls and sky without texture
        init_fill: f64 = 0.2;
        /// Opacity of the first Gaussians [default: 0.1; in a random cube 0.5]
        init_opacity: f64 => Option<f64> = None;
        /// Size of the first Gaussians, as a factor on the distance to the three nearest neighbours [default: 1; in a
        /// random cube 0.1]
        init_scale: f64 => Option<f64> = None;
    }
    "Optimiser" {
        /// Weight of 1 - SSIM in the loss; the rest is the weight of L1
        ssim_weight: f64 = 0.2;
        /// Learning rate of means at the start, in units of the scene's extent
        lr_mean: f64 = 1.6e-4;
        /// Learning rate of means at the end
        lr_mean_final: f64 = 1.6e-6;
        /// Learning rate of the constant colour
        lr_sh_dc: f64 = 2.5e-3;
        /// Learning rate of the view-dependent colour
        lr_sh_rest: f64 = 1.25e-4;
        /// Learning rate of opacity logits
        lr_opacity: f64 = 0.05;
        /// Learning rate of log-scales
        lr_scale: f64 = 5e-3;
        /// Learning rate of rotations
        lr_rotation: f64 = 1e-3;
        /// Weight of the mean opacity in the loss
        opacity_regularisation: f64 = 0.01;
        /// Weight of the mean scale in the loss
        scale_regularisation: f64 = 0.01;
        /// Strength of the noise that lets Gaussians explore; its effect grows with the square of the scene's extent in
        /// training units, which is always 1.1 here (against about 4 in the raw units of the synthetic NeRF scenes)
        noise_lr: f64 = 5e6;
        /// Steps between colour degrees coming into use
        sh_interval: u32 = 1000;
    }
    "Relocation and growth" {
        /// Steps between relocations
        refine_every: u32 = 100;
        /// No relocation up to this step
        refine_start: u32 = 500;
        /// No relocation from this step on
        refine_stop: u32 = 25_000;
        /// Factor on the number of Gaussians at each relocation, up to the cap
        growth: f64 = 1.05;
        /// Gaussians of at most this opacity are relocated
        dead_opacity: f64 = 0.005;
    }
    "Motion" {
        /// Train a static scene from a capture in time
        r#static: bool = false;
        /// Duration of the first Gaussians, as a share of the clip (a standard deviation)
        init_duration: f64 = 0.3;
        /// Shortest duration, in steps of the clip's times
        min_duration: f64 = 0.5;
        /// First velocities from optical flow, and depths of the points that lie on images' rays: on or off
        velocity_init: Switch = Switch::On;
        /// Learning rate of velocities at the start, in units of the scene's extent a clip
        lr_velocity: f64 = 1.6e-3;
        /// Learning rate of velocities at the end
        lr_velocity_final: f64 = 1.6e-5;
        /// Pull to rest of what is there most of the time, as a share of the largest step of its velocity
        velocity_shrinkage: f64 = 0.3;
        /// Learning rate of time centres
        lr_time: f64 = 1.6e-4;
        /// Learning rate of log-durations
        lr_duration: f64 = 5e-3;
        /// Learning rate of static gates, by which a Gaussian stops to fade; 0 for no gates
        lr_gate: f64 = 0.0;
        /// Noise of time centres, in durations, along which Gaussians slide
        time_noise: f64 = 0.1;
        /// Divide durations among relocated Gaussians as scales are
        share_duration: bool = true;
        /// Share of the opacity's regularisation that acts on a Gaussian while it is faded
        faded_regularisation: f64 = 0.0;
        /// Weight of the mean of -ln(duration) in the loss: 0.01 where most of a clip without flow stands still
        duration_regularisation: f64 = 0.0;
        /// Weight of the mean share that fades in the loss, where there are gates
        gate_regularisation: f64 = 1e-3;
    }
    "Flow" {
        /// Optical flow to learn from: auto (the capture's own, if it has some), off, or a folder of flow files
        flow: FlowSource = FlowSource::Auto;
        /// Weight of the mean end-point error, in pixels, in the loss
        flow_weight: f64 = 0.01;
        /// How a Gaussian's pixels move: all as its mean does (isotropic), or as its ellipse does (affine)
        flow_form: FlowShape = FlowShape::Isotropic;
        /// Flow teaches every n-th step
        flow_every: u32 = 2;
        /// Share of the run, at its end, over which flow's weight falls to zero
        flow_decay: f64 = 0.3;
        /// End-point errors well below this many pixels count as squares; 0: none
        flow_robust: f64 = 0.1;
        /// Leave out pixels whose target moves less than this many pixels
        flow_threshold: f64 = 0.0;
        /// Let flow teach all parameters (on) rather than velocities alone (off) [default: on where a camera moves, before
        /// which flow tells of depth too]
        flow_all: Switch => Option<Switch> = None;
    }
}

impl Config {
    /// Reads a TOML file; keys that it leaves out keep their defaults.
    ///
    /// # Errors
    /// Names the file, the line, and what is wrong with it.
    pub fn load(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        toml::from_str(&text).map_err(|error| {
            let line = 1 + error.span().map_or(0, |span| text[..span.start].matches('\n').count());
            // The list of all 40 keys that serde appends would bury the message.
            let message = error.message().split(", expected one of").next().unwrap_or_default();
            anyhow::anyhow!("{}:{line}: {message}; `dapple train --help` lists the options", path.display())
        })
    }

    /// The TOML text that [`Config::load`] reads back to an equal value.
    pub fn to_toml(&self) -> Result<String> {
        toml::to_string(self).context("cannot write the options as TOML")
    }

    /// How the capture is opened.
    pub fn capture_options(&self) -> CaptureOptions {
        CaptureOptions {
            max_resolution: self.max_resolution,
            test_every: self.test_every,
            strict: self.strict,
            masks: self.masks,
            invert_masks: self.invert_masks,
            flow: match &self.flow {
                _ if self.r#static => FlowChoice::Off,
                FlowSource::Auto => FlowChoice::Auto,
                FlowSource::Off => FlowChoice::Off,
                FlowSource::Folder(folder) => FlowChoice::Folder(folder.clone()),
            },
        }
    }

    /// The options with the step constants rescaled by `steps` / 30 000, so that a short run is a whole run:
    /// `refine_every`, `refine_start`, `refine_stop` and `sh_interval`, each rounded and at least 1. The decay of the
    /// mean's learning rate spans `steps` anyway.
    pub fn scaled(&self) -> Self {
        let factor = f64::from(self.steps) / f64::from(REFERENCE_STEPS);
        let scale = |steps: u32| ((f64::from(steps) * factor).round() as u32).max(1);
        Self {
            refine_every: scale(self.refine_every),
            refine_start: scale(self.refine_start),
            refine_stop: scale(self.refine_stop),
            sh_interval: scale(self.sh_interval),
            ..self.clone()
        }
    }

    /// Whether held-out images are evaluated after `step` steps.
    pub fn evaluates_at(&self, step: u32) -> bool {
        due(step, self.steps, self.eval_every.unwrap_or((self.steps / 4).max(1)))
    }

    /// Whether scene and checkpoint are saved after `step` steps.
    pub fn saves_at(&self, step: u32) -> bool {
        due(step, self.steps, self.save_every.unwrap_or((self.steps / 10).max(1)))
    }

    /// Whether `step` is a line of `metrics.jsonl`: by its number alone, so that a resumed run writes the same lines.
    pub fn records_at(&self, step: u32) -> bool {
        due(step, self.steps, (self.steps / 200).clamp(10, 100)) || self.evaluates_at(step)
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
            init: Init::Ply("points.ply".into()),
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
        let scaled = Config { steps: 7000, ..Config::default() }.scaled();
        assert_eq!(
            (scaled.refine_every, scaled.refine_start, scaled.refine_stop, scaled.sh_interval),
            (23, 117, 5833, 233)
        );
        assert_eq!(Config { steps: 10, ..Config::default() }.scaled().refine_every, 1);
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
        assert!(message("\n\nsteps = \"many\"\n").contains("c.toml:3: invalid type"));
        assert!(message("background = \"mauve\"\n").contains("not black, white, random"));
    }

    #[test]
    fn evaluation_and_saving_fall_on_the_end() {
        let config = Config { steps: 1000, save_every: Some(0), ..Config::default() };
        assert!(config.evaluates_at(250) && config.evaluates_at(1000) && !config.evaluates_at(0));
        assert!(config.saves_at(1000) && !config.saves_at(100));
        assert!(config.records_at(10) && !config.records_at(11));
    }
}
