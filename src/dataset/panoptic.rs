//! Clips as Dynamic 3D Gaussians lays out Panoptic Studio: `train_meta.json` with the cameras of every moment, perhaps
//! `test_meta.json` of held-out cameras, images in `ims/`, first points in `init_pt_cld.npz`.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use glam::{DMat3, DQuat, DVec3, Vec3, dvec2};
use serde::Deserialize;

use super::Split;
use super::lens::Distortion;
use super::npy::{self, ArrayPart};
use super::source::{Focal, LensSpec, ListedFrame, ListedPoints, Listing, tidy};
use crate::camera::Pose;

const TRAIN: &str = "train_meta.json";
const TEST: &str = "test_meta.json";

/// Lists by moment, then by camera.
#[derive(Deserialize)]
struct Meta {
    w: f64,
    h: f64,
    /// Intrinsic matrices, by rows, pixels.
    k: Vec<Vec<[[f64; 3]; 3]>>,
    /// World to camera, by rows; x right, y down, z forward.
    w2c: Vec<Vec<[[f64; 4]; 4]>>,
    /// Images, relative to `ims/`.
    #[serde(rename = "fn")]
    names: Vec<Vec<String>>,
    cam_id: Vec<Vec<i64>>,
}

/// The `train_meta.json` of such a clip: at a path, or in the folder there.
pub fn find(path: &Path) -> Option<PathBuf> {
    let file = if path.is_dir() { path.join(TRAIN) } else { path.to_path_buf() };
    (file.is_file() && file.file_name().is_some_and(|name| name == TRAIN)).then_some(file)
}

/// Reads a clip. The moments are evenly spaced; without `test_meta.json` the split is chosen as for other clips. A world that is
/// left-handed is mirrored along x, which a warning says: a scene cannot be seen from cameras that are mirror images.
///
/// # Errors
/// A malformed file, lists of unequal lengths, or a camera that is none, by moment and camera.
pub fn read(origin: &Path) -> Result<Listing> {
    let root = origin.parent().unwrap_or(Path::new(".")).to_path_buf();
    let mut frames = frames(origin, &root, Split::Train)?;
    let test = root.join(TEST);
    if test.is_file() {
        frames.extend(self::frames(&test, &root, Split::Test)?);
    }
    let mut points = points(&root.join("init_pt_cld.npz"))?;
    let mut warnings = Vec::new();
    if !frames.is_empty() && frames.iter().all(|frame| frame.pose.rotation.determinant() < 0.0) {
        warnings.push(format!(
            "{}: its world is left-handed; it is read mirrored along x, and `dapple export --transform flip=x` mirrors back",
            origin.display()
        ));
        let positions = points.iter_mut().flat_map(|points| &mut points.positions);
        positions.for_each(|position| position.x = -position.x);
        frames.iter_mut().for_each(|frame| frame.pose.rotation.x_axis *= -1.0);
    }
    for frame in &mut frames {
        let rotation = frame.pose.rotation;
        ensure!(
            rotation.determinant() > 0.0,
            "{}: the w2c of {} is mirrored, and those of others are not",
            origin.display(),
            frame.name
        );
        frame.pose.rotation = DMat3::from_quat(DQuat::from_mat3(&rotation).normalize());
    }
    let own_split = test.is_file();
    Ok(Listing { origin: origin.to_path_buf(), root, frames, own_split, points, warnings, ..Listing::default() })
}

fn frames(origin: &Path, root: &Path, split: Split) -> Result<Vec<ListedFrame>> {
    let text = std::fs::read_to_string(origin).with_context(|| format!("cannot read {}", origin.display()))?;
    let meta: Meta = serde_json::from_str(&text)
        .with_context(|| format!("{}: it is not of a Panoptic clip (w, h, k, w2c, fn, cam_id)", origin.display()))?;
    let moments = meta.names.len();
    let lengths = [meta.k.len(), meta.w2c.len(), meta.cam_id.len()];
    ensure!(
        lengths == [moments; 3],
        "{}: fn has {moments} moments, but k, w2c and cam_id have {lengths:?}",
        origin.display()
    );
    let mut frames = Vec::new();
    for moment in 0..moments {
        let cameras = meta.names[moment].len();
        let lengths = [meta.k[moment].len(), meta.w2c[moment].len(), meta.cam_id[moment].len()];
        ensure!(
            lengths == [cameras; 3],
            "{}: moment {moment}: fn has {cameras} cameras, but k, w2c and cam_id have {lengths:?}",
            origin.display()
        );
        for camera in 0..cameras {
            let frame = frame(&meta, (moment, camera), root, split);
            frames.push(frame.with_context(|| format!("{}: moment {moment}, camera {camera}", origin.display()))?);
        }
    }
    Ok(frames)
}

fn frame(meta: &Meta, (moment, camera): (usize, usize), root: &Path, split: Split) -> Result<ListedFrame> {
    let side = |v: f64| (1.0..=f64::from(1 << 20)).contains(&v).then_some(v.round() as u32);
    let size =
        side(meta.w).zip(side(meta.h)).with_context(|| format!("its size {} x {} is impossible", meta.w, meta.h))?;
    let rows = meta.w2c[moment][camera];
    let [x, y, z] = [0, 1, 2].map(|r| DVec3::new(rows[r][0], rows[r][1], rows[r][2]));
    let rotation = DMat3::from_cols(x, y, z).transpose();
    let off = (rotation.transpose() * rotation - DMat3::IDENTITY).to_cols_array();
    ensure!(off.iter().all(|v| v.abs() < 1e-3), "its w2c is not a rigid motion");
    let translation = DVec3::new(rows[0][3], rows[1][3], rows[2][3]);
    ensure!(translation.is_finite(), "its w2c is not finite");
    let k = meta.k[moment][camera];
    ensure!(k[0][1].abs() < 1e-3 * k[0][0], "its pixels are skewed, which is not supported");
    let name = format!("ims/{}", tidy(&meta.names[moment][camera]));
    Ok(ListedFrame {
        pose: Pose { rotation, translation },
        lens: LensSpec {
            size: Some(size),
            focal: Focal::Pixels(dvec2(k[0][0], k[1][1])),
            principal: Some(dvec2(k[0][2], k[1][2])),
            distortion: Distortion::None,
        },
        time: Some(moment as f64),
        camera: Some(format!("camera {}", meta.cam_id[moment][camera])),
        split,
        mask: None,
        image: root.join(&name),
        name,
    })
}

/// The rows x, y, z, r, g, b (0 to 1), and whatever follows; none where there is no such file.
fn points(path: &Path) -> Result<Option<ListedPoints>> {
    if !path.is_file() {
        return Ok(None);
    }
    let array = npy::read(path, ArrayPart::All).with_context(|| path.display().to_string())?;
    let columns = array.shape.get(1).copied().unwrap_or(0);
    ensure!(
        array.shape.len() == 2 && columns >= 6,
        "{}: its array is {:?}, not [points, 6 or more]",
        path.display(),
        array.shape
    );
    let rows = array.values.chunks_exact(columns).filter(|row| row[..6].iter().all(|v| v.is_finite()));
    let (positions, colours) = rows
        .map(|row| {
            let colour = Vec3::new(row[3] as f32, row[4] as f32, row[5] as f32);
            (DVec3::new(row[0], row[1], row[2]), colour.clamp(Vec3::ZERO, Vec3::ONE))
        })
        .unzip();
    Ok(Some(ListedPoints { positions, colours }))
}
