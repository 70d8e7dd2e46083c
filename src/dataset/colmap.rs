//! COLMAP sparse models, of the old generation and the new (rigs and frames add nothing to a posed image).
//!
//! Poses are world-to-camera with OpenCV axes, and the top-left pixel's centre is (½, ½): both as inside Dapple.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, ensure};
use glam::{DMat3, DQuat, DVec3};

use super::colmap_model::ModelImage;
use super::find::PHOTO_FOLDERS;
use super::source::{LensSpec, ListedFrame, ListedPoints, Listing, tidy};
use super::videos::entries;
use super::{Split, colmap_binary, colmap_text};
use crate::camera::Pose;

/// The sparse model of a capture, and the others that are beside it.
pub struct Found {
    pub folder: PathBuf,
    /// Folder relative to the capture and number of images of each model that is not read.
    pub others: Vec<(String, usize)>,
}

/// The sparse model of a capture, if it is a COLMAP capture: of the first place that has some, the one with the most images.
pub fn find(root: &Path) -> Option<Found> {
    let inside = |sub: &str| entries(&root.join(sub), Path::is_dir);
    let numbered =
        |path: &PathBuf| path.file_name().is_some_and(|name| name.as_encoded_bytes().iter().all(u8::is_ascii_digit));
    let places = [
        inside("sparse"),
        vec![root.join("sparse")],
        inside("colmap/sparse"),
        vec![root.to_path_buf()],
        vec![root.join("colmap/sparse"), root.join("colmap")],
        inside("colmap_sparse"),
        vec![root.join("dense/sparse")],
        inside("dense/sparse"),
        inside("dense").into_iter().flat_map(|folder| [folder.join("sparse"), folder]).collect(),
        inside("distorted/sparse"),
        inside("").into_iter().filter(numbered).collect(),
    ];
    let holds = |folder: &Path, stem: &str| ["bin", "txt"].iter().any(|e| folder.join(format!("{stem}.{e}")).is_file());
    // A folder with images alone is no model that can be read, but what is missing can be said.
    for stem in ["cameras", "images"] {
        for place in &places {
            let models: Vec<&PathBuf> = place.iter().filter(|folder| holds(folder, stem)).collect();
            let counts: Vec<usize> = models.iter().map(|folder| count_images(folder)).collect();
            let Some(most) = counts.iter().max() else { continue };
            let best = counts.iter().position(|count| count == most).unwrap_or(0);
            let named = |folder: &Path| folder.strip_prefix(root).unwrap_or(folder).display().to_string();
            let others = models.iter().zip(&counts).enumerate().filter(|(i, _)| *i != best);
            let others = others.map(|(_, (folder, count))| (named(folder), *count)).collect();
            return Some(Found { folder: models[best].clone(), others });
        }
    }
    None
}

/// The number of images of a model; 0 where that cannot be read.
fn count_images(folder: &Path) -> usize {
    let binary = folder.join("images.bin");
    if binary.is_file() {
        return colmap_binary::count_images(&binary).unwrap_or(0);
    }
    colmap_text::images(&folder.join("images.txt")).map_or(0, |images| images.len())
}

/// Reads the model for the capture at `root`.
pub fn read(root: &Path, found: Found) -> Result<Listing> {
    let Found { folder, others } = found;
    let file = |stem: &str| -> Result<(PathBuf, bool)> {
        let [binary, text] = ["bin", "txt"].map(|extension| folder.join(format!("{stem}.{extension}")));
        if binary.is_file() {
            return Ok((binary, true));
        }
        ensure!(
            text.is_file(),
            "{}: neither {stem}.bin nor {stem}.txt is here; export the whole sparse model from COLMAP",
            folder.display()
        );
        Ok((text, false))
    };
    let cameras = match file("cameras")? {
        (path, true) => colmap_binary::cameras(&path)?,
        (path, false) => colmap_text::cameras(&path)?,
    };
    let (origin, images) = match file("images")? {
        (path, true) => (path.clone(), colmap_binary::images(&path)?),
        (path, false) => (path.clone(), colmap_text::images(&path)?),
    };
    // A model without points can still start from random ones.
    let (points, mut warnings) = match file("points3D") {
        Ok((path, true)) => finite_points(&path, colmap_binary::points(&path)?),
        Ok((path, false)) => finite_points(&path, colmap_text::points(&path)?),
        Err(_) => {
            let line = format!("{}: no points3D; training starts at random", folder.display());
            (ListedPoints::default(), vec![line])
        }
    };
    let root = image_root(root, &folder);
    let cameras: HashMap<u32, _> = cameras.into_iter().map(|camera| (camera.id, camera.lens)).collect();
    let test = test_names(&folder.join("test.txt"))?;
    let (mut frames, mut unposed) = (Vec::with_capacity(images.len()), Vec::new());
    for image in images {
        match pose(&image) {
            Some(pose) => {
                frames.push(frame(&root, &image, pose, &cameras, &test).with_context(|| origin.display().to_string())?)
            }
            None => unposed.push(tidy(&image.name)),
        }
    }
    let own_split = frames.iter().any(|frame| frame.split == Split::Test);
    if !test.is_empty() && !own_split {
        warnings.push(format!("{}: names no image of the model; ignored", folder.join("test.txt").display()));
    }
    let points = (!points.positions.is_empty()).then_some(points);
    Ok(Listing { origin, root, frames, unposed, own_split, points, warnings, others, ..Listing::default() })
}

