//! The files of a capture: NeRF-style JSON, a COLMAP model, depth, normals and points.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use glam::{DQuat, DVec3};
use image::ImageEncoder;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use serde_json::json;

use super::trace::Pixel;
use super::views::PlannedView;
use crate::camera::{Camera, Lens, LensModel};
use crate::dataset::Split;

/// A surface point with its display sRGB colour. Positions fit `f32`, so that every file holds the same numbers.
#[derive(Clone, Copy)]
pub struct Point {
    pub position: DVec3,
    pub colour: [u8; 3],
    /// Time of the image that shows it, in a dynamic capture.
    pub time: Option<f64>,
}

pub fn bytes(path: &Path, data: &[u8]) -> Result<()> {
    fs::write(path, data).with_context(|| format!("cannot write {}", path.display()))
}

/// The image as PNG: RGBA if `alpha`, else RGB.
pub fn image(path: &Path, camera: &Camera, pixels: &[Pixel], alpha: bool) -> Result<()> {
    let channels = if alpha { 4 } else { 3 };
    let data: Vec<u8> = pixels.iter().flat_map(|p| p.colour.into_iter().take(channels)).collect();
    png(path, camera, &data, if alpha { image::ExtendedColorType::Rgba8 } else { image::ExtendedColorType::Rgb8 })
}

/// World normals as PNG: channel = (component + 1) / 2, black where there is no surface.
pub fn normals(path: &Path, camera: &Camera, pixels: &[Pixel]) -> Result<()> {
    let code =
        |n: DVec3| if n == DVec3::ZERO { [0; 3] } else { n.to_array().map(|v| ((v + 1.0) * 127.5).round() as u8) };
    let data: Vec<u8> = pixels.iter().flat_map(|p| code(p.normal)).collect();
    png(path, camera, &data, image::ExtendedColorType::Rgb8)
}

fn png(path: &Path, camera: &Camera, data: &[u8], colour: image::ExtendedColorType) -> Result<()> {
    let mut file = Vec::new();
    PngEncoder::new_with_quality(&mut file, CompressionType::Fast, FilterType::Adaptive)
        .write_image(data, camera.lens.width, camera.lens.height, colour)
        .with_context(|| format!("cannot encode {}", path.display()))?;
    bytes(path, &file)
}

/// Depth z as NumPy `.npy`, float32 `[height, width]`, 0 where there is no surface.
pub fn depth(path: &Path, camera: &Camera, pixels: &[Pixel]) -> Result<()> {
    let (height, width) = (camera.lens.height, camera.lens.width);
    let header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({height}, {width}), }}");
    // Magic, version and length take 10 bytes; the header is padded so that the data start at a multiple of 64.
    let length = (10 + header.len() + 1).next_multiple_of(64) - 10;
    let mut file = b"\x93NUMPY\x01\x00".to_vec();
    file.extend((length as u16).to_le_bytes());
    file.extend(format!("{header:<0$}\n", length - 1).bytes());
    file.extend(pixels.iter().flat_map(|p| p.depth.to_le_bytes()));
    bytes(path, &file)
}

/// COLMAP's name and number of a lens model, and the coefficients that follow the intrinsics.
fn model(lens: &Lens) -> (&'static str, i32, Vec<f64>) {
    match lens.model {
        LensModel::Pinhole => ("PINHOLE", 1, vec![]),
        LensModel::Fisheye { radial, .. } => ("OPENCV_FISHEYE", 5, radial.to_vec()),
    }
}

/// `transforms_train.json` or `transforms_test.json`: camera-to-world matrices with OpenGL camera axes.
pub fn transforms(path: &Path, views: &[PlannedView], split: Split) -> Result<()> {
    let lens = views[0].camera.lens;
    let frame = |view: &PlannedView| {
        let m = view.camera.pose.to_gl_camera_to_world();
        let rows: Vec<[f64; 4]> = (0..4).map(|r| m.row(r).to_array()).collect();
        let mut frame = json!({ "file_path": format!("images/{}", view.name), "transform_matrix": rows });
        if let Some(moment) = &view.moment {
            frame["time"] = json!(moment.time);
        }
        frame
    };
    let frames: Vec<_> = views.iter().filter(|v| v.split == split).map(frame).collect();
    let (model, _, coefficients) = model(&lens);
    let mut document = json!({
        "camera_model": model,
        "camera_angle_x": 2.0 * (lens.principal.x / lens.focal.x).atan(),
        "fl_x": lens.focal.x, "fl_y": lens.focal.y, "cx": lens.principal.x, "cy": lens.principal.y,
        "w": lens.width, "h": lens.height,
        "ply_file_path": "points.ply",
        "frames": frames,
    });
    for (index, k) in coefficients.iter().enumerate() {
        document[format!("k{}", index + 1)] = json!(k);
    }
    bytes(path, format!("{document:#}\n").as_bytes())
}

