//! The table of all options of a training run: key, type, default, range and help of each in one place.

use std::ops::Bound::{Excluded, Unbounded};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::count::Count;
use super::validate::{check, describe};
use super::values::{
    AlphaMode, Background, Choice, CoarseToFine, FlowShape, FlowSource, Init, Paths, Precision, Subgroups, Switch,
};

/// Steps of the run that the step constants ([`Config::scaled`]) are written for.
pub const REFERENCE_STEPS: u32 = 30_000;

/// The cap of a run whose `--cap-max auto` was never chosen for a capture.
const REFERENCE_CAP: u32 = 1_000_000;

/// An option of [`Config`] as its line in the table describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OptionInfo {
    /// The group that `--help` lists it in.
    pub heading: &'static str,
    /// Its key in a TOML file; the flag has `-` for `_`.
    pub key: &'static str,
    /// The Rust type of its value.
    pub kind: &'static str,
    pub help: String,
    /// The valid values in words, for numbers.
    pub range: Option<String>,
}

/// One line an option: help, key, type, default, and for numbers the range of valid values. It becomes a key of the TOML
/// file, a field of [`Config`] and a flag in [`Flags`]. `u32 => Option<u32>` is an option that may be left unset.
macro_rules! options {
    (@stored $flag:ty) => { $flag };
    (@stored $flag:ty, $stored:ty) => { $stored };
    (@range $flag:ty) => { None };
    (@range $flag:ty, $range:expr) => { Some(describe::<$flag>(&$range)) };
    ($( $heading:literal {
        $( $(#[doc = $help:literal])* $key:ident: $flag:ty $(=> $stored:ty)? = $default:expr $(, in $range:expr)?; )*
    } )*) => {
        /// The options of a run. Steps are optimisation steps, one image each.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct Config {
            /// The capture folder or its JSON file.
            pub capture: PathBuf,
            $( $( $(#[doc = $help])* pub $key: options!(@stored $flag $(, $stored)?), )* )*
        }

        impl Default for Config {
            fn default() -> Self {
                Self { capture: PathBuf::new(), $( $( $key: $default, )* )* }
            }
        }

        impl Config {
            /// Checks that every number is in its range.
            ///
            /// # Errors
            /// Names the flag of the first option that is out of range, its value and its range.
            pub fn validate(&self) -> anyhow::Result<()> {
                $( $( $( check::<$flag>(stringify!($key), self.$key.into(), &$range)?; )? )* )*
                Ok(())
            }

            /// The number of steps; [`REFERENCE_STEPS`] while it is to be chosen.
            pub fn step_count(&self) -> u32 {
                self.steps.or(REFERENCE_STEPS)
            }

            /// The most Gaussians; a million while the number is to be chosen.
            pub fn cap(&self) -> usize {
                self.cap_max.or(REFERENCE_CAP) as usize
            }

            /// The degree of spherical harmonics; the highest while it is to be chosen.
            pub fn degree(&self) -> u32 {
                self.sh_degree.unwrap_or(HIGHEST_DEGREE)
            }

            /// All options but the capture, in the order of `--help`.
            pub fn options() -> Vec<OptionInfo> {
                vec![$( $( OptionInfo {
                    heading: $heading,
                    key: stringify!($key).trim_start_matches("r#"),
                    kind: stringify!($flag),
                    help: [$($help),*].map(str::trim).join(" "),
                    range: options!(@range $flag $(, $range)?),
                }, )* )*]
            }
        }

        /// The same options as command-line flags, each absent unless given.
        #[cfg(feature = "cli")]
        #[derive(Clone, Debug, Default, clap::Args)]
        pub struct Flags {
            $( $( $(#[doc = $help])* #[arg(long, help_heading = $heading)] pub $key: Option<$flag>, )* )*
        }

        #[cfg(feature = "cli")]
        impl Flags {
            /// Overwrites the options for which a flag was given.
            pub fn apply(self, config: &mut Config) {
                $( $( if let Some(value) = self.$key { config.$key = value.into(); } )* )*
            }
        }
    };
}

/// The highest degree of spherical harmonics.
pub const HIGHEST_DEGREE: u32 = 3;

/// Learning rates: at 1000, far above any use, no parameter overflows in a run yet.
const LR: std::ops::RangeInclusive<f64> = 0.0..=1000.0;

options! {
    "Capture" {
        /// Longest side of the training images, in pixels; larger images are averaged down to it [default: full size]
        max_resolution: u32 => Option<u32> = None, in 1..;
        /// Hold out every n-th image, in order of names, for evaluation, unless the capture lists its test images; 0 holds
        /// out none
        test_every: u32 = 8, in 0..;
        /// Stop with an error at an image that is missing or damaged, instead of leaving it out with a warning
        strict: bool = false;
        /// Memory for decoded images in RAM, and again on the GPU, in GiB; further images are decoded at each use
        cache_gb: f64 = 4.0, in 0.0..;
        /// Exclude the pixels that are black in the capture's masks from the loss and the metrics
        masks: bool = true;
        /// Exclude the white pixels of masks instead of the black ones
        invert_masks: bool = false;
        /// Resample the images of every lens to a pinhole, also those of lenses that the renderer knows
        undistort: bool = false;
        /// Use of an image's alpha channel: `composite` blends the image over the background, `target` also trains the
        /// rendered opacity towards alpha
        alpha_mode: AlphaMode = AlphaMode::Composite;
        /// Weight of the L1 loss between rendered opacity and alpha, for --alpha-mode target
        alpha_weight: f64 = 0.1, in 0.0..;
        /// Background colour: black, white, R,G,B with values from 0 to 1, random for a new colour at each step, or auto, which
        /// is random for transparent photos and else black
        background: Background = Background::Auto;
    }
    "Run" {
        /// Number of optimisation steps, one image each; `auto` goes by the number of photos. Options that are step numbers apply
        /// to a run of 30000 steps and are scaled to this length
        steps: Count = Count::Auto, in Count::Of(1)..;
        /// Share of the steps, from the start on, that train on photos reduced by 4 and then by 2 along each side, though never
        /// below 120 pixels; or off
        coarse_to_fine: CoarseToFine = CoarseToFine::default();
        /// Command of a program that judges renders over pipes, as docs/guide.md says: an outside loss
        guide: String => Option<String> = None;
        /// Steps from one that the guide judges to the next
        guide_every: u32 = 10, in 1..;
        /// Let the guide judge every step, and photos none; without a capture, from cameras around the origin
        guide_only: bool = false;
        /// Seconds after which a guide that does not answer ends the run
        guide_timeout: f64 = 600.0, in (Excluded(0.0), Unbounded);
        /// Seed of the random numbers; on one GPU, equal seeds and options give identical files
        seed: u64 = 0, in 0..=i64::MAX as u64;
        /// Steps between evaluations on the held-out images, besides the final one; 0 evaluates at the end only [default: a
        /// quarter of --steps]
        eval_every: u32 => Option<u32> = None, in 0..;
        /// Steps between saves of scene and checkpoint, besides the final one; 0 saves at the end only [default: a tenth of
        /// --steps]
        save_every: u32 => Option<u32> = None, in 0..;
        /// GPU to train on: its index, or part of its name, in the list of `dapple adapters`, or a back end and one of these, as
        /// in vulkan:NVIDIA or dx12:0 [default: the first that opens]
        adapter: String => Option<String> = None;
        /// Use of the GPU's subgroup operations: `auto` where it has them, `off` never
        subgroups: Subgroups = Subgroups::Auto;
        /// Storage of view-dependent colour while training: `packed` takes a third of the memory, `full` keeps f32 and both of
        /// Adam's moments for every coefficient
        precision: Precision = Precision::Packed;
    }
    "Scene" {
        /// Maximum number of Gaussians; `auto` goes by the pixels of the photos, their number and the first points
        cap_max: Count = Count::Auto, in Count::Of(1)..;
        /// Degree of the spherical harmonics (SH) for view-dependent colour [default: 3; lower where the photos were taken from
        /// few places, which do not tell how colours change with the direction]
        sh_degree: u32 => Option<u32> = None, in 0..=HIGHEST_DEGREE;
        /// Reduce the opacity of Gaussians that the 2D low-pass filter enlarges, as gsplat's antialiased mode does
        antialiased: bool = false;
        /// Initial Gaussians: `sfm` starts from the capture's points, `random` from random ones, a .ply file from its points
        /// or Gaussians; `auto` is sfm where the capture has points, else random
        init: Init = Init::Auto;
        /// Number of Gaussians of a random initialisation
        init_points: u32 = 100_000, in 1..;
        /// Half side of the cube of a random initialisation, in the capture's units [default: random depths along the rays
        /// of the images; for images with alpha a cube sized by the cameras]
        init_extent: f64 => Option<f64> = None, in (Excluded(0.0), Unbounded);
        /// Number of random Gaussians added to the capture's points, as a fraction of their number; they lie at random depths
        /// along the rays of the images, for walls and sky that have no points
        init_fill: f64 = 0.2, in 0.0..;
        /// Put the initial random Gaussians of sky on a shell far behind the capture: on, off, or auto where the photos show sky;
        /// only in still captures that are not cut out of their background
        sky: Choice = Choice::Auto;
        /// Opacity of the initial Gaussians [default: 0.1; in a random cube 0.5]
        init_opacity: f64 => Option<f64> = None, in (Excluded(0.0), Excluded(1.0));
        /// Scale of the initial Gaussians, as a multiple of the distance to their three nearest neighbours [default: 1; in a
        /// random cube 0.1]
        init_scale: f64 => Option<f64> = None, in (Excluded(0.0), Unbounded);
    }
    "Optimiser" {
        /// Weight of 1 - SSIM in the loss (lambda of 3DGS); the weight of L1 is 1 minus this
        ssim_weight: f64 = 0.2, in 0.0..=1.0;
        /// Initial learning rate of means, as a fraction of the scene extent; it decays exponentially to --lr-mean-final. For a run
        /// of 30000 steps; shorter ones have it times the fourth root of 30000 / --steps
        lr_mean: f64 = 2.2e-4, in LR;
        /// Final learning rate of means, as a fraction of the scene extent
        lr_mean_final: f64 = 1.6e-5, in LR;
        /// Learning rate of the base colour (SH degree 0)
        lr_sh_dc: f64 = 2.5e-3, in LR;
        /// Learning rate of the view-dependent colour (SH degrees 1 to 3); clips, which few cameras see, have a quarter of it
        lr_sh_rest: f64 = 5e-4, in LR;
        /// Learning rate of opacities, as logits [default: 0.05; in still captures without first points 0.1, which shorter runs
        /// raise as --lr-mean]
        lr_opacity: f64 => Option<f64> = None, in LR;
        /// Final learning rate of opacities, to which the first falls exponentially [default: --lr-opacity, or 0.05 where that is
        /// chosen for first Gaussians that lie anywhere]
        lr_opacity_final: f64 => Option<f64> = None, in LR;
        /// Learning rate of scales, as logarithms; shorter runs have it raised as --lr-mean
        lr_scale: f64 = 7e-3, in LR;
        /// Learning rate of rotations, as quaternions
        lr_rotation: f64 = 1e-3, in LR;
        /// Train an exposure and white balance of each photo, whose mean over the photos leaves the scene's colours as they
        /// are: on, off, or auto where EXIF or the first epochs show that the photos differ
        exposure: Choice = Choice::Auto;
        /// Initial learning rate of exposures, as logarithms of gains on display colours; it decays exponentially to a fiftieth
        lr_exposure: f64 = 0.02, in LR;
        /// Train how much each lens darkens its images towards the corners, which leaves their middles as they are: on, off, or
        /// auto where the first epochs show that it does, for which they also take a lit object in a dark room
        vignetting: Choice = Choice::Off;
        /// Refine the poses of the training photos with the scene, each within 3 degrees and 3 % of the cameras' reach; held-out
        /// cameras are then aligned by their own photos before they are measured
        refine_poses: bool = false;
        /// Initial learning rate of poses, in radians and in units of the cameras' reach; it decays exponentially to a hundredth
        lr_pose: f64 = 2e-3, in LR;
        /// Weight of the mean opacity in the loss (3DGS-MCMC)
        opacity_regularisation: f64 = 0.01, in 0.0..;
        /// Weight of the mean scale, in units of the cameras' reach, in the loss (3DGS-MCMC) [default: 0.01; in still captures
        /// without first points 0.04]
        scale_regularisation: f64 => Option<f64> = None, in 0.0..;
        /// Exploration noise of the means of transparent Gaussians that the view shows (3DGS-MCMC): its standard deviation in
        /// the first step, in their own standard deviations; it falls as the learning rate of means does, and moves nothing
        /// by more than one of them
        noise: f64 = 1.0, in 0.0..;
        /// Steps between increases of the SH degree in use, from 0 up to --sh-degree
        sh_interval: u32 = 1000, in 1..;
    }
    "Relocation and growth" {
        /// Steps between refinements, which relocate dead Gaussians and add new ones (3DGS-MCMC)
        refine_every: u32 = 100, in 1..;
        /// Step after which refinement starts
        refine_start: u32 = 500, in 0..;
        /// Step at which refinement stops
        refine_stop: u32 = 25_000, in 0..;
        /// Share of the run in which relocation in still scenes draws what is copied by the force of the loss on it, less
        /// and less until opacity alone counts
        relocation_force: f64 = 0.5, in 0.0..=1.0;
        /// Growth factor of the number of Gaussians at each refinement, up to --cap-max
        growth: f64 = 1.05, in 1.0..;
        /// Opacity up to which a Gaussian is dead and gets relocated; relocated Gaussians have at least this opacity
        dead_opacity: f64 = 0.005, in (Excluded(0.0), Excluded(1.0));
    }
    "Motion" {
        /// Train a static scene from a capture that has times
        r#static: bool = false;
        /// Paths of Gaussians: `linear`, or `curved`, which adds an acceleration and an angular velocity; `auto` takes curved
        /// ones where several cameras see each moment
        motion: Paths = Paths::Auto;
        /// Initial duration of Gaussians (standard deviation of their opacity over time), as a fraction of the clip
        init_duration: f64 = 0.5, in (Excluded(0.0), Unbounded);
        /// Minimum duration of Gaussians, in frame intervals of the clip
        min_duration: f64 = 0.5, in 0.0..;
        /// Initialisation of velocities, and of depths along image rays, from optical flow: on or off
        velocity_init: Switch = Switch::On;
        /// Initial learning rate of velocities, in scene extents per clip; it decays exponentially to --lr-velocity-final
        lr_velocity: f64 = 8e-4, in LR;
        /// Final learning rate of velocities, in scene extents per clip
        lr_velocity_final: f64 = 1.6e-5, in LR;
        /// Shrinkage of the velocity of long-lived Gaussians, as a fraction of its largest step; it keeps the static parts of
        /// a scene static
        velocity_shrinkage: f64 = 0.3, in 0.0..=1.0;
        /// Initial learning rate of accelerations, in scene extents per clip squared; it decays as that of velocities does
        lr_acceleration: f64 = 1e-2, in LR;
        /// Learning rate of angular velocities, in radians per clip; it decays as that of velocities does
        lr_turn: f64 = 3e-2, in LR;
        /// Shrinkage of accelerations and angular velocities, as a fraction of their largest step
        bend_shrinkage: f64 = 0.1, in 0.0..=1.0;
        /// Learning rate of time centres (the times of highest opacity), in clips
        lr_time: f64 = 3e-4, in LR;
        /// Learning rate of durations, as logarithms
        lr_duration: f64 = 0.02, in LR;
        /// Learning rate of static gates, which let a Gaussian be visible throughout the clip; 0 disables gates
        lr_gate: f64 = 0.0, in LR;
        /// Standard deviation of the noise added to time centres, in durations; the mean shifts along its trajectory
        time_noise: f64 = 0.1, in 0.0..;
        /// Power of the duration, above the initial one, by which long-lived Gaussians are drawn less often as sources of
        /// relocation and growth
        relocation_duration_power: f64 = 3.0, in 0.0..=4.0;
        /// Reduce the duration of relocated Gaussians by the same factor as their scale
        share_duration: bool = true;
        /// Fraction of --opacity-regularisation that acts on a Gaussian at times when it has faded
        faded_regularisation: f64 = 0.0, in 0.0..=1.0;
        /// Weight of the mean of -ln(duration) in the loss; 0.01 helps clips of one camera, without optical flow, that are mostly
        /// static, and ruins those of several cameras
        duration_regularisation: f64 = 0.0, in 0.0..;
        /// Weight of the mean fading share of Gaussians (1 - gate) in the loss, where --lr-gate enables gates
        gate_regularisation: f64 = 1e-3, in 0.0..;
    }
    "Flow" {
        /// Optical flow for supervision: `auto` uses the capture's flow files if it has any, `off` none, a folder its flow
        /// files
        flow: FlowSource = FlowSource::Auto;
        /// Weight of the mean end-point error of the rendered flow, in hundredths of the image's longer side, in the loss
        flow_weight: f64 = 0.015, in 0.0..;
        /// Model of the flow of a Gaussian's pixels: `isotropic` moves all with the mean, `affine` with the projected ellipse
        flow_form: FlowShape = FlowShape::Isotropic;
        /// Interval of steps with flow supervision: every n-th step
        flow_every: u32 = 2, in 1..;
        /// Fraction of the run, at its end, over which --flow-weight decreases linearly to 0
        flow_decay: f64 = 0.3, in 0.0..=1.0;
        /// End-point error, in pixels, below which the flow loss is quadratic rather than linear; 0 for linear everywhere
        flow_robust: f64 = 0.1, in 0.0..;
        /// Minimum length of a pixel's flow, in pixels; the flow loss leaves out pixels below it
        flow_threshold: f64 = 0.0, in 0.0..;
        /// Parameters that flow supervision trains: all (on) or those of the motion only (off)
        flow_all: Switch = Switch::On;
    }
}
