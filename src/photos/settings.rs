//! What a capture is made of, and how; and where its files lie.

use std::path::PathBuf;

use serde::Serialize;

/// Which pairs of pictures are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
#[serde(rename_all = "lowercase")]
pub enum Matcher {
    /// Every picture with every other
    Exhaustive,
    /// Neighbours in the order of names or of time
    Sequential,
}

/// How many lenses the pictures were taken with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
#[serde(rename_all = "lowercase")]
pub enum Cameras {
    /// The pictures of an input share a lens
    One,
    /// Each picture has its own
    Each,
}

/// What a capture is made of, and how.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Folders of photos, photos and videos.
    pub inputs: Vec<PathBuf>,
    /// `None` chooses by the number of pictures.
    pub matcher: Option<Matcher>,
    /// `None` chooses by the pictures' sizes.
    pub cameras: Option<Cameras>,
    /// Longer side at which features are sought, pixels.
    pub max_size: u32,
    /// Frames taken of each second of a video.
    pub fps: Option<f64>,
    /// Frames of all videos together, or of photos the sharpest of so many groups.
    pub frames: Option<u32>,
    /// Whether the pictures are panoramas of all directions, even if they do not say so.
    pub panorama: bool,
}

/// The folder of COLMAP's files in a capture, and the log of all that it says.
pub const WORK: &str = "colmap";
pub const LOG: &str = "log.txt";
