//! NeRF-style JSON: Blender's `transforms_train.json`, nerfstudio's and instant-ngp's `transforms.json`.
//!
//! Poses are camera-to-world with OpenGL axes. They are taken as saved: no recentring, no reorientation, and
//! `applied_transform`, `scale` and `offset`, which describe what a tool did or would do, are left alone.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail, ensure};
use glam::{DMat3, DMat4, DQuat, DVec3, dvec2};
use serde::Deserialize;

use super::Split;
use super::lens::Distortion;
use super::source::{Focal, LensSpec, ListedFrame, Listing, tidy};
use crate::camera::Pose;

/// Intrinsics, which a file may state once or a frame for itself.
#[derive(Clone, Debug, Default, Deserialize)]
struct Intrinsics {
    camera_model: Option<String>,
    is_fisheye: Option<bool>,
    camera_angle_x: Option<f64>,
    camera_angle_y: Option<f64>,
    fl_x: Option<f64>,
    fl_y: Option<f64>,
    cx: Option<f64>,
    cy: Option<f64>,
    // Some tools write sizes with a decimal point.
    w: Option<f64>,
    h: Option<f64>,
    k1: Option<f64>,
    k2: Option<f64>,
    k3: Option<f64>,
    k4: Option<f64>,
    k5: Option<f64>,
    k6: Option<f64>,
    p1: Option<f64>,
    p2: Option<f64>,
    sx1: Option<f64>,
    sy1: Option<f64>,
    /// The intrinsic matrix: focal lengths and principal point in one.
    #[serde(rename = "K", alias = "intrinsic_matrix", alias = "camera_matrix")]
    matrix: Option<Matrix>,
    /// nerfstudio's k1, k2, k3, k4, p1, p2.
    distortion_params: Option<Vec<f64>>,
}

/// A 3 x 3 matrix, by rows.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum Matrix {
    Rows(Vec<Vec<f64>>),
    Flat(Vec<f64>),
}

impl Intrinsics {
    /// As if the numbers of `K` and `distortion_params` stood by themselves; those that do so go first.
    fn spelled_out(mut self) -> Result<Self> {
        let values = match self.matrix.take() {
            None => Vec::new(),
            Some(Matrix::Rows(rows)) => rows.concat(),
            Some(Matrix::Flat(values)) => values,
        };
        if let [fx, _, cx, _, fy, cy, ..] = *values {
            ensure!(values.len() == 9, "its K has {} values, not 3 x 3", values.len());
            let own = [(&mut self.fl_x, fx), (&mut self.fl_y, fy), (&mut self.cx, cx), (&mut self.cy, cy)];
            own.into_iter().for_each(|(field, value)| *field = field.or(Some(value)));
        } else {
            ensure!(values.is_empty(), "its K has {} values, not 3 x 3", values.len());
        }
        let given = self.distortion_params.take().unwrap_or_default();
        ensure!(given.len() <= 6, "its distortion_params are {} numbers, not k1, k2, k3, k4, p1, p2", given.len());
        let own = [&mut self.k1, &mut self.k2, &mut self.k3, &mut self.k4, &mut self.p1, &mut self.p2];
        own.into_iter().zip(given).for_each(|(field, value)| *field = field.or(Some(value)));
        Ok(self)
    }
}

#[derive(Debug, Deserialize)]
struct FrameEntry {
    file_path: String,
    #[serde(default)]
    transform_matrix: Option<Vec<Vec<Option<f64>>>>,
    mask_path: Option<String>,
    time: Option<f64>,
    #[serde(flatten)]
    intrinsics: Intrinsics,
}

#[derive(Debug, Deserialize)]
struct TransformsFile {
    frames: Vec<FrameEntry>,
    ply_file_path: Option<String>,
    train_filenames: Option<Vec<String>>,
    val_filenames: Option<Vec<String>>,
    test_filenames: Option<Vec<String>>,
    #[serde(flatten)]
    intrinsics: Intrinsics,
}

/// The JSON file of a capture, if it has one: of the folder itself or in it.
pub fn find(path: &Path) -> Option<PathBuf> {
    if path.is_file() {
        return path.extension().is_some_and(|e| e.eq_ignore_ascii_case("json")).then(|| path.to_path_buf());
    }
    ["transforms_train.json", "transforms.json"].iter().map(|name| path.join(name)).find(|file| file.is_file())
}

/// Whether a JSON file is one of frames, rather than the description of a scene.
pub fn is_transforms(path: &Path) -> bool {
    find(path).is_some() && std::fs::read_to_string(path).is_ok_and(|text| text.contains("\"frames\""))
}

