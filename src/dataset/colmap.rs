//! COLMAP sparse models, of the old generation and the new (rigs and frames add nothing to a posed image).
//!
//! Poses are world-to-camera with OpenCV axes, and the top-left pixel's centre is (½, ½): both as inside Dapple.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use glam::{DMat3, DQuat, DVec3, dvec2};

use super::lens::Distortion;
use super::source::{Focal, Frame, LensSpec, Listing, tidy};
use super::{Split, colmap_binary, colmap_text};
use crate::camera::Pose;
use crate::scene::PointCloud;

/// One camera of the model.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelCamera {
    pub id: u32,
    pub lens: LensSpec,
}

/// One registered image of the model.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelImage {
    /// Unit quaternion w, x, y, z and translation, world to camera, unchecked.
    pub quaternion: [f64; 4],
    pub translation: [f64; 3],
    pub camera: u32,
    pub name: String,
}

/// The names and numbers of parameters of COLMAP's camera models, by id.
const MODELS: [(&str, usize); 18] = [
    ("SIMPLE_PINHOLE", 3),
    ("PINHOLE", 4),
    ("SIMPLE_RADIAL", 4),
    ("RADIAL", 5),
    ("OPENCV", 8),
    ("OPENCV_FISHEYE", 8),
    ("FULL_OPENCV", 12),
    ("FOV", 5),
    ("SIMPLE_RADIAL_FISHEYE", 4),
    ("RADIAL_FISHEYE", 5),
    ("THIN_PRISM_FISHEYE", 12),
    ("RAD_TAN_THIN_PRISM_FISHEYE", 16),
    ("SIMPLE_DIVISION", 4),
    ("DIVISION", 5),
    ("SIMPLE_FISHEYE", 3),
    ("FISHEYE", 4),
    ("EUCM", 6),
    ("EQUIRECTANGULAR", 2),
];

/// Name and number of parameters of a model that a binary file gives by number.
pub fn model_by_id(id: i32) -> Result<(&'static str, usize)> {
    usize::try_from(id).ok().and_then(|i| MODELS.get(i)).copied().with_context(|| {
        format!("camera model {id} is unknown; run COLMAP's image_undistorter and train on its output")
    })
}

/// The lens of a model's parameters.
///
/// # Errors
/// Names the model where it is not supported or the number of parameters is wrong.
pub fn lens(model: &str, size: (u64, u64), p: &[f64]) -> Result<LensSpec> {
    let Some((_, count)) = MODELS.iter().find(|(name, _)| *name == model) else {
        bail!("camera model {model:?} is unknown; run COLMAP's image_undistorter and train on its output");
    };
    ensure!(p.len() == *count, "camera model {model} has {count} parameters, the file gives {}", p.len());
    let side = |v: u64| {
        u32::try_from(v)
            .ok()
            .filter(|v| (1..=1 << 20).contains(v))
            .with_context(|| format!("the camera's size {} x {} is not that of an image", size.0, size.1))
    };
    let size = (side(size.0)?, side(size.1)?);
    let one = |distortion| (dvec2(p[0], p[0]), dvec2(p[1], p[2]), distortion);
    let two = |distortion| (dvec2(p[0], p[1]), dvec2(p[2], p[3]), distortion);
    let brown = |n: [f64; 3], d: [f64; 3], t| Distortion::perspective([n[0], n[1], n[2], 0.0], d, t);
    let none = [0.0; 3];
    let (focal, principal, distortion) = match model {
        "SIMPLE_PINHOLE" => one(Distortion::None),
        "PINHOLE" => two(Distortion::None),
        "SIMPLE_RADIAL" => one(brown([p[3], 0.0, 0.0], none, [0.0; 2])),
        "RADIAL" => one(brown([p[3], p[4], 0.0], none, [0.0; 2])),
        "OPENCV" => two(brown([p[4], p[5], 0.0], none, [p[6], p[7]])),
        "FULL_OPENCV" => two(brown([p[4], p[5], p[8]], [p[9], p[10], p[11]], [p[6], p[7]])),
        "FOV" => two(Distortion::Fov { omega: p[4] }),
        "OPENCV_FISHEYE" => two(Distortion::fisheye([p[4], p[5], p[6], p[7]])),
        "SIMPLE_RADIAL_FISHEYE" => one(Distortion::fisheye([p[3], 0.0, 0.0, 0.0])),
        "RADIAL_FISHEYE" => one(Distortion::fisheye([p[3], p[4], 0.0, 0.0])),
        "SIMPLE_FISHEYE" => one(Distortion::fisheye([0.0; 4])),
        "FISHEYE" => two(Distortion::fisheye([0.0; 4])),
        "THIN_PRISM_FISHEYE" => two(Distortion::Fisheye {
            radial: [p[4], p[5], p[8], p[9]],
            tangential: [p[6], p[7]],
            prism: [p[10], p[11]],
        }),
        _ => bail!("camera model {model} is not supported; run COLMAP's image_undistorter and train on its output"),
    };
    Ok(LensSpec { size: Some(size), focal: Focal::Pixels(focal), principal: Some(principal), distortion })
}

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

fn frame(root: &Path, image: ModelImage, cameras: &HashMap<u32, LensSpec>, test: &HashSet<String>) -> Result<Frame> {
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
    Ok(Frame {
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
