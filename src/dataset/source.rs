//! The result of a capture reader: frames as the capture lists them. No image is opened yet.

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use glam::{DVec2, DVec3, Vec3, dvec2};

use super::capture::Split;
use super::lens::{Distortion, Face, SourceLens};
use crate::camera::Pose;
use crate::scene::PointCloud;

/// The frames and points one reader found.
#[derive(Debug, Default)]
pub struct Listing {
    /// The file that names the frames, for messages.
    pub origin: PathBuf,
    pub root: PathBuf,
    pub frames: Vec<ListedFrame>,
    /// Images that are listed without a pose that is one, by name.
    pub unposed: Vec<String>,
    /// Whether the capture defines the split itself.
    pub own_split: bool,
    pub points: Option<ListedPoints>,
    pub points_file: Option<PathBuf>,
    pub warnings: Vec<String>,
    /// Folder and number of images of each other model that the capture has.
    pub others: Vec<(String, usize)>,
    /// Length of the clip in seconds, where videos tell it.
    pub seconds: Option<f64>,
    /// The shift of the whole capture, where this is a part of one.
    pub part_of: Option<DVec3>,
}

/// First points as a capture lists them, in double precision: georeferenced ones are millions of units from the origin.
#[derive(Clone, Debug, Default)]
pub struct ListedPoints {
    pub positions: Vec<DVec3>,
    /// Display sRGB, 0 to 1.
    pub colours: Vec<Vec3>,
}

impl ListedPoints {
    /// The points in single precision, near the origin by now.
    pub fn into_cloud(self) -> PointCloud {
        PointCloud {
            positions: self.positions.iter().map(|position| position.as_vec3()).collect(),
            colours: self.colours,
            times: None,
        }
    }
}

/// One frame as the capture names it.
#[derive(Clone, Debug)]
pub struct ListedFrame {
    /// Relative to the capture where possible, with forward slashes.
    pub name: String,
    pub pose: Pose,
    pub lens: LensSpec,
    /// Time in the capture's own unit; normalised to 0..=1 later.
    pub time: Option<f64>,
    /// Name of the camera that took it, where the capture says; else its folder stands for it.
    pub camera: Option<String>,
    pub split: Split,
    /// A mask the capture names itself; others are looked for by name.
    pub mask: Option<PathBuf>,
    /// Path of the image as stated; without extension in Blender's captures.
    pub image: PathBuf,
}

/// A focal length as files state it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Focal {
    Pixels(DVec2),
    /// Full fields of view in radians; the vertical one, where missing, follows from square pixels.
    Angles(f64, Option<f64>),
}

/// A lens as files state it, perhaps without the size that only the image tells.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LensSpec {
    /// Size in pixels to which focal length and principal point refer; the image's own where missing.
    pub size: Option<(u32, u32)>,
    pub focal: Focal,
    /// Centred where missing.
    pub principal: Option<DVec2>,
    pub distortion: Distortion,
}

impl LensSpec {
    /// A panorama of all directions, which has no focal length.
    pub fn panorama(size: Option<(u32, u32)>) -> Self {
        let focal = Focal::Angles(std::f64::consts::FRAC_PI_2, None);
        Self { size, focal, principal: None, distortion: Distortion::Panorama(Face::FRONT) }
    }

    /// The lens for an image of `size` pixels, scaled by image size over camera size.
    pub fn resolve(&self, size: (u32, u32)) -> Result<SourceLens> {
        let own = self.size.unwrap_or(size);
        let extent = dvec2(f64::from(own.0), f64::from(own.1));
        let focal = match self.focal {
            Focal::Pixels(focal) => focal,
            Focal::Angles(x, y) => {
                let length = |angle: f64, side: f64| -> Result<f64> {
                    ensure!(
                        angle > 0.0 && angle < std::f64::consts::PI,
                        "a field of view of {angle} rad is impossible"
                    );
                    Ok(0.5 * side / (0.5 * angle).tan())
                };
                let fx = length(x, extent.x)?;
                dvec2(fx, y.map_or(Ok(fx), |angle| length(angle, extent.y))?)
            }
        };
        let lens = SourceLens::new(focal, self.principal.unwrap_or(extent * 0.5), own, self.distortion)?;
        Ok(lens.resized(size.0, size.1))
    }
}

