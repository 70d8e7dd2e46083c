//! Opening a capture: which reader reads it.

use std::path::Path;

use anyhow::{Result, bail, ensure};

use super::capture::{Capture, CaptureOptions};
use super::{assemble, colmap, llff, nerf_json, nerfies, videos};

impl Capture {
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
}
