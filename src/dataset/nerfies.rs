//! Captures of Nerfies, HyperNeRF and DyCheck: `dataset.json`, `metadata.json`, and a JSON file for each camera.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use glam::{DMat3, DQuat, DVec2, DVec3, Vec3, dvec2};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::Split;
use super::lens::Distortion;
use super::npy::{self, ArrayPart};
use super::source::{Focal, LensSpec, ListedFrame, ListedPoints, Listing};
use super::videos::{entries, is_image};
use crate::camera::Pose;

#[derive(Deserialize)]
struct Dataset {
    ids: Vec<String>,
    #[serde(default)]
    train_ids: Vec<String>,
    #[serde(default)]
    val_ids: Vec<String>,
}

#[derive(Deserialize)]
struct Metadata {
    warp_id: Option<f64>,
    time_id: Option<f64>,
    #[serde(default)]
    camera_id: i64,
}

#[derive(Deserialize)]
struct CameraFile {
    /// World to camera, by rows.
    orientation: [[f64; 3]; 3],
    position: [f64; 3],
    focal_length: f64,
    principal_point: [f64; 2],
    #[serde(default)]
    skew: f64,
    #[serde(default = "one")]
    pixel_aspect_ratio: f64,
    #[serde(default)]
    radial_distortion: [f64; 3],
    #[serde(default, alias = "tangential_distortion")]
    tangential: [f64; 2],
    image_size: [f64; 2],
}

fn one() -> f64 {
    1.0
}

/// The `dataset.json` of such a capture.
pub fn find(path: &Path) -> Option<PathBuf> {
    let file = path.join("dataset.json");
    (file.is_file() && path.join("camera").is_dir()).then_some(file)
}

fn parse<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{}: it is not of a Nerfies capture", path.display()))
}

/// Reads a capture. Test views are those of `val_ids`; where there are none, views 0, 4, 8, … are trained on and 2, 6,
/// 10, … held out, as HyperNeRF's interpolation protocol has it. Of the folders `rgb/1x`, `rgb/2x`, … the smallest is
/// taken whose images are at least `limit` pixels long, else the largest that is there.
pub fn read(origin: &Path, limit: Option<u32>) -> Result<Listing> {
    let root = origin.parent().unwrap_or(Path::new(".")).to_path_buf();
    let dataset: Dataset = parse(origin)?;
    let metadata: BTreeMap<String, Metadata> = parse(&root.join("metadata.json"))?;
    let own = |set: &[String]| set.iter().cloned().collect::<HashSet<String>>();
    let (train, val) = (own(&dataset.train_ids), own(&dataset.val_ids));
    let split = |index: usize, id: &str| match (val.is_empty(), index % 4) {
        (true, 0) => Some(Split::Train),
        (true, 2) => Some(Split::Test),
        (true, _) => None,
        (false, _) if val.contains(id) => Some(Split::Test),
        (false, _) => (train.is_empty() || train.contains(id)).then_some(Split::Train),
    };
    let mut folder = None;
    let (mut frames, mut left_out) = (Vec::new(), 0);
    for (index, id) in dataset.ids.iter().enumerate() {
        let Some(split) = split(index, id) else {
            left_out += 1;
            continue;
        };
        let path = root.join("camera").join(format!("{id}.json"));
        let camera: CameraFile = parse(&path)?;
        let facts =
            metadata.get(id).with_context(|| format!("{}: no entry {id:?}", root.join("metadata.json").display()))?;
        if folder.is_none() {
            folder = Some(image_folder(&root, camera.image_size, limit)?);
        }
        let folder = folder.as_deref().unwrap_or(&root);
        let name = format!("{id}.png");
        frames.push(frame(folder, name, &camera, facts, split).with_context(|| path.display().to_string())?);
    }
    let mut warnings = Vec::new();
    if left_out > 0 {
        warnings.push(format!(
            "{}: {left_out} of {} views are in neither split; left out",
            origin.display(),
            dataset.ids.len()
        ));
    }
    let points = points(&root.join("points.npy"))?;
    Ok(Listing { origin: origin.to_path_buf(), root, frames, own_split: true, points, warnings, ..Listing::default() })
}