/// Reads a capture by its JSON file. `transforms_test.json` beside a `transforms_train.json` is the test set.
pub fn read(path: &Path) -> Result<Listing> {
    let root = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_path_buf();
    let mut listing = Listing { origin: path.into(), root: root.clone(), ..Default::default() };
    let file = parse(path)?;
    listing.points_file = file.ply_file_path.as_ref().map(|name| root.join(tidy(name)));
    if let Some(missing) = listing.points_file.take_if(|file| !file.is_file()) {
        listing.warnings.push(format!("{}: its seed cloud {} is missing", path.display(), missing.display()));
    }
    (listing.frames, listing.unposed) = frames(path, &root, &file)?;
    let test = root.join("transforms_test.json");
    if path.file_name().is_some_and(|name| name == "transforms_train.json") && test.is_file() {
        let (mut held_out, mut unposed) = frames(&test, &root, &parse(&test)?)?;
        listing.unposed.append(&mut unposed);
        held_out.iter_mut().for_each(|frame| frame.split = Split::Test);
        listing.frames.append(&mut held_out);
        listing.own_split = true;
    } else {
        split_by_lists(&mut listing, &file);
    }
    Ok(listing)
}

fn parse(path: &Path) -> Result<TransformsFile> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let text = String::from_utf8_lossy(&bytes);
    let parsed = serde_json::from_str(text.trim_start_matches('\u{feff}')).or_else(|error| {
        // Python writes NaN and Infinity, which are not JSON: read them as null, and name the frame later.
        let nulled = null_not_finite(&text);
        if nulled == text { Err(error) } else { serde_json::from_str(&nulled) }
    });
    parsed.map_err(|error| anyhow!("{}: {error}; this is not a readable transforms file", path.display()))
}

/// Replaces what is no finite number outside strings: the words NaN and Infinity, and numbers that are too large.
fn null_not_finite(text: &str) -> String {
    let (mut out, mut rest, mut quoted) = (String::with_capacity(text.len()), text, false);
    while let Some(c) = rest.chars().next() {
        let word = ["-Infinity", "Infinity", "NaN"].into_iter().find(|w| !quoted && rest.starts_with(w));
        let digits = rest.find(|c: char| !c.is_ascii_digit() && !"+-.eE".contains(c)).unwrap_or(rest.len());
        let number = if quoted { "" } else { &rest[..digits] };
        if number.parse::<f64>().is_ok_and(f64::is_infinite) {
            out.push_str("null");
            rest = &rest[digits..];
            continue;
        }
        let taken = match (word, c) {
            (None, _) if !number.is_empty() => digits,
            (Some(word), _) => word.len(),
            (None, '\\') if quoted => 1 + rest[1..].chars().next().map_or(0, char::len_utf8),
            _ => c.len_utf8(),
        };
        quoted ^= c == '"';
        out.push_str(if word.is_some() { "null" } else { &rest[..taken] });
        rest = &rest[taken..];
    }
    out
}

/// The frames, and the names of those whose pose is no number.
fn frames(path: &Path, root: &Path, file: &TransformsFile) -> Result<(Vec<ListedFrame>, Vec<String>)> {
    let shared = file.intrinsics.clone().spelled_out().with_context(|| path.display().to_string())?;
    let (mut frames, mut unposed) = (Vec::new(), Vec::new());
    for (index, entry) in file.frames.iter().enumerate() {
        let at = || format!("{}: frame {index} ({:?})", path.display(), entry.file_path);
        match frame(root, &shared, entry).with_context(at)? {
            Some(frame) => frames.push(frame),
            None => unposed.push(tidy(&entry.file_path)),
        }
    }
    Ok((frames, unposed))
}

fn frame(root: &Path, shared: &Intrinsics, entry: &FrameEntry) -> Result<Option<ListedFrame>> {
    let name = tidy(&entry.file_path);
    let time = entry.time;
    ensure!(
        time.is_none_or(|t| t.is_finite() && t >= 0.0),
        "its time {} is not a number from 0 up",
        time.unwrap_or(0.0)
    );
    let Some(pose) = pose(entry.transform_matrix.as_deref().unwrap_or_default())? else { return Ok(None) };
    Ok(Some(ListedFrame {
        pose,
        lens: lens(&entry.intrinsics.clone().spelled_out()?, shared)?,
        time,
        camera: None,
        split: Split::Train,
        mask: entry.mask_path.as_ref().map(|mask| root.join(tidy(mask))),
        image: root.join(&name),
        name,
    }))
}

/// The pose of a 4 × 4 or 3 × 4 camera-to-world matrix; a uniform scale in its axes is taken out. `None` for none, and for
/// one that is not finite or singular, which tools write for a photo that they could not place.
fn pose(rows: &[Vec<Option<f64>>]) -> Result<Option<Pose>> {
    if rows.is_empty() {
        return Ok(None);
    }
    ensure!(
        (rows.len() == 4 || rows.len() == 3) && rows.iter().all(|row| row.len() == 4),
        "its transform_matrix is not 4 x 4"
    );
    let column = |j: usize| DVec3::from_array([0, 1, 2].map(|i| rows[i][j].unwrap_or(f64::NAN)));
    let (axes, centre) = (DMat3::from_cols(column(0), column(1), column(2)), column(3));
    let scale = axes.determinant().abs().cbrt();
    if !axes.is_finite() || !centre.is_finite() || scale <= 1e-9 {
        return Ok(None);
    }
    let unit = axes * scale.recip();
    let deviation =
        (unit.transpose() * unit - DMat3::IDENTITY).to_cols_array().into_iter().fold(0.0, |m: f64, v| m.max(v.abs()));
    ensure!(
        deviation < 1e-3,
        "the axes of its transform_matrix are not perpendicular and equally long (off by {deviation:.2e}); export the \
         poses as rigid transforms"
    );
    ensure!(unit.determinant() > 0.0, "its transform_matrix mirrors the world; export right-handed poses");
    let rotation = DMat3::from_quat(DQuat::from_mat3(&unit).normalize());
    Ok(Some(Pose::from_gl_camera_to_world(DMat4::from_mat3_translation(rotation, centre))))
}

