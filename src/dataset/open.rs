//! Opening a capture: choosing its reader, and what is said where there is none.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow, ensure};
use glam::DVec3;

use super::capture::{Capture, CaptureOptions};
use super::find::PHOTO_FOLDERS;
use super::source::Listing;
use super::videos::{entries, is_image, is_video};
use super::{assemble, block, colmap, llff, nerf_json, nerfies, panoptic, part, videos};
use crate::scene::Clip;

impl Capture {
    /// Length and number of moments of a clip.
    pub fn clip(&self) -> Clip {
        let times: BTreeSet<u32> = self.shots.iter().filter_map(|shot| shot.time).map(f32::to_bits).collect();
        Clip::of(self.seconds, Some(times.len() as u64))
    }

    /// Opens a capture folder, its JSON file or its sparse model, or a block of a capture.
    ///
    /// A folder is read from the first of these that it holds: Dynamic 3D Gaussians' `train_meta.json`, `transforms_train.json`
    /// (each with its `..._test.json` or `test_meta.json` as test set), `transforms.json`, Nerfies' `dataset.json`, LLFF's `poses_bounds.npy` with a video or a folder of frames
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
        if let Some(file) = block::find(path) {
            return part::open(&file, options, |whole| {
                let mut listing = list(whole, options)?;
                listing.as_mut().map_or(Ok(()), videos::expand)?;
                Ok(listing)
            });
        }
        let mut listing = match list(path, options)? {
            Some(listing) => listing,
            None => beside(path, options)?,
        };
        videos::expand(&mut listing)?;
        assemble::assemble(listing, options)
    }

    /// Whether a capture is at `path`, as far as the names of files say.
    pub fn is_at(path: &Path) -> bool {
        if block::find(path).is_some() {
            return true;
        }
        if path.is_file() {
            return nerf_json::is_transforms(path) || panoptic::find(path).is_some();
        }
        nerf_json::find(path).is_some()
            || panoptic::find(path).is_some()
            || nerfies::find(path).is_some()
            || llff::cameras(path).len() > 1
            || colmap::find(path).is_some()
            || !llff::images(path).is_empty()
    }
}

/// Calls `visit` for every point of the COLMAP model that a capture at `path` was read from, with its place in the capture's
/// frame and the indices of the shots that observe it. A capture of another kind has none. Nothing of the tracks is held.
///
/// # Errors
/// A model that cannot be read.
pub fn visit_tracks(path: &Path, capture: &Capture, visit: &mut dyn FnMut(DVec3, &[usize])) -> Result<()> {
    let listed_otherwise =
        block::find(path).is_some() || nerf_json::find(path).is_some() || nerfies::find(path).is_some();
    let Some(found) = colmap::find(path).filter(|_| !listed_otherwise && llff::cameras(path).len() <= 1) else {
        return Ok(());
    };
    let shots: HashMap<&str, usize> =
        (capture.shots.iter().enumerate()).map(|(i, shot)| (shot.name.as_str(), i)).collect();
    let names = colmap::image_names(&found)?;
    let shots: HashMap<u32, usize> =
        names.iter().filter_map(|(id, name)| Some((*id, *shots.get(name.as_str())?))).collect();
    let mut observers = Vec::new();
    colmap::tracks(&found, &mut |place, images| {
        observers.clear();
        observers.extend(images.iter().filter_map(|id| shots.get(id)));
        visit(place - capture.shift, &observers);
    })
}

/// What the reader of the capture at `path` lists; `None` where none is there.
fn list(path: &Path, options: &CaptureOptions) -> Result<Option<Listing>> {
    let (cameras, images) = (llff::cameras(path), llff::images(path));
    Ok(Some(if let Some(meta) = panoptic::find(path) {
        panoptic::read(&meta)?
    } else if let Some(json) = nerf_json::find(path) {
        nerf_json::read(&json)?
    } else if let Some(dataset) = nerfies::find(path) {
        nerfies::read(&dataset, options.max_resolution)?
    } else if cameras.len() > 1 {
        llff::read(path, &cameras)?
    } else if let Some(model) = colmap::find(path) {
        colmap::read(path, model)?
    } else if !images.is_empty() {
        llff::read(path, &images)?
    } else {
        return Ok(None);
    }))
}

