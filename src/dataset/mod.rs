//! Captures: posed images from COLMAP, Blender/NeRF, nerfstudio and instant-ngp folders, undistorted on load.
//!
//! [`Capture::open`] reads poses, lenses and image headers; [`Capture::load`] decodes one picture and
//! [`Capture::load_flow`] the optical flow from it to the next or previous frame of its camera; a [`PictureCache`] keeps
//! the decoded ones within a memory budget; [`init`] turns points into what a scene starts from.

mod assemble;
mod cache;
mod check;
mod colmap;
mod colmap_binary;
mod colmap_text;
mod flow;
pub mod flow_io;
mod images;
pub mod init;
mod lens;
mod llff;
mod nerf_json;
mod nerfies;
mod npy;
mod source;
mod timeline;
mod undistort;
mod videos;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

use crate::camera::Camera;
use crate::scene::PointCloud;

pub use cache::{Item, PictureCache};
pub use flow::{Direction, FlowFile, FlowTarget, flow_stem};
pub use lens::{Distortion, SourceLens};

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

/// Where a capture's optical flow is looked for. The flow from the frame `images/a/b.png` to the next one of its camera
/// is `a/b.fwd.EXT` in the folder, that to the previous one `a/b.bwd.EXT`; EXT is one of [`flow_io::EXTENSIONS`]. Masks of
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

    /// Opens a capture folder, or the JSON file or sparse model of one.
    ///
    /// In a folder, `transforms_train.json` (with `transforms_test.json` as its test set) is preferred to
    /// `transforms.json`, that to Nerfies' `dataset.json`, that to LLFF's `poses_bounds.npy` with a video or a folder of
    /// frames for each camera, that to a COLMAP model in `sparse/0`, `sparse`, `colmap/sparse/0` or the folder itself,
    /// and that to `poses_bounds.npy` with images. An entry of a transforms file may name a folder of frames or a video
    /// too. Videos are decoded once, by the system's ffmpeg, into the user's cache folder.
    /// Of every image only the header is read. Images are taken as stored; only where the stored size disagrees with the
    /// camera's and the EXIF-oriented size agrees is the image turned.
    ///
    /// # Errors
    /// Where there is no capture, a file of it is malformed, all images are missing, or, with
    /// [`CaptureOptions::strict`], any image is missing, broken or of a size its camera contradicts.
    pub fn open(path: &Path, options: &CaptureOptions) -> Result<Self> {
        ensure!(path.exists(), "{}: there is no such file or folder", path.display());
        let (cameras, images) = (llff::cameras(path), llff::images(path));
        let mut listing = if let Some(json) = nerf_json::find(path) {
            nerf_json::read(&json)?
        } else if path.is_file() {
            bail!("{}: a capture is a folder or a transforms JSON file", path.display());
        } else if let Some(dataset) = nerfies::find(path) {
            nerfies::read(&dataset, options.max_resolution)?
        } else if cameras.len() > 1 {
            llff::read(path, &cameras)?
        } else if let Some(model) = colmap::find(path) {
            colmap::read(path, &model)?
        } else if !images.is_empty() {
            llff::read(path, &images)?
        } else {
            bail!(
                "{}: no capture is here; expected transforms_train.json, transforms.json, a COLMAP model (cameras.bin or \
                 cameras.txt) in sparse/0, sparse, colmap/sparse/0 or the folder itself, or, of a capture in time, \
                 dataset.json with camera/, or poses_bounds.npy; of plain photos or a video tools/photos makes a capture",
                path.display()
            );
        };
        videos::expand(&mut listing)?;
        assemble::assemble(listing, options)
    }

    /// Decodes the picture of a shot, turns it where [`Shot::orientation`] says so, undistorts and resizes it (area
    /// average) to [`Shot::camera`]'s lens.
    ///
    /// An image with transparency becomes [`Coverage::Alpha`]. Where there is a mask, or undistortion leaves pixels
    /// without a source, it becomes [`Coverage::Mask`], and a transparent image is then composited on black.
    ///
    /// # Errors
    /// Names the image or mask that cannot be decoded, or whose size is not what it was when the capture was opened.
    ///
    /// # Panics
    /// Where `shot` is no index into [`Capture::shots`].
    pub fn load(&self, shot: usize) -> Result<Picture> {
        let shot = &self.shots[shot];
        let mut image = images::decode(&shot.image, shot.orientation)
            .with_context(|| format!("{}: cannot decode the image", shot.image.display()))?;
        let (from, to) = (&shot.source, &shot.camera.lens);
        ensure!(
            (image.width, image.height) == (from.width, from.height),
            "{}: the image is now {} x {}, it was {} x {} when the capture was opened",
            shot.image.display(),
            image.width,
            image.height,
            from.width,
            from.height
        );
        let transparent = images::premultiply(&mut image);
        let (image, mut used) = if from.distortion != Distortion::None {
            let (image, valid) = undistort::undistort(&image, from, to);
            (image, valid.contains(&false).then_some(valid))
        } else if (image.width, image.height) != (to.width, to.height) {
            (undistort::shrink(&image, to.width, to.height), None)
        } else {
            (image, None)
        };
        if let Some(path) = &shot.mask {
            let mut mask = assemble::load_mask(path, shot)?;
            mask.used.iter_mut().for_each(|used| *used ^= self.invert_masks);
            let masked = undistort::resample_mask(&mask, from, to);
            used = Some(match used {
                Some(valid) => valid.iter().zip(&masked).map(|(a, b)| a & b).collect(),
                None => masked,
            });
        }
        Ok(picture(image, transparent, used))
    }
}

/// Puts what is known of the pixels' use into their fourth channel.
fn picture(image: images::Raster, transparent: bool, used: Option<Vec<bool>>) -> Picture {
    let images::Raster { width, height, mut pixels } = image;
    let coverage = match used {
        Some(used) => {
            pixels.iter_mut().zip(used).for_each(|(pixel, used)| pixel[3] = if used { 255 } else { 0 });
            Coverage::Mask
        }
        None if transparent => Coverage::Alpha,
        None => Coverage::Opaque,
    };
    Picture { width, height, pixels, coverage }
}

#[cfg(test)]
mod tests;