/// Whether an image of `image` pixels can belong to a camera of `camera` pixels: the same aspect ratio up to rounding of
/// either side by a pixel.
pub fn sizes_agree(image: (u32, u32), camera: (u32, u32)) -> bool {
    let [w, h, cw, ch] = [image.0, image.1, camera.0, camera.1].map(i128::from);
    (w * ch - h * cw).abs() <= cw + ch
}

/// Paths in captures come from any system: forward slashes, no leading `./`.
pub fn tidy(name: &str) -> String {
    let mut name = name.trim().replace('\\', "/");
    while let Some(rest) = name.strip_prefix("./") {
        name = rest.to_owned();
    }
    name
}

/// Lists the first few names, and the number of the others.
pub fn enumerate(names: &[String]) -> String {
    const SHOWN: usize = 5;
    let shown = names[..names.len().min(SHOWN)].join(", ");
    if names.len() > SHOWN { format!("{shown} and {} more", names.len() - SHOWN) } else { shown }
}

/// Extensions of readable images.
pub const EXTENSIONS: [&str; 11] = ["png", "jpg", "jpeg", "webp", "PNG", "JPG", "JPEG", "tif", "tiff", "bmp", "exr"];

/// The places to look for an image, best first. A file under `images/` may also be in the reduced copies `images_2`,
/// `images_4`, `images_8`; the smallest that still covers `limit` (longer side, pixels) comes first.
/// Some captures have no such folder and keep their images at the root. Names without an extension get the usual ones.
pub fn image_candidates(path: &Path, root: &Path, size: Option<(u32, u32)>, limit: Option<u32>) -> Vec<PathBuf> {
    let mut places = vec![path.to_path_buf()];
    if let Ok(inside) = path.strip_prefix(root.join("images")) {
        let reduced = |factor: u32| root.join(format!("images_{factor}")).join(inside);
        let sufficient = |factor: u32| match (size, limit) {
            (Some((w, h)), Some(limit)) => w.max(h).div_ceil(factor) >= limit,
            _ => false,
        };
        places.extend([2, 4, 8].into_iter().map(reduced));
        places.push(root.join(inside));
        if let Some(factor) = [8, 4, 2].into_iter().find(|f| sufficient(*f) && reduced(*f).is_file()) {
            places.insert(0, reduced(factor));
        }
    }
    let mut candidates = places.clone();
    let known = path.extension().is_some_and(|e| EXTENSIONS.iter().any(|k| e.eq_ignore_ascii_case(k)));
    for place in places.iter().filter(|_| !known) {
        candidates.extend(EXTENSIONS.map(|extension| {
            let mut name = place.clone().into_os_string();
            name.push(".");
            name.push(extension);
            PathBuf::from(name)
        }));
    }
    candidates
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_agree_up_to_rounding() {
        // 4946 × 3286 reduced eight times is 618 × 410 with one tool and 618 × 411 with another.
        assert!(sizes_agree((618, 410), (4946, 3286)));
        assert!(sizes_agree((618, 411), (4946, 3286)));
        assert!(!sizes_agree((410, 618), (4946, 3286)));
        assert!(!sizes_agree((640, 360), (640, 480)));
    }

    #[test]
    fn lens_follows_the_image_size() {
        let spec = LensSpec {
            size: Some((400, 300)),
            focal: Focal::Pixels(dvec2(500.0, 510.0)),
            principal: Some(dvec2(190.0, 160.0)),
            distortion: Distortion::None,
        };
        let lens = spec.resolve((200, 150)).unwrap();
        assert_eq!((lens.focal, lens.principal), (dvec2(250.0, 255.0), dvec2(95.0, 80.0)));
        let angle = LensSpec { size: None, focal: Focal::Angles(0.7, None), principal: None, ..spec };
        let lens = angle.resolve((400, 400)).unwrap();
        assert!((lens.focal.x - 200.0 / 0.35_f64.tan()).abs() < 1e-9 && lens.focal.x == lens.focal.y);
        assert!(LensSpec { focal: Focal::Angles(4.0, None), ..angle }.resolve((4, 4)).is_err());
    }

    #[test]
    fn names_are_tidied() {
        assert_eq!(tidy("./train/r_0"), "train/r_0");
        assert_eq!(tidy("images\\left\\a b.png"), "images/left/a b.png");
    }
}
