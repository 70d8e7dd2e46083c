//! COLMAP's cameras, images and camera models, which its binary and text files share.

use anyhow::{Context, Result, bail, ensure};
use glam::dvec2;

use super::lens::Distortion;
use super::source::{Focal, LensSpec};

/// One camera of the model.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelCamera {
    pub id: u32,
    /// The lens, or where it stands and why it cannot be used: no fault where no image uses it.
    pub lens: Result<LensSpec, String>,
}

/// One registered image of the model.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelImage {
    pub id: u32,
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
    let model = model.to_ascii_uppercase();
    let model = model.as_str();
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
        "SIMPLE_DIVISION" => one(Distortion::Division { k: p[3] }),
        "DIVISION" => two(Distortion::Division { k: p[4] }),
        "EUCM" => two(Distortion::Eucm { alpha: p[4], beta: p[5] }),
        "RAD_TAN_THIN_PRISM_FISHEYE" => two(Distortion::Aria {
            radial: [p[4], p[5], p[6], p[7], p[8], p[9]],
            tangential: [p[10], p[11]],
            prism: [p[12], p[13], p[14], p[15]],
        }),
        "EQUIRECTANGULAR" => return Ok(LensSpec::panorama(Some(size))),
        _ => bail!("camera model {model} is not supported; run COLMAP's image_undistorter and train on its output"),
    };
    Ok(LensSpec { size: Some(size), focal: Focal::Pixels(focal), principal: Some(principal), distortion })
}