fn lens(own: &Intrinsics, shared: &Intrinsics) -> Result<LensSpec> {
    let pick = |get: fn(&Intrinsics) -> Option<f64>| get(own).or_else(|| get(shared));
    let size = match (pick(|i| i.w), pick(|i| i.h)) {
        (Some(w), Some(h)) => {
            let side = |v: f64| (1.0..=f64::from(1 << 20)).contains(&v).then_some(v.round() as u32);
            Some(side(w).zip(side(h)).with_context(|| format!("its size w = {w}, h = {h} is not that of an image"))?)
        }
        _ => None,
    };
    let model = own.camera_model.as_deref().or(shared.camera_model.as_deref()).unwrap_or("OPENCV").to_ascii_uppercase();
    if model == "EQUIRECTANGULAR" {
        return Ok(LensSpec::panorama(size));
    }
    let focal = match (pick(|i| i.fl_x), pick(|i| i.fl_y), pick(|i| i.camera_angle_x), pick(|i| i.camera_angle_y)) {
        (Some(x), y, ..) => Focal::Pixels(dvec2(x, y.unwrap_or(x))),
        (None, _, Some(x), y) => Focal::Angles(x, y),
        (None, Some(y), None, _) => Focal::Pixels(dvec2(y, y)),
        _ => bail!("it has no focal length; add fl_x or camera_angle_x"),
    };
    let principal = pick(|i| i.cx).zip(pick(|i| i.cy)).map(|(x, y)| dvec2(x, y));
    let k = [pick(|i| i.k1), pick(|i| i.k2), pick(|i| i.k3), pick(|i| i.k4)].map(|k| k.unwrap_or(0.0));
    let p = [pick(|i| i.p1), pick(|i| i.p2)].map(|p| p.unwrap_or(0.0));
    let fisheye = own.is_fisheye.or(shared.is_fisheye).unwrap_or(false);
    // As nerfstudio does, the coefficients count even where a file with some calls its model a pinhole.
    let distortion = match model.as_str() {
        "OPENCV" | "PINHOLE" | "SIMPLE_PINHOLE" | "RADIAL" | "SIMPLE_RADIAL" if !fisheye => {
            Distortion::perspective(k, [0.0; 3], p)
        }
        "OPENCV" | "PINHOLE" | "OPENCV_FISHEYE" => Distortion::fisheye(k),
        "FULL_OPENCV" => {
            let more = [pick(|i| i.k5), pick(|i| i.k6)].map(|k| k.unwrap_or(0.0));
            Distortion::perspective([k[0], k[1], k[2], 0.0], [k[3], more[0], more[1]], p)
        }
        "THIN_PRISM_FISHEYE" => {
            let prism = [pick(|i| i.sx1), pick(|i| i.sy1)].map(|s| s.unwrap_or(0.0));
            Distortion::Fisheye { radial: k, tangential: p, prism }
        }
        _ => bail!("camera model {model:?} is not supported; undistort the images to PINHOLE first"),
    };
    Ok(LensSpec { size, focal, principal, distortion })
}

/// Applies nerfstudio's lists. Test frames are those of `test_filenames`, or of `val_filenames` where that is absent;
/// validation frames and, where there is a training list, frames in no list are left out.
fn split_by_lists(listing: &mut Listing, file: &TransformsFile) {
    let set = |names: &Option<Vec<String>>| -> Option<std::collections::HashSet<String>> {
        names.as_ref().filter(|names| !names.is_empty()).map(|names| names.iter().map(|name| tidy(name)).collect())
    };
    let (train, val, test) = (set(&file.train_filenames), set(&file.val_filenames), set(&file.test_filenames));
    let (test, ignored) = if test.is_some() { (test, val) } else { (val, None) };
    let Some(test) = test else { return };
    let count = listing.frames.len();
    listing.frames.retain_mut(|frame| {
        if test.contains(&frame.name) {
            frame.split = Split::Test;
            return true;
        }
        let named = train.as_ref().is_none_or(|train| train.contains(&frame.name));
        named && !ignored.as_ref().is_some_and(|ignored| ignored.contains(&frame.name))
    });
    listing.own_split = listing.frames.iter().any(|frame| frame.split == Split::Test);
    if listing.frames.len() < count {
        let left_out = count - listing.frames.len();
        listing.warnings.push(format!(
            "{}: {left_out} of {count} frames are in neither its training nor its test list; left out",
            listing.origin.display()
        ));
    }
}