/// Calls `visit` for every point of a model, with its place and the ids of the images that observe it.
pub fn tracks(found: &Found, visit: &mut dyn FnMut(DVec3, &[u32])) -> Result<()> {
    let [binary, text] = ["bin", "txt"].map(|extension| found.folder.join(format!("points3D.{extension}")));
    match (binary.is_file(), text.is_file()) {
        (true, _) => colmap_binary::tracks(&binary, visit),
        (false, true) => colmap_text::tracks(&text, visit),
        (false, false) => Ok(()),
    }
}

/// The names of a model's images by their ids.
pub fn image_names(found: &Found) -> Result<HashMap<u32, String>> {
    let binary = found.folder.join("images.bin");
    let images = if binary.is_file() {
        colmap_binary::images(&binary)?
    } else {
        colmap_text::images(&found.folder.join("images.txt"))?
    };
    Ok(images.into_iter().map(|image| (image.id, tidy(&image.name))).collect())
}

/// The folder that holds `images/`: the capture's, or one above a sparse model that was opened by itself.
fn image_root(root: &Path, folder: &Path) -> PathBuf {
    let holds = |base: &&Path| ["images", "images_2", "images_4", "images_8"].iter().any(|sub| base.join(sub).is_dir());
    if holds(&root) {
        return root.to_path_buf();
    }
    // Absolute, so that a model opened as `.` has folders above it.
    let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.to_path_buf());
    if let Some(found) = folder.ancestors().take(4).find(holds) {
        return found.to_path_buf();
    }
    // Only of a model that was opened by itself: a capture is not looked for above itself.
    let opened = std::path::absolute(root).is_ok_and(|root| root == folder);
    let other = |base: &&Path| PHOTO_FOLDERS.iter().any(|sub| base.join(sub).is_dir());
    folder.ancestors().take(4).find(|base| opened && other(base)).unwrap_or(root).to_path_buf()
}

/// The pose of an image; `None` where its numbers are none.
fn pose(image: &ModelImage) -> Option<Pose> {
    let [w, x, y, z] = image.quaternion;
    let quaternion = DQuat::from_xyzw(x, y, z, w);
    let (length, translation) = (quaternion.length(), DVec3::from_array(image.translation));
    let usable = length.is_finite() && length > 1e-6 && translation.is_finite();
    usable.then(|| Pose { rotation: DMat3::from_quat(quaternion.normalize()), translation })
}

fn frame(
    root: &Path,
    image: &ModelImage,
    pose: Pose,
    cameras: &HashMap<u32, Result<LensSpec, String>>,
    test: &HashSet<String>,
) -> Result<ListedFrame> {
    let name = tidy(&image.name);
    let lens = cameras
        .get(&image.camera)
        .with_context(|| format!("image {name:?} uses camera {}, which the model lacks", image.camera))?;
    let lens = *lens.as_ref().map_err(|reason| anyhow!("image {name:?} cannot be used: {reason}"))?;
    let stem = Path::new(&name).with_extension("").to_string_lossy().into_owned();
    let split = if test.contains(&name) || test.contains(&stem) { Split::Test } else { Split::Train };
    Ok(ListedFrame {
        pose,
        lens,
        time: None,
        camera: None,
        split,
        mask: None,
        image: root.join("images").join(&name),
        name,
    })
}

/// The names in a `test.txt`, one a line; none where there is no such file.
fn test_names(path: &Path) -> Result<HashSet<String>> {
    if !path.is_file() {
        return Ok(HashSet::new());
    }
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(text.lines().map(tidy).filter(|line| !line.is_empty()).collect())
}

/// Drops points with coordinates that are not finite.
fn finite_points(path: &Path, points: ListedPoints) -> (ListedPoints, Vec<String>) {
    let count = points.positions.len();
    let (positions, colours): (Vec<_>, Vec<_>) =
        points.positions.into_iter().zip(points.colours).filter(|(p, _)| p.is_finite()).unzip();
    let dropped = count - positions.len();
    let warnings = if dropped == 0 {
        Vec::new()
    } else {
        vec![format!("{}: {dropped} of {count} points are not finite; left out", path.display())]
    };
    (ListedPoints { positions, colours }, warnings)
}
