//! COLMAP sparse models, of the old generation and the new (rigs and frames add nothing to a posed image).
//!
//! Poses are world-to-camera with OpenCV axes, and the top-left pixel's centre is (½, ½): both as inside Dapple.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use glam::{DMat3, DQuat, DVec3};

use super::colmap_model::ModelImage;
use super::source::{LensSpec, ListedFrame, Listing, tidy};
use super::{Split, colmap_binary, colmap_text};
use crate::camera::Pose;
use crate::scene::PointCloud;

/// The folder with the sparse model of a capture, if it is a COLMAP capture.
pub fn find(root: &Path) -> Option<PathBuf> {
    ["sparse/0", "sparse", "colmap/sparse/0", ""]
        .iter()
        .map(|sub| root.join(sub))
        .find(|folder| folder.join("cameras.bin").is_file() || folder.join("cameras.txt").is_file())
}

/// Reads the model in `folder` for the capture at `root`.
pub fn read(root: &Path, folder: &Path) -> Result<Listing> {
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
            (PointCloud::default(), vec![format!("{}: no points3D; training starts at random", folder.display())])
        }
    };
    let root = image_root(root, folder);
    let cameras: HashMap<u32, LensSpec> = cameras.into_iter().map(|camera| (camera.id, camera.lens)).collect();
    let test = test_names(&folder.join("test.txt"))?;
    let mut frames = Vec::with_capacity(images.len());
    for image in images {
        frames.push(frame(&root, image, &cameras, &test).with_context(|| origin.display().to_string())?);
    }
    let own_split = frames.iter().any(|frame| frame.split == Split::Test);
    if !test.is_empty() && !own_split {
        warnings.push(format!("{}: names no image of the model; ignored", folder.join("test.txt").display()));
    }
    let points = (!points.positions.is_empty()).then_some(points);
    Ok(Listing { origin, root, frames, own_split, points, points_file: None, warnings })
}

/// The folder that holds `images/`: the capture's, or one above a sparse model that was opened by itself.
fn image_root(root: &Path, folder: &Path) -> PathBuf {
    let holds = |base: &&Path| ["images", "images_2", "images_4", "images_8"].iter().any(|sub| base.join(sub).is_dir());
    if holds(&root) {
        return root.to_path_buf();
    }
    // Absolute, so that a model opened as `.` has folders above it.
    let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.to_path_buf());
    folder.ancestors().take(4).find(holds).unwrap_or(root).to_path_buf()
}

fn frame(
    root: &Path,
    image: ModelImage,
    cameras: &HashMap<u32, LensSpec>,
    test: &HashSet<String>,
) -> Result<ListedFrame> {
    let name = tidy(&image.name);
    let lens = *cameras
        .get(&image.camera)
        .with_context(|| format!("image {name:?} uses camera {}, which the model lacks", image.camera))?;
    let [w, x, y, z] = image.quaternion;
    let quaternion = DQuat::from_xyzw(x, y, z, w);
    let translation = DVec3::from_array(image.translation);
    let length = quaternion.length();
    ensure!(
        length.is_finite() && length > 1e-6 && translation.is_finite(),
        "image {name:?} has no usable pose (quaternion {w} {x} {y} {z}, translation {translation}); remove it from the model"
    );
    let stem = Path::new(&name).with_extension("").to_string_lossy().into_owned();
    let split = if test.contains(&name) || test.contains(&stem) { Split::Test } else { Split::Train };
    Ok(ListedFrame {
        pose: Pose { rotation: DMat3::from_quat(quaternion.normalize()), translation },
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
fn finite_points(path: &Path, points: PointCloud) -> (PointCloud, Vec<String>) {
    let count = points.positions.len();
    let (positions, colours): (Vec<_>, Vec<_>) =
        points.positions.into_iter().zip(points.colours).filter(|(p, _)| p.is_finite()).unzip();
    let dropped = count - positions.len();
    let warnings = if dropped == 0 {
        Vec::new()
    } else {
        vec![format!("{}: {dropped} of {count} points are not finite; left out", path.display())]
    };
    (PointCloud { positions, colours, times: None }, warnings)
}
