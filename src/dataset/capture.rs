//! The types of a capture: shots, photos, and the options of opening it.

use std::path::PathBuf;

use glam::DVec3;

use super::block::Block;
use super::lens::{Distortion, SourceLens};
use crate::camera::{Camera, LensModel};
use crate::scene::PointCloud;

/// The split of the shots: training or test (held out).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Split {
    Train,
    Test,
}

/// The kind of a held-out shot in a dynamic capture: a novel camera or a novel time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unseen {
    /// No shot of its camera is trained on.
    Camera,
    /// Other times of its camera are trained on.
    Time,
}

/// One posed image of a capture.
#[derive(Clone, Debug)]
pub struct Shot {
    /// The image's name in the capture: its path as the capture writes it, with forward slashes and with extension.
    pub name: String,
    /// Camera of the loaded photo, that is after undistortion and resizing.
    pub camera: Camera,
    /// Time within the clip, 0 to 1; `None` in a static capture.
    pub time: Option<f32>,
    /// Index of the physical camera; all shots of one video share it. In a static capture every shot has its own.
    pub stream: usize,
    pub split: Split,
    /// Kind of a held-out shot in a dynamic capture; `None` for training shots and in a static capture.
    pub unseen: Option<Unseen>,
    /// Path of the image file.
    pub image: PathBuf,
    /// Path of a mask of the same size: pixels black in it are ignored, or white ones if [`Capture::invert_masks`].
    pub mask: Option<PathBuf>,
    /// Lens of the image file, at its size after the EXIF orientation.
    pub source: SourceLens,
    /// EXIF orientation, 1 to 8, applied to the stored image; 1 = none.
    pub orientation: u8,
    /// Direction of gravity in the camera's frame, of length 1, where the photo's EXIF states it.
    pub gravity: Option<DVec3>,
    /// Optical flow files to the next and to the previous frame of its stream, by [`Direction`].
    pub flow: [Option<FlowFile>; 4],
}

impl Shot {
    /// Whether the photo is resampled from its own lens to the camera's, rather than reduced in size at most.
    pub fn is_resampled(&self) -> bool {
        self.source.distortion != Distortion::None && self.camera.lens.model == LensModel::Pinhole
    }
}

/// An opened capture: all cameras are known, no image is decoded yet.
#[derive(Clone, Debug)]
pub struct Capture {
    pub root: PathBuf,
    /// Sorted by name.
    pub shots: Vec<Shot>,
    pub points: Option<PointCloud>,
    /// A point cloud in PLY that the capture names as initialisation; it is not read here.
    pub points_file: Option<PathBuf>,
    /// Whether the ignored pixels are white in masks, rather than black.
    pub invert_masks: bool,
    /// Warnings about skipped data, one line each; they have been logged already.
    pub warnings: Vec<String>,
    /// What was subtracted from the capture's own coordinates: zero, but for a georeferenced capture far from its origin.
    pub shift: DVec3,
    /// Folder and number of images of each sparse model that is there and not read.
    pub other_models: Vec<(String, usize)>,
    /// Pictures beside the photos that the capture does not list, and so has no pose of.
    pub unlisted: Vec<String>,
    /// Length of a clip in seconds, where its videos tell it.
    pub seconds: Option<f64>,
    /// What makes this a part of another capture.
    pub block: Option<Block>,
}

/// Options of opening a capture.
#[derive(Clone, Debug)]
pub struct CaptureOptions {
    /// Longest side of the loaded photos, in pixels; larger ones are reduced.
    pub max_resolution: Option<u32>,
    /// Hold out every n-th shot, by name, unless the capture lists its own test set; 0 holds none out.
    pub test_every: u32,
    /// Fail if an image or mask is missing, broken or of another aspect ratio than its camera, instead of warning.
    pub strict: bool,
    /// Whether masks are used.
    pub masks: bool,
    /// Whether white pixels of masks are ignored, rather than black ones.
    pub invert_masks: bool,
    /// Whether all images are resampled to pinholes, also those of lenses that the renderer knows.
    pub undistort: bool,
    /// The source of optical flow.
    pub flow: FlowChoice,
}

impl Default for CaptureOptions {
    fn default() -> Self {
        let flow = FlowChoice::Auto;
        Self {
            max_resolution: None,
            test_every: 8,
            strict: false,
            masks: true,
            invert_masks: false,
            undistort: false,
            flow,
        }
    }
}

impl CaptureOptions {
    /// Options for callers that need the cameras only: no masks, no optical flow.
    pub fn cameras_only() -> Self {
        Self { masks: false, flow: FlowChoice::Off, ..Self::default() }
    }
}

