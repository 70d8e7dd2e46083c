//! What a capture is: its shots, and the options that it is opened with.

use std::path::PathBuf;

use super::lens::SourceLens;
use crate::camera::Camera;
use crate::scene::PointCloud;

/// Whether a shot is trained on or held out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Split {
    Train,
    Test,
}

/// What a held-out shot of a capture in time tests that training does not see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unseen {
    /// No shot of its camera is trained on.
    Camera,
    /// Other moments of its camera are trained on.
    Time,
}

/// One posed image of a capture. Its camera is what the loaded, resized and undistorted picture obeys.
#[derive(Clone, Debug)]
pub struct Shot {
    /// The image's name in the capture: its path as the capture writes it, with forward slashes and with extension.
    pub name: String,
    pub camera: Camera,
    /// Time within the clip, 0 to 1; `None` in a static capture.
    pub time: Option<f32>,
    /// The camera that took it, as a number that the shots of one video share; each shot has its own in a static capture.
    pub stream: usize,
    pub split: Split,
    /// Why it is held out, in a capture in time; `None` for a training shot and in a static capture.
    pub unseen: Option<Unseen>,
    /// The image on disk.
    pub image: PathBuf,
    /// A mask of the same size: black = ignore the pixel, or white where [`Capture::invert_masks`].
    pub mask: Option<PathBuf>,
    /// The lens of the image on disk, at its size once oriented.
    pub source: SourceLens,
    /// The EXIF orientation (1 to 8) by which the stored image is turned; 1 = taken as stored.
    pub orientation: u8,
    /// Optical flow files to the next and to the previous frame of its stream, by [`Direction`].
    pub flow: [Option<FlowFile>; 2],
}

/// A capture that was opened: every shot's camera is known, no image is decoded yet.
#[derive(Clone, Debug)]
pub struct Capture {
    pub root: PathBuf,
    /// Sorted by name.
    pub shots: Vec<Shot>,
    pub points: Option<PointCloud>,
    /// A point cloud in PLY that the capture names as its seed; not read here.
    pub points_file: Option<PathBuf>,
    /// Whether masks are white, rather than black, where a pixel is ignored.
    pub invert_masks: bool,
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
    /// Fail where an image or mask is missing, broken or of another shape than its camera, rather than warn and go on.
    pub strict: bool,
    /// Whether masks are looked for and used.
    pub masks: bool,
    /// Whether the white pixels of masks are ignored, rather than the black ones.
    pub invert_masks: bool,
    /// Where optical flow is looked for.
    pub flow: FlowChoice,
}

impl Default for CaptureOptions {
    fn default() -> Self {
        let flow = FlowChoice::Auto;
        Self { max_resolution: None, test_every: 8, strict: false, masks: true, invert_masks: false, flow }
    }
}

impl CaptureOptions {
    /// For commands that need the cameras and not what belongs to the images: no masks, no optical flow.
    pub fn cameras_only() -> Self {
        Self { masks: false, flow: FlowChoice::Off, ..Self::default() }
    }
}

/// Where a capture's optical flow is looked for. The flow from the frame `images/a/b.png` to the next one of its camera
/// is `a/b.fwd.EXT` in the folder, that to the previous one `a/b.bwd.EXT`; EXT is one of [`super::flow_io::EXTENSIONS`]. Masks of
/// occluded pixels (white) may be beside them as `a/b.fwd.occ.png` and `a/b.bwd.occ.png`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum FlowChoice {
    /// In the capture's folder `flow`, if it has one.
    #[default]
    Auto,
    Off,
    /// In this folder.
    Folder(PathBuf),
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
#[derive(Clone, Debug, PartialEq)]
pub struct Picture {
    pub width: u32,
    pub height: u32,
    /// `[height * width]` r, g, b and coverage.
    pub pixels: Vec<[u8; 4]>,
    pub coverage: Coverage,
}

impl Capture {
    /// Whether its shots are of different times.
    pub fn is_dynamic(&self) -> bool {
        self.shots.iter().any(|shot| shot.time.is_some())
    }
}

/// Which frame of the same camera flow leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Direction {
    /// The next in time.
    Forward,
    /// The previous in time.
    Backward,
}

impl Direction {
    pub const BOTH: [Self; 2] = [Self::Forward, Self::Backward];

    /// The other direction.
    pub fn reversed(self) -> Self {
        match self {
            Self::Forward => Self::Backward,
            Self::Backward => Self::Forward,
        }
    }

    /// The word for it in the names of files.
    pub fn word(self) -> &'static str {
        match self {
            Self::Forward => "fwd",
            Self::Backward => "bwd",
        }
    }
}

/// A flow file of a shot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlowFile {
    pub path: PathBuf,
    /// Name of the shot that the flow leads to.
    pub to: String,
    /// A mask, white where a pixel is hidden or outside in the other frame.
    pub occlusion: Option<PathBuf>,
}
