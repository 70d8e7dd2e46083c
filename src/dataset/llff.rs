//! Captures with LLFF's `poses_bounds.npy`: Neural 3D Video's synchronised cameras, as videos or folders of frames, and
//! LLFF's own static scenes, as images.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use glam::{DMat4, DVec2, DVec3};

use super::Split;
use super::lens::Distortion;
use super::npy::{self, ArrayPart};
use super::source::{Focal, LensSpec, ListedFrame, Listing};
use super::videos::{entries, is_camera, is_image, is_video};
use crate::camera::Pose;

const FILE: &str = "poses_bounds.npy";

/// Folders that hold other things than a camera's frames.
const OTHERS: [&str; 8] = ["images", "frames", "masks", "flow", "depth", "depths", "sparse", "colmap"];

/// The cameras of a capture: folders of frames, else videos; none where there is no `poses_bounds.npy`.
pub fn cameras(root: &Path) -> Vec<PathBuf> {
    if !root.join(FILE).is_file() {
        return Vec::new();
    }
    let named = |path: &Path| !OTHERS.iter().any(|other| path.file_name().is_some_and(|name| name == *other));
    let folders = |at: &Path| entries(at, |path| path.is_dir() && named(path) && is_camera(path));
    let videos = entries(root, is_video);
    let places = [root.to_path_buf(), root.join("images"), root.join("frames")];
    let found: Vec<Vec<PathBuf>> = places.iter().map(|place| folders(place)).chain([videos]).collect();
    // A tool may have extracted the frames of some cameras only, so that the most cameras count.
    let most = found.iter().map(Vec::len).max().unwrap_or(0);
    found.into_iter().find(|cameras| cameras.len() == most).unwrap_or_default()
}

/// The images of a static capture.
pub fn images(root: &Path) -> Vec<PathBuf> {
    if root.join(FILE).is_file() { entries(&root.join("images"), is_image) } else { Vec::new() }
}

/// Reads a capture of the given cameras or images, in the order of the rows of poses.
///
/// # Errors
/// A malformed array, or a number of rows other than the number of cameras.
pub fn read(root: &Path, cameras: &[PathBuf]) -> Result<Listing> {
    let origin = root.join(FILE);
    let context = || format!("{}", origin.display());
    let array = npy::read(&origin, ArrayPart::All).with_context(context)?;
    ensure!(
        array.shape.len() == 2 && array.shape[1] == 17,
        "{}: its array is {:?}; poses and bounds are [cameras, 17]",
        origin.display(),
        array.shape
    );
    ensure!(
        array.shape[0] == cameras.len(),
        "{}: it has {} poses, but there are {} cameras ({} to {}); they must be as many, in the order of their names",
        origin.display(),
        array.shape[0],
        cameras.len(),
        cameras.first().map_or("none".into(), |path| path.display().to_string()),
        cameras.last().map_or("none".into(), |path| path.display().to_string()),
    );
    let rows = array.values.as_chunks::<17>().0;
    let frame = |(row, camera): (&[f64; 17], &PathBuf)| frame(root, row, camera);
    let frames = rows.iter().zip(cameras).map(frame).collect::<Result<Vec<ListedFrame>>>().with_context(context)?;
    Ok(Listing { origin, root: root.to_path_buf(), frames, ..Listing::default() })
}

fn frame(root: &Path, row: &[f64; 17], camera: &Path) -> Result<ListedFrame> {
    let name = camera.strip_prefix(root).unwrap_or(camera).to_string_lossy().replace('\\', "/");
    let column = |j: usize| DVec3::new(row[j], row[5 + j], row[10 + j]);
    // Columns: down, right, back, centre, and (height, width, focal length).
    let (down, right, back, centre, size) = (column(0), column(1), column(2), column(3), column(4));
    let axes = glam::DMat3::from_cols(right, -down, back);
    let off = (axes.transpose() * axes - glam::DMat3::IDENTITY)
        .to_cols_array()
        .into_iter()
        .fold(0.0, |m: f64, v| m.max(v.abs()));
    ensure!(off < 1e-3 && axes.determinant() > 0.0 && centre.is_finite(), "the pose of {name} is not a rigid one");
    let side = |v: f64| (1.0..=f64::from(1 << 20)).contains(&v).then_some(v.round() as u32);
    let size_pixels = side(size.y).zip(side(size.x));
    let size_pixels =
        size_pixels.with_context(|| format!("the size of {name}, {} x {}, is impossible", size.y, size.x))?;
    let matrix = DMat4::from_cols(right.extend(0.0), (-down).extend(0.0), back.extend(0.0), centre.extend(1.0));
    Ok(ListedFrame {
        name,
        pose: Pose::from_gl_camera_to_world(matrix),
        lens: LensSpec {
            size: Some(size_pixels),
            focal: Focal::Pixels(DVec2::splat(size.z)),
            principal: None,
            distortion: Distortion::None,
        },
        time: None,
        camera: None,
        split: Split::Train,
        mask: None,
        image: camera.to_path_buf(),
    })
}
