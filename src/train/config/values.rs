//! Options whose values are words, in the file as on the command line.

use std::path::PathBuf;
use std::str::FromStr;

use anyhow::{Result, bail};
use glam::Vec3;
use serde::{Deserialize, Serialize};

use crate::format::Format;

/// Use of the alpha channel of images in training.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
#[serde(rename_all = "lowercase")]
pub enum AlphaMode {
    /// The image is composited on the background.
    Composite,
    /// As `Composite`, and the render's opacity is trained towards the image's.
    Target,
}

/// Whether kernels use subgroup operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
#[serde(rename_all = "lowercase")]
pub enum Subgroups {
    Auto,
    Off,
}

/// A part of training that the capture may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
#[serde(rename_all = "lowercase")]
pub enum Choice {
    Off,
    On,
    /// Where the photos show that it helps.
    Auto,
}

/// Storage of view-dependent colour during training.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// f16, with one second moment a Gaussian.
    Packed,
    /// f32, with both of Adam's moments a coefficient.
    Full,
}

/// A part of training that can be left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
#[serde(rename_all = "lowercase")]
pub enum Switch {
    On,
    Off,
}

/// Model of the rendered flow of a Gaussian's pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
#[serde(rename_all = "lowercase")]
pub enum FlowShape {
    /// All pixels move as the mean does.
    Isotropic,
    /// The pixels move as the ellipse does, which may also turn and grow.
    Affine,
}

/// How Gaussians of a clip move.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
#[serde(rename_all = "lowercase")]
pub enum Paths {
    /// As the capture asks for.
    Auto,
    /// Along lines, without turning.
    Linear,
    /// Along parabolas, turning at a steady rate.
    Curved,
}

/// The colour behind the scene, display sRGB in 0..=1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Background {
    /// Random for photos that are transparent, else black.
    Auto,
    /// One colour throughout.
    Colour([f32; 3]),
    /// A new colour each step; evaluation and pictures use black.
    Random,
}

impl Background {
    /// The colour of evaluations and pictures.
    pub fn fixed(&self) -> Vec3 {
        match self {
            Self::Colour(rgb) => Vec3::from_array(*rgb),
            Self::Auto | Self::Random => Vec3::ZERO,
        }
    }
}

impl FromStr for Background {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "auto" => return Ok(Self::Auto),
            "black" => return Ok(Self::Colour([0.0; 3])),
            "white" => return Ok(Self::Colour([1.0; 3])),
            "random" => return Ok(Self::Random),
            _ => {}
        }
        let channels: Option<Vec<f32>> = text.split(',').map(|part| part.trim().parse().ok()).collect();
        match channels.as_deref() {
            Some(&[r, g, b]) if [r, g, b].iter().all(|v| (0.0..=1.0).contains(v)) => Ok(Self::Colour([r, g, b])),
            _ => bail!("\"{text}\" is not black, white, random, auto or three numbers R,G,B from 0 to 1"),
        }
    }
}

impl std::fmt::Display for Background {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Auto => write!(f, "auto"),
            Self::Random => write!(f, "random"),
            Self::Colour([0.0, 0.0, 0.0]) => write!(f, "black"),
            Self::Colour([1.0, 1.0, 1.0]) => write!(f, "white"),
            Self::Colour([r, g, b]) => write!(f, "{r},{g},{b}"),
        }
    }
}

/// The part of a run that trains on reduced photos: a share of the steps, 0 to 1. In its first quarter photos are reduced by
/// 4 along each side, in the rest by 2.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CoarseToFine(f64);

impl Default for CoarseToFine {
    fn default() -> Self {
        Self(0.4)
    }
}

impl CoarseToFine {
    /// Factor by which photos are reduced in a step, of a run of `steps`.
    pub fn reduction(self, step: u32, steps: u32) -> u32 {
        let done = f64::from(step) / f64::from(steps);
        if done < 0.25 * self.0 {
            4
        } else if done < self.0 {
            2
        } else {
            1
        }
    }
}

impl FromStr for CoarseToFine {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        match text.parse() {
            _ if text == "off" => Ok(Self(0.0)),
            Ok(share) if (0.0..=1.0).contains(&share) => Ok(Self(share)),
            _ => bail!("\"{text}\" is not off or a share of the steps from 0 to 1"),
        }
    }
}

impl std::fmt::Display for CoarseToFine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0 == 0.0 { write!(f, "off") } else { write!(f, "{}", self.0) }
    }
}

/// Source of the initial Gaussians.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Init {
    /// The capture's points where it has some, else random.
    Auto,
    /// The capture's points.
    Sfm,
    Random,
    /// A scene file, or a PLY of coloured points.
    File(PathBuf),
}

impl FromStr for Init {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        Ok(match text {
            "auto" => Self::Auto,
            "sfm" => Self::Sfm,
            "random" => Self::Random,
            path if Format::of_name(path.as_ref()).is_some() => Self::File(path.into()),
            _ => bail!("\"{text}\" is not auto, sfm, random or the path of a scene file, such as .ply or .spz"),
        })
    }
}

impl std::fmt::Display for Init {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Auto => write!(f, "auto"),
            Self::Sfm => write!(f, "sfm"),
            Self::Random => write!(f, "random"),
            Self::File(path) => write!(f, "{}", path.display()),
        }
    }
}

/// Source of the optical flow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum FlowSource {
    /// The capture's own, where it has some.
    Auto,
    /// None is used.
    Off,
    /// A folder of flow files.
    Folder(PathBuf),
}

impl FromStr for FlowSource {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        Ok(match text {
            "auto" => Self::Auto,
            "off" => Self::Off,
            "" => bail!("\"\" is not auto, off or a folder of flow files"),
            folder => Self::Folder(folder.into()),
        })
    }
}

impl std::fmt::Display for FlowSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Auto => write!(f, "auto"),
            Self::Off => write!(f, "off"),
            Self::Folder(path) => write!(f, "{}", path.display()),
        }
    }
}

/// Serde's way to and from text, for the options whose flag is parsed with [`FromStr`].
macro_rules! as_text {
    ($($name:ty),*) => { $(
        impl TryFrom<String> for $name {
            type Error = anyhow::Error;
            fn try_from(text: String) -> Result<Self> {
                text.parse()
            }
        }
        impl From<$name> for String {
            fn from(value: $name) -> Self {
                value.to_string()
            }
        }
    )* };
}

as_text!(Background, CoarseToFine, Init, FlowSource);