/// The source of a capture's optical flow. The flow from the frame `images/a/b.png` to the next one of its camera
/// is `a/b.fwd.EXT` in the folder, that to the previous one `a/b.bwd.EXT`; EXT is one of
/// [`super::flow_io::EXTENSIONS`]. Masks of occluded pixels (white) may be beside them as `a/b.fwd.occ.png` and `a/b.bwd.occ.png`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum FlowChoice {
    /// In the capture's folder `flow`, if it has one.
    #[default]
    Auto,
    Off,
    /// In this folder.
    Folder(PathBuf),
}

/// The meaning of the fourth channel of a [`Photo`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coverage {
    /// 255 everywhere.
    Opaque,
    /// Opacity, 0 to 255; the colour is premultiplied by it.
    Alpha,
    /// 0 = ignore this pixel, 255 = use it.
    Mask,
}

/// A decoded, undistorted and resized input image: 8-bit display-referred sRGB, row-major from the top left.
#[derive(Clone, Debug, PartialEq)]
pub struct Photo {
    pub width: u32,
    pub height: u32,
    /// `[height * width]` r, g, b and coverage.
    pub pixels: Vec<[u8; 4]>,
    pub coverage: Coverage,
}

impl Capture {
    /// The cameras of the shots, in their order.
    pub fn cameras(&self) -> Vec<Camera> {
        self.shots.iter().map(|shot| shot.camera).collect()
    }

    /// A number for each shot that tells its image and pose from others; the same on every machine.
    pub fn fingerprints(&self) -> Vec<u32> {
        let one = |shot: &Shot| {
            let pose = shot.camera.pose;
            let numbers = pose.rotation.to_cols_array().into_iter().chain(pose.translation.to_array());
            let words =
                numbers.map(|number| (number as f32 + 0.0).to_bits()).chain([shot.source.width, shot.source.height]);
            let bytes = shot.name.bytes().chain(words.flat_map(u32::to_le_bytes));
            // FNV-1a.
            bytes.fold(0x811c_9dc5, |hash: u32, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
        };
        self.shots.iter().map(one).collect()
    }

    /// Whether most moments are seen by two or more training shots.
    pub fn shares_moments(&self) -> bool {
        let training = self.shots.iter().filter(|shot| shot.split == Split::Train);
        let mut times: Vec<f32> = training.filter_map(|shot| shot.time).collect();
        times.sort_by(f32::total_cmp);
        let moments: Vec<usize> = times.chunk_by(|a, b| a == b).map(<[f32]>::len).collect();
        2 * moments.iter().filter(|&&shots| shots > 1).count() > moments.len()
    }

    /// Whether the capture is dynamic: its shots have times.
    pub fn is_dynamic(&self) -> bool {
        self.shots.iter().any(|shot| shot.time.is_some())
    }
}

/// The direction of optical flow: to the next or to the previous frame of the same camera.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Direction {
    /// The next in time.
    Forward,
    /// The previous in time.
    Backward,
    /// The next training shot, where the next shot is held out.
    ForwardOver,
    /// The previous training shot, where the previous shot is held out.
    BackwardOver,
}

impl Direction {
    /// To the neighbours in time.
    pub const BOTH: [Self; 2] = [Self::Forward, Self::Backward];
    pub const ALL: [Self; 4] = [Self::Forward, Self::Backward, Self::ForwardOver, Self::BackwardOver];

    /// The other direction.
    pub fn reversed(self) -> Self {
        match self {
            Self::Forward => Self::Backward,
            Self::Backward => Self::Forward,
            Self::ForwardOver => Self::BackwardOver,
            Self::BackwardOver => Self::ForwardOver,
        }
    }

    /// The same way to the next training shot, over those that are held out.
    pub fn over(self) -> Self {
        match self {
            Self::Forward | Self::ForwardOver => Self::ForwardOver,
            Self::Backward | Self::BackwardOver => Self::BackwardOver,
        }
    }

    /// The word for the direction in file names.
    pub fn word(self) -> &'static str {
        match self {
            Self::Forward => "fwd",
            Self::Backward => "bwd",
            Self::ForwardOver => "over.fwd",
            Self::BackwardOver => "over.bwd",
        }
    }
}

/// A flow file of a shot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlowFile {
    pub path: PathBuf,
    /// Name of the shot that the flow leads to.
    pub to: String,
    /// Path of an occlusion mask: white where a pixel is hidden or outside the image in the other frame.
    pub occlusion: Option<PathBuf>,
}
