//! Procedural captures with exact cameras, depth, normals and surface points, ray-traced on the CPU.
//!
//! A TOML file in `scenes/` describes solids, light and a dome of cameras; [`run`] writes the capture both as NeRF-style
//! JSON and as a COLMAP model, in the same world frame (z up). The same description gives the same bytes on one platform.

mod describe;
mod light;
mod pattern;
mod shape;
#[cfg(test)]
mod tests;
mod trace;
mod write;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use glam::DVec3;

use crate::camera::{Camera, Lens, Pose};
use crate::dataset::Split;
use describe::{Description, Dome, ImageSpec};
use pattern::mix64;
use trace::{Pixel, World};
use write::Point;

/// What [`run`] wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    pub train: usize,
    pub test: usize,
    pub width: u32,
    pub height: u32,
    /// Surface points in the COLMAP model and `points.ply`.
    pub points: usize,
}

/// One picture to take.
struct View {
    name: String,
    camera: Camera,
    split: Split,
}

/// Everything a capture folder holds; a folder with anything else is never replaced.
const ENTRIES: [&str; 8] = [
    "images",
    "depth",
    "normals",
    "sparse",
    "points.ply",
    "transforms_train.json",
    "transforms_test.json",
    DESCRIPTION,
];
const DESCRIPTION: &str = "synth.toml";

/// Renders the capture that `scene_toml` describes into the folder `out`.
///
/// The folder appears only when it is complete. An earlier capture at `out` is replaced.
///
/// # Errors
/// If the description is wrong (naming file, line and column), if `out` exists and is neither empty nor a procedural
/// capture, or if a file cannot be written.
pub fn run(scene_toml: &Path, out: &Path) -> Result<Summary> {
    let (description, text) = Description::read(scene_toml)?;
    check_replaceable(out)?;
    let parent = match out.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    fs::create_dir_all(parent).with_context(|| format!("cannot create {}", parent.display()))?;
    let work = tempfile::Builder::new().prefix(".synth-").tempdir_in(parent);
    let work = work.with_context(|| format!("cannot create a folder in {}", parent.display()))?;
    let fresh = work.path().join("capture");
    let summary = capture(description, &text, &fresh)?;
    if out.exists() {
        // Moved into the temporary folder, which is deleted at the end.
        fs::rename(out, work.path().join("old")).with_context(|| format!("cannot replace {}", out.display()))?;
    }
    fs::rename(&fresh, out).with_context(|| format!("cannot move the capture to {}", out.display()))?;
    Ok(summary)
}

fn check_replaceable(out: &Path) -> Result<()> {
    if out.file_name().is_none() {
        bail!("{} does not name a new folder; give the capture a folder of its own", out.display());
    }
    if !out.exists() {
        return Ok(());
    }
    let entries = fs::read_dir(out).with_context(|| format!("{} is not a folder to write to", out.display()))?;
    for entry in entries {
        let name = entry.with_context(|| format!("cannot list {}", out.display()))?.file_name();
        if !ENTRIES.iter().any(|&known| name == known) || !out.join(DESCRIPTION).is_file() {
            let name = name.to_string_lossy();
            bail!("{} holds \"{name}\", which is not of a procedural capture; choose another folder", out.display());
        }
    }
    Ok(())
}

fn capture(description: Description, text: &str, out: &Path) -> Result<Summary> {
    let views = views(description.cameras.get_ref(), description.image.get_ref());
    let (seed, wanted) = (description.seed, *description.points.get_ref());
    let world = World::new(description);
    for folder in ["images", "depth", "normals", "sparse/0"] {
        let folder = out.join(folder);
        fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    }
    let train = views.iter().filter(|v| v.split == Split::Train).count();
    let (mut points, mut trained) = (Vec::new(), 0);
    for (index, view) in views.iter().enumerate() {
        let pixels = world.picture(&view.camera);
        let beside =
            |folder: &str, extension: &str| -> PathBuf { out.join(folder).join(&view.name).with_extension(extension) };
        write::picture(&beside("images", "png"), &view.camera, &pixels, world.transparent())?;
        write::depth(&beside("depth", "npy"), &view.camera, &pixels)?;
        write::normals(&beside("normals", "png"), &view.camera, &pixels)?;
        if view.split == Split::Train {
            trained += 1;
            let share = wanted * trained / train - wanted * (trained - 1) / train;
            points.extend(surface_points(&view.camera, &pixels, share, mix64(seed ^ (index as u64) << 32)));
        }
        log::debug!("{} of {} pictures", index + 1, views.len());
    }
    write::transforms(&out.join("transforms_train.json"), &views, Split::Train)?;
    write::transforms(&out.join("transforms_test.json"), &views, Split::Test)?;
    write::colmap(&out.join("sparse/0"), &views, &points)?;
    write::ply(&out.join("points.ply"), &points)?;
    write::bytes(&out.join(DESCRIPTION), text.as_bytes())?;
    let lens = views[0].camera.lens;
    Ok(Summary { train, test: views.len() - train, width: lens.width, height: lens.height, points: points.len() })
}

/// The cameras: a Fibonacci spiral, even over the band's area, with the held-out views spread evenly along it.
fn views(dome: &Dome, image: &ImageSpec) -> Vec<View> {
    let count = dome.train + dome.test;
    let [low, high] = dome.elevation.map(|degrees| degrees.to_radians().sin());
    let lens = Lens::from_fov_x(dome.fov.to_radians(), image.width, image.height);
    let digits = (count - 1).to_string().len().max(4);
    (0..count)
        .map(|k| {
            let z = low + (high - low) * (k as f64 + 0.5) / count as f64;
            let eye = dome.target + dome.radius * light::band(z, k as f64 * light::GOLDEN_ANGLE);
            // Held out where (k + ½) · test / count passes an integer and a half: the middle of each of `test` stretches.
            let stretch = |k: usize| (2 * k * dome.test + count) / (2 * count);
            let split = if stretch(k + 1) > stretch(k) { Split::Test } else { Split::Train };
            let camera = Camera { pose: Pose::look_at(eye, dome.target, DVec3::Z), lens };
            View { name: format!("{k:0digits$}.png"), camera, split }
        })
        .collect()
}

/// Up to `share` distinct random pixels that meet a surface, lifted to the world.
fn surface_points(camera: &Camera, pixels: &[Pixel], share: usize, seed: u64) -> Vec<Point> {
    let mut solid: Vec<usize> =
        (0..pixels.len()).filter(|&i| pixels[i].depth > 0.0 && pixels[i].colour[3] > 0).collect();
    let share = share.min(solid.len());
    // The first steps of a Fisher-Yates shuffle.
    for k in 0..share {
        let other = k + (mix64(seed.wrapping_add(k as u64)) % (solid.len() - k) as u64) as usize;
        solid.swap(k, other);
    }
    let width = camera.lens.width as usize;
    let lift = |&i: &usize| {
        let centre = glam::dvec2((i % width) as f64 + 0.5, (i / width) as f64 + 0.5);
        let dir = camera.ray(centre);
        let distance = f64::from(pixels[i].depth) / dir.dot(camera.pose.forward());
        let [r, g, b, _] = pixels[i].colour;
        let position = (camera.pose.centre() + dir * distance).as_vec3().as_dvec3();
        Point { position, colour: [r, g, b] }
    };
    solid[..share].iter().map(lift).collect()
}
