//! The options of `dapple export`.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::ArgGroup;

use crate::cli::cost::Strict;
use crate::cli::page::PageOptions;
use crate::cli::steps::{TransformStep, UpAxis};
use crate::edit::Region;
use crate::format::lod::Levels;
use crate::format::{SpzAxes, TimeSamples};

/// Convert scenes between formats; also transform, crop, prune and join them
///
/// The input format is detected from the content, the output format from the extension. Steps run in this order,
/// whatever the order of the options: --time; join the inputs; remove invisible Gaussians (opacity below 1/255); --up;
/// --transform; --sky drop; --crop; --min-opacity and --max-size; --max-isolation; --floaters drop; --keep; --sh-degree;
/// --morton.
#[derive(clap::Args)]
#[command(group(ArgGroup::new("measured").multiple(true)))]
pub struct Args {
    /// Scene files or run folders; several inputs are joined into one scene
    #[arg(required = true, value_name = "IN")]
    pub(super) inputs: Vec<PathBuf>,
    /// Output file: .ply, .compressed.ply, .splat, .spz, .sog, .lod (a folder), .glb, .gltf, .usda, .usdz or .html; with motion: .dapple,
    /// .ftgs.ply, .tsog, .4dgs, .spacetime.ply, .splatv or .html
    #[arg(value_name = "OUT")]
    pub(super) output: PathBuf,
    /// Export a dynamic scene as it is at this time, 0 to 1 over the clip
    #[arg(long, allow_negative_numbers = true)]
    pub(super) time: Option<f32>,
    /// Sample a dynamic scene at N times from T0 to T1, 0 to 1 over the clip: as time samples in a USD file, else as N
    /// files (frame_0001.ply, ... for OUT = frame.ply)
    #[arg(long, value_name = "T0:T1:N", conflicts_with = "time")]
    pub(super) times: Option<TimeSamples>,
    /// Length of a dynamic scene's clip, for .html, .tsog and .4dgs [default: the capture's if its videos tell it, else 1 s, in pages
    /// 4 s]
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true)]
    pub(super) duration: Option<f64>,
    /// Up axis of the scene (x, y, z, -x, -y or -z); the scene is rotated so that it becomes -y, as viewers expect
    /// [default for pages, glTF, USD, .ftgs.ply, .tsog and .4dgs: the up of the run's cameras]
    #[arg(long, value_name = "AXIS", allow_hyphen_values = true)]
    pub(super) up: Option<UpAxis>,
    /// Transform: translate=X,Y,Z, rotate=X,Y,Z (degrees, about x, then y, then z), scale=S or flip=x (or y or z: the
    /// mirror image along that axis); may be repeated
    #[arg(long, value_name = "STEP")]
    pub(super) transform: Vec<TransformStep>,
    /// Region to keep: box=X0,Y0,Z0,X1,Y1,Z1 or sphere=X,Y,Z,RADIUS; if repeated, the intersection is kept. Of a scene in
    /// motion, what is seen there at any time is kept
    #[arg(long, value_name = "REGION")]
    pub(super) crop: Vec<Region>,
    /// What lies farther away than ten times the run's cameras reach, as sky does: keep it, also outside --crop, or drop it
    /// [default: as everything else]
    #[arg(long, value_enum, value_name = "keep|drop")]
    pub(super) sky: Option<SkyUse>,
    /// Remove Gaussians whose opacity is below this, 0 to 1
    #[arg(long, value_name = "OPACITY", allow_negative_numbers = true)]
    pub(super) min_opacity: Option<f32>,
    /// Remove Gaussians whose largest standard deviation exceeds this, in scene units
    #[arg(long, value_name = "SIZE", allow_negative_numbers = true)]
    pub(super) max_size: Option<f32>,
    /// Remove Gaussians whose distance to their 8th nearest neighbour exceeds this multiple of the median distance
    #[arg(long, value_name = "RATIO", allow_negative_numbers = true)]
    pub(super) max_isolation: Option<f32>,
    /// Remove small clusters that float (less than 1 % of the scene's opacity, and nothing else within half the distance to the
    /// nearest camera of --capture), then what no photo shows (blending weights of all pixels sum to less than 1/255)
    #[arg(long, value_enum, value_name = "drop", requires = "capture", group = "measured")]
    pub(super) floaters: Option<FloaterUse>,
    /// Merge neighbours until N Gaussians are left, so that pictures change least, or with --capture what its cameras see;
    /// of a scene in motion those that matter least are left out instead
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = count, group = "measured")]
    pub(super) keep: Option<usize>,
    /// Capture whose cameras --keep and --floaters sum blending weights over; its frame must be that of the scene after --transform
    #[arg(long, requires = "measured")]
    pub(super) capture: Option<PathBuf>,
    #[command(flatten)]
    pub(super) page: PageOptions,
    /// GPU adapter for --capture and for pictures: its index, part of its name, or back end and one of these (`vulkan:0`)
    #[arg(long)]
    pub(super) adapter: Option<String>,
    /// Remove spherical harmonics above this degree, 0 to 3
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=3))]
    pub(super) sh_degree: Option<u32>,
    /// Sort the Gaussians along a Morton curve
    #[arg(long)]
    pub(super) morton: bool,
    /// SPZ version to write
    #[arg(long, value_name = "3|4", default_value = "4", value_parser = clap::value_parser!(u32).range(3..=4))]
    pub(super) spz_version: u32,
    /// Axes of the .spz to write; tools differ in which they expect
    #[arg(long, value_enum, default_value = "rub")]
    pub(super) spz_frame: Axes,
    /// Axes of the .spz to read [default: those the file names, else rub]
    #[arg(long, value_enum)]
    pub(super) spz_frame_in: Option<Axes>,
    /// Number of levels of detail of a .lod, each with half of the Gaussians of the one before [default: so many that the
    /// coarsest has at most 100 000]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=14))]
    pub(super) levels: Option<u32>,
    /// Gaussians in a file of a .lod at most, 8192 or more: what a viewer loads at once [default: 131072, about 2 MB]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(8192..))]
    pub(super) chunk: Option<u32>,
    /// Convert a PLY from disk to disk, a part at a time, into .compressed.ply, .spz or .lod; beside OUT it takes about
    /// the PLY's size on disk for a while [default: scenes that take more than 1 GB of memory]
    #[arg(long)]
    pub(super) by_disk: bool,
    /// Replace OUT if it exists
    #[arg(long)]
    pub(super) overwrite: bool,
    /// Fail if more than this share of the Gaussians is left out or differs so that it shows, in percent, or, as 40dB, if
    /// pictures have a lower PSNR [alone: 1]
    #[arg(long, value_name = "PERCENT|dB", num_args = 0..=1, require_equals = true, default_missing_value = "1")]
    pub(super) strict: Option<Strict>,
    /// Number of pictures of the scene and of the file that are compared: from cameras of the run's capture, if it is still
    /// there, else from sides; 0 for none [default: 3, of scenes that are not too large]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=64))]
    pub(super) views: Option<u32>,
    /// Print progress as events on the standard output: JSON, one object a line
    #[arg(long)]
    pub(super) json: bool,
    /// Print what would be written, and write nothing
    #[arg(long)]
    pub(super) dry_run: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum SkyUse {
    Keep,
    Drop,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum FloaterUse {
    Drop,
}

impl Args {
    /// Whether options take the scene out of the frame that it is read in.
    pub(super) fn moves(&self) -> bool {
        self.up.is_some() || !self.transform.is_empty()
    }

    pub(super) fn levels(&self) -> Levels {
        Levels {
            count: self.levels.map(|count| count as usize),
            chunk: self.chunk.map_or(Levels::CHUNK, |chunk| chunk as usize),
        }
    }
}

#[derive(Clone, Copy, clap::ValueEnum)]
pub(super) enum Axes {
    /// Right, up, back: the format's specification
    Rub,
    /// Right, down, front: as the scene is
    Rdf,
}

impl From<Axes> for SpzAxes {
    fn from(frame: Axes) -> Self {
        match frame {
            Axes::Rub => Self::Rub,
            Axes::Rdf => Self::Rdf,
        }
    }
}

/// A number of Gaussians.
fn count(text: &str) -> Result<usize> {
    text.parse().with_context(|| format!("\"{text}\" is not a whole number of Gaussians"))
}