/// A COLMAP binary model in `folder`: one camera, all views, points without tracks, and `test.txt` with the names
/// of the held-out views.
pub fn colmap(folder: &Path, views: &[PlannedView], points: &[Point]) -> Result<()> {
    let lens = views[0].camera.lens;
    let mut cameras = Vec::new();
    cameras.extend(1u64.to_le_bytes());
    cameras.extend(1u32.to_le_bytes());
    let (_, number, coefficients) = model(&lens);
    cameras.extend(number.to_le_bytes());
    cameras.extend([lens.width, lens.height].map(u64::from).iter().flat_map(|v| v.to_le_bytes()));
    let intrinsics = [lens.focal.x, lens.focal.y, lens.principal.x, lens.principal.y];
    cameras.extend(intrinsics.iter().chain(&coefficients).flat_map(|v| v.to_le_bytes()));
    bytes(&folder.join("cameras.bin"), &cameras)?;

    let mut images = (views.len() as u64).to_le_bytes().to_vec();
    for (index, view) in views.iter().enumerate() {
        let pose = view.camera.pose;
        let q = DQuat::from_mat3(&pose.rotation).normalize();
        let q = if q.w < 0.0 { -q } else { q };
        let t = pose.translation;
        images.extend((index as u32 + 1).to_le_bytes());
        images.extend([q.w, q.x, q.y, q.z, t.x, t.y, t.z].iter().flat_map(|v| v.to_le_bytes()));
        images.extend(1u32.to_le_bytes());
        images.extend(view.name.bytes().chain([0]));
        images.extend(0u64.to_le_bytes()); // no image points
    }
    bytes(&folder.join("images.bin"), &images)?;

    let mut cloud = (points.len() as u64).to_le_bytes().to_vec();
    for (index, point) in points.iter().enumerate() {
        cloud.extend((index as u64 + 1).to_le_bytes());
        cloud.extend(point.position.to_array().iter().flat_map(|v| v.to_le_bytes()));
        cloud.extend(point.colour);
        cloud.extend(0f64.to_le_bytes()); // reprojection error
        cloud.extend(0u64.to_le_bytes()); // track length
    }
    bytes(&folder.join("points3D.bin"), &cloud)?;

    let held_out = views.iter().filter(|v| v.split == Split::Test).map(|v| format!("{}\n", v.name));
    bytes(&folder.join("test.txt"), held_out.collect::<String>().as_bytes())
}

/// A mask as PNG, white where `white` is true.
pub fn mask(path: &Path, camera: &Camera, white: &[bool]) -> Result<()> {
    let data: Vec<u8> = white.iter().map(|&white| if white { 255 } else { 0 }).collect();
    png(path, camera, &data, image::ExtendedColorType::L8)
}

/// The points as binary PLY, for readers of the JSON files; with the property `time` in a dynamic capture.
pub fn ply(path: &Path, points: &[Point]) -> Result<()> {
    let mut file = format!("ply\nformat binary_little_endian 1.0\nelement vertex {}\n", points.len());
    for axis in ["x", "y", "z"] {
        file += &format!("property float {axis}\n");
    }
    for channel in ["red", "green", "blue"] {
        file += &format!("property uchar {channel}\n");
    }
    if points.iter().any(|point| point.time.is_some()) {
        file += "property float time\n";
    }
    let mut file = (file + "end_header\n").into_bytes();
    for point in points {
        file.extend(point.position.as_vec3().to_array().iter().flat_map(|v| v.to_le_bytes()));
        file.extend(point.colour);
        file.extend(point.time.iter().flat_map(|&time| (time as f32).to_le_bytes()));
    }
    bytes(path, &file)
}