/// The folder of the images of the size that is wanted.
fn image_folder(root: &Path, size: [f64; 2], limit: Option<u32>) -> Result<PathBuf> {
    let factor = |path: &Path| {
        path.file_name().and_then(|name| name.to_str()?.strip_suffix('x')?.parse::<u32>().ok()).filter(|f| *f > 0)
    };
    let folders = entries(&root.join("rgb"), |path| factor(path).is_some() && !entries(path, is_image).is_empty());
    let mut folders: Vec<(u32, PathBuf)> =
        folders.into_iter().filter_map(|path| Some((factor(&path)?, path))).collect();
    folders.sort();
    let Some((_, largest)) = folders.first() else {
        bail!("{}: no folder rgb/1x, rgb/2x, ... with images is here", root.display());
    };
    let longest = size[0].max(size[1]);
    let enough = |factor: u32| limit.is_some_and(|limit| (longest / f64::from(factor)).ceil() >= f64::from(limit));
    let chosen = folders.iter().rev().find(|(factor, _)| enough(*factor)).map(|(_, path)| path);
    Ok(chosen.unwrap_or(largest).clone())
}

fn frame(folder: &Path, name: String, camera: &CameraFile, facts: &Metadata, split: Split) -> Result<ListedFrame> {
    let rows = camera.orientation.map(DVec3::from_array);
    let rotation = DMat3::from_cols(rows[0], rows[1], rows[2]).transpose();
    let off = (rotation.transpose() * rotation - DMat3::IDENTITY).to_cols_array();
    ensure!(off.iter().all(|v| v.abs() < 1e-3) && rotation.determinant() > 0.0, "its orientation is not a rotation");
    let rotation = DMat3::from_quat(DQuat::from_mat3(&rotation).normalize());
    let position = DVec3::from_array(camera.position);
    ensure!(position.is_finite(), "its position is not finite");
    ensure!(camera.skew.abs() < 1e-3 * camera.focal_length, "its pixels are skewed, which is not supported");
    let side = |v: f64| (1.0..=f64::from(1 << 20)).contains(&v).then_some(v.round() as u32);
    let [w, h] = camera.image_size;
    let size = side(w).zip(side(h)).with_context(|| format!("its image_size {w} x {h} is impossible"))?;
    let [k1, k2, k3] = camera.radial_distortion;
    let time = facts.warp_id.or(facts.time_id).context("its metadata has neither warp_id nor time_id")?;
    ensure!(time.is_finite() && time >= 0.0, "its time {time} is not a number from 0 up");
    Ok(ListedFrame {
        pose: Pose { rotation, translation: -(rotation * position) },
        lens: LensSpec {
            size: Some(size),
            focal: Focal::Pixels(dvec2(camera.focal_length, camera.focal_length * camera.pixel_aspect_ratio)),
            principal: Some(DVec2::from_array(camera.principal_point)),
            distortion: Distortion::perspective([k1, k2, k3, 0.0], [0.0; 3], camera.tangential),
        },
        time: Some(time),
        camera: Some(format!("camera {}", facts.camera_id)),
        split,
        mask: None,
        image: folder.join(&name),
        name,
    })
}

/// The points of `points.npy`, grey; none where there is no such file.
fn points(path: &Path) -> Result<Option<ListedPoints>> {
    if !path.is_file() {
        return Ok(None);
    }
    let array = npy::read(path, ArrayPart::All).with_context(|| path.display().to_string())?;
    ensure!(
        array.shape.len() == 2 && array.shape[1] == 3,
        "{}: its array is {:?}, not [points, 3]",
        path.display(),
        array.shape
    );
    let rows = array.values.as_chunks::<3>().0.iter();
    let positions: Vec<DVec3> = rows.map(|p| DVec3::from_array(*p)).filter(|p| p.is_finite()).collect();
    let colours = vec![Vec3::splat(0.5); positions.len()];
    Ok(Some(ListedPoints { positions, colours }))
}