/// The capture one folder below `path`, or above it where `path` is its folder of photos.
///
/// # Errors
/// None or several, with the command that helps.
fn beside(path: &Path, options: &CaptureOptions) -> Result<Listing> {
    let inside: Vec<PathBuf> = entries(path, |path| path.is_dir() && Capture::is_at(path));
    let above = std::path::absolute(path).ok().and_then(|path| Some(path.parent()?.to_path_buf()));
    let photos = path.file_name().is_some_and(|name| {
        let name = name.to_string_lossy();
        name.starts_with("images") || PHOTO_FOLDERS.iter().any(|known| name.eq_ignore_ascii_case(known))
    });
    let above = above.filter(|above| photos && Capture::is_at(above));
    let other = match (inside.as_slice(), above) {
        ([one], _) => Some(one.clone()),
        ([], above) => above,
        _ => None,
    };
    if let Some(other) = other
        && let Some(listing) = list(&other, options)?
    {
        log::info!("{}: the capture is read from {}", path.display(), other.display());
        return Ok(listing);
    }
    Err(anyhow!("{}: {}", path.display(), advice(path, &inside)))
}

/// What is at a path that is no capture, and the command that helps.
fn advice(path: &Path, inside: &[PathBuf]) -> String {
    let shown = path.display();
    let extension = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    if path.is_file() {
        return match extension.as_str() {
            _ if is_video(path) => format!("this is a video; `dapple photos {shown} RUN` makes a scene of it"),
            _ if is_image(path) => "this is a single photo; give the folder of the capture".into(),
            "zip" => format!("this is an archive; unpack it (unzip {shown} -d FOLDER) and give the folder"),
            "tar" | "gz" | "tgz" | "7z" | "rar" => "this is an archive; unpack it and give the folder".into(),
            "ply" | "spz" | "splat" | "ksplat" | "sog" | "splatv" | "glb" | "gltf" | "dapple" | "rad" | "html" => {
                format!(
                    "this is a scene, not a capture; `dapple view {shown}` shows it, `dapple info {shown}` measures it"
                )
            }
            "bin" | "txt"
                if ["cameras", "images", "points3D"]
                    .iter()
                    .any(|stem| path.file_stem().is_some_and(|s| s == *stem)) =>
            {
                "this is a file of a COLMAP model; give the folder of the capture".into()
            }
            _ => "a capture is a folder or a transforms JSON file".into(),
        };
    }
    if !inside.is_empty() {
        let names: Vec<String> = inside.iter().map(|path| path.display().to_string()).collect();
        return format!("it holds {} captures; give one of them: {}", names.len(), super::source::enumerate(&names));
    }
    let holds = |wanted: fn(&Path) -> bool| {
        let places = [path.to_path_buf()].into_iter().chain(entries(path, Path::is_dir));
        places.into_iter().map(|place| entries(&place, wanted).len()).sum::<usize>()
    };
    let expected = "expected transforms_train.json, transforms.json, a COLMAP model (cameras.bin or cameras.txt) in sparse/0, \
                    sparse, colmap/sparse/0 or the folder itself, or, of a dynamic capture, train_meta.json, dataset.json with camera/, \
                    or poses_bounds.npy";
    match (holds(is_image), holds(is_video)) {
        (0, 0) => format!(
            "no capture is here; {expected}; of plain photos or a video `dapple photos INPUT RUN` makes a scene"
        ),
        (0, videos) => format!(
            "no capture is here, but {videos} videos without poses; `dapple photos {shown} RUN` makes a scene of them; {expected}"
        ),
        (photos, _) => format!(
            "no capture is here, but {photos} photos without poses; `dapple photos {shown} RUN` finds them with COLMAP; {expected}"
        ),
    }
}
