//! Opening a capture: choosing its reader.

use std::path::Path;

use anyhow::{Result, bail, ensure};

use super::capture::{Capture, CaptureOptions};
use super::{assemble, colmap, llff, nerf_json, nerfies, videos};

impl Capture {
    /// Opens a capture folder, its JSON file or its sparse model.
    ///
    /// A folder is read from the first of these that it holds: `transforms_train.json` (with `transforms_test.json` as
    /// test set), `transforms.json`, Nerfies' `dataset.json`, LLFF's `poses_bounds.npy` with a video or a folder of frames
    /// per camera, a COLMAP model in `sparse/0`, `sparse`, `colmap/sparse/0` or the folder itself, `poses_bounds.npy` with
    /// images. An entry of a transforms file may also name a folder of frames or a video. Videos are decoded once, by the
    /// system's ffmpeg, into the user's cache folder. Only the headers of images are read. The EXIF orientation of an
    /// image is applied only if its stored size contradicts its camera and its oriented size does not.
    ///
    /// # Errors
    /// No capture, a malformed file, no image at all; and with [`CaptureOptions::strict`] any image that is missing, broken
    /// or of another size than its camera says.
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
                 cameras.txt) in sparse/0, sparse, colmap/sparse/0 or the folder itself, or, of a dynamic capture, \
                 dataset.json with camera/, or poses_bounds.npy; of plain photos or a video tools/photos makes a capture",
                path.display()
            );
        };
        videos::expand(&mut listing)?;
        assemble::assemble(listing, options)
    }
}
