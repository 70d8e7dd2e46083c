//! Captures: posed images from COLMAP, Blender/NeRF, nerfstudio and instant-ngp folders, undistorted on load.

use std::path::PathBuf;

use anyhow::Result;

use crate::camera::Camera;
use crate::scene::PointCloud;

/// Whether a shot is trained on or held out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Split {
    Train,
    Test,
}

/// One posed image of a capture. Its camera is what the loaded, resized and undistorted picture obeys.
#[derive(Clone, Debug)]
pub struct Shot {
    /// The image's name in the capture, with its folder and extension as the capture writes it.
    pub name: String,
    pub camera: Camera,
    /// Time within the clip, 0 to 1; 0 in a static capture.
    pub time: f32,
    pub split: Split,
    /// The image on disk.
    pub image: PathBuf,
    /// A mask of the same size: black = ignore the pixel.
    pub mask: Option<PathBuf>,
}

/// A capture that was opened: every shot's camera is known, no image is decoded yet.
#[derive(Clone, Debug)]
pub struct Capture {
    pub root: PathBuf,
    /// Sorted by name.
    pub shots: Vec<Shot>,
    pub points: Option<PointCloud>,
    /// What was left out and why, a line each; already logged as warnings.
    pub warnings: Vec<String>,
}

/// How a capture is opened.
#[derive(Clone, Debug)]
pub struct CaptureOptions {
    /// Bound on the longer side of the loaded pictures, in pixels.
    pub max_resolution: Option<u32>,
    /// Every n-th shot by name is held out, unless the capture names its own test set; 0 holds none out.
    pub test_every: u32,
    /// Fail where an image is missing or broken, rather than warn and go on.
    pub strict: bool,
}

/// What the fourth channel of a [`Picture`] means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coverage {
    /// 255 everywhere.
    Opaque,
    /// Opacity; the colour is premultiplied by it.
    Alpha,
    /// 0 = ignore this pixel, 255 = use it.
    Mask,
}

/// A decoded picture as training sees it: 8-bit display sRGB, row-major, top-left first.
#[derive(Clone, Debug)]
pub struct Picture {
    pub width: u32,
    pub height: u32,
    /// `[height * width]` r, g, b and coverage.
    pub pixels: Vec<[u8; 4]>,
    pub coverage: Coverage,
}

impl Capture {
    /// Opens a capture folder (or its JSON file) of any supported kind.
    pub fn open(_path: &std::path::Path, _options: &CaptureOptions) -> Result<Self> {
        anyhow::bail!("not yet")
    }

    /// Decodes, orients, resizes (area average) and undistorts the picture of a shot.
    pub fn load(&self, _shot: usize) -> Result<Picture> {
        anyhow::bail!("not yet")
    }
}
