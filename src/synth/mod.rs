//! Synthetic captures with exact cameras, depth, normals and surface points, ray-traced on the CPU.
//!
//! A TOML file in `scenes/` describes solids, light and a dome of cameras; [`run`] writes the capture both as NeRF-style
//! JSON and as a COLMAP model, in the same world frame (z up). The same description gives the same bytes on one platform.
//!
//! Further cameras may follow paths of waypoints (`[[path]]`), as in a drive or a flight.
//!
//! With a `[clip]` the capture is dynamic: each camera takes every frame while objects move, appear and leave. It is
//! written as NeRF-style JSON with times, one folder of images per camera, and exact optical flow between consecutive
//! frames in `flow`, with occlusion masks.

#[cfg(test)]
mod clip_tests;
mod describe;
mod disturb;
mod flow;
mod light;
mod motion;
mod passers;
mod pattern;
mod shape;
#[cfg(test)]
mod tests;
mod trace;
mod values;
mod views;
mod write;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use glam::DVec3;

use crate::camera::Pose;
use crate::dataset::{Direction, Split, flow_io};
use crate::format;
use describe::Description;
use disturb::Disturbance;
use passers::Passer;
use pattern::mix64;
use trace::{Pixel, World};
use views::{PlannedView, clip_views, path_views, views};
use write::Point;

/// Summary of a capture that [`run`] wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    pub train: usize,
    pub test: usize,
    pub width: u32,
    pub height: u32,
    /// Surface points in the COLMAP model and `points.ply`.
    pub points: usize,
    /// Frames per camera of a dynamic capture; 1 for a static one.
    pub frames: usize,
}

/// The entries of a synthetic capture's folder; a folder with other entries is never replaced.
const ENTRIES: [&str; 10] = [
    "images",
    "masks",
    "flow",
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
/// A faulty description (with file, line and column), a folder `out` that is neither empty nor a synthetic capture, or a
/// failed write.
pub fn run(scene_toml: &Path, out: &Path) -> Result<Summary> {
    run_with(scene_toml, out, &|_, _| {})
}

/// Does what [`run`] does, and tells after each image how many are done, and of how many.
///
/// # Errors
/// Those of [`run`].
pub fn run_with(scene_toml: &Path, out: &Path, told: &dyn Fn(usize, usize)) -> Result<Summary> {
    let (description, text) = Description::read(scene_toml)?;
    check_replaceable(out)?;
    let parent = match out.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    fs::create_dir_all(parent).with_context(|| format!("cannot create {}", parent.display()))?;
    let work = tempfile::Builder::new().prefix(".synth-").tempdir_in(parent);
    let work = work.with_context(|| format!("cannot create a folder in {}", parent.display()))?;
    let _unfinished = format::UnfinishedFolder::new(work.path());
    let fresh = work.path().join("capture");
    let summary = capture(description, &text, &fresh, told)?;
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
            bail!("{} holds \"{name}\", which is no part of a synthetic capture; choose another folder", out.display());
        }
    }
    Ok(())
}

/// The views as they are stated: the poses of training images off, where that is asked for.
fn disturbed(mut views: Vec<PlannedView>, disturb: Disturbance, seed: u64) -> Vec<PlannedView> {
    let mut trained: Vec<&mut PlannedView> = views.iter_mut().filter(|view| view.split == Split::Train).collect();
    let poses: Vec<Pose> = trained.iter().map(|view| view.camera.pose).collect();
    if disturb.moves() {
        trained.iter_mut().zip(disturb.moved(seed, &poses)).for_each(|(view, pose)| view.camera.pose = pose);
    }
    views
}

/// Writes the optical flow of a view to those of its camera before and after it, and from one to train on to the next such
/// where others lie between.
fn save_flows(out: &Path, world: &World, views: &[PlannedView], index: usize) -> Result<()> {
    let view = &views[index];
    let Some(moment) = view.moment else { return Ok(()) };
    let same_camera = |other: &&PlannedView| other.moment.is_some_and(|m| m.camera == moment.camera);
    let (before, after) = (views[..index].iter().rev(), views[index + 1..].iter());
    let ways: [(Direction, &mut dyn Iterator<Item = &PlannedView>); 2] = [
        (Direction::Forward, &mut after.take_while(same_camera)),
        (Direction::Backward, &mut before.take_while(same_camera)),
    ];
    for (direction, others) in ways {
        let others: Vec<_> = others.collect();
        if let Some(other) = others.first() {
            save_flow(out, world, view, other, direction)?;
        }
        let over = others.iter().position(|other| other.split == Split::Train).unwrap_or(0);
        if view.split == Split::Train && over > 0 {
            save_flow(out, world, view, others[over], direction.over())?;
        }
    }
    Ok(())
}

fn capture(description: Description, text: &str, out: &Path, told: &dyn Fn(usize, usize)) -> Result<Summary> {
    let (dome, image) = (description.cameras.get_ref(), description.image.get_ref());
    let mut fixed = views(dome, image);
    fixed.extend(description.path.iter().flat_map(|path| path_views(path.get_ref(), dome, image)));
    let clip = description.clip.as_ref().map(|clip| clip.get_ref());
    let frames = clip.map_or(1, |clip| clip.frames);
    let views = match clip {
        Some(clip) => clip_views(fixed, clip, dome, image),
        None => fixed,
    };
    let (seed, wanted) = (description.seed, *description.points.get_ref());
    let disturb = description.disturb.as_ref().map(|disturb| *disturb.get_ref());
    let folders: &[&str] = match clip {
        // From one place to another there is no flow to learn motion from.
        Some(clip) if clip.jump => &[],
        Some(_) => &["flow"],
        None => &["sparse/0"],
    };
    let world = World::new(description);
    for folder in ["images", "depth", "normals"].iter().chain(folders) {
        create(&out.join(folder))?;
    }
    let train = views.iter().filter(|v| v.split == Split::Train).count();
    let disturb = disturb.unwrap_or_default();
    let (gains, passers) = (disturb.gains(seed, train), Passer::all(seed, train, disturb.passers));
    let (mut points, mut trained) = (Vec::new(), 0);
    for (index, view) in views.iter().enumerate() {
        let train_on = view.split == Split::Train;
        let (gain, vignetting) = if train_on { (gains[trained], disturb.vignetting) } else { (DVec3::ONE, 0.0) };
        let world = world.at(view.moment.map_or(0.0, |moment| moment.time)).exposed(gain, vignetting);
        let mut pixels = world.trace(&view.camera);
        if train_on {
            let share = wanted * (trained + 1) / train - wanted * trained / train;
            points.extend(surface_points(view, &pixels, share, mix64(seed ^ (index as u64) << 32)));
            if let Some(passer) = passers[trained] {
                let clear = passer.paint(&view.camera.lens, &mut pixels);
                write::mask(&beside(out, "masks", view, "png")?, &view.camera, &clear)?;
            }
            trained += 1;
        }
        save(out, &world, view, &pixels)?;
        save_flows(out, &world, &views, index)?;
        told(index + 1, views.len());
    }
    let views = disturbed(views, disturb, seed);
    write::transforms(&out.join("transforms_train.json"), &views, Split::Train)?;
    write::transforms(&out.join("transforms_test.json"), &views, Split::Test)?;
    if frames == 1 {
        write::colmap(&out.join("sparse/0"), &views, &points)?;
    }
    write::ply(&out.join("points.ply"), &points)?;
    write::bytes(&out.join(DESCRIPTION), text.as_bytes())?;
    let lens = views[0].camera.lens;
    let (width, height) = (lens.width, lens.height);
    Ok(Summary { train, test: views.len() - train, width, height, points: points.len(), frames })
}

fn create(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))
}

/// The file of a view in one of the capture's folders, which exists then.
fn beside(out: &Path, folder: &str, view: &PlannedView, extension: &str) -> Result<PathBuf> {
    let path = out.join(folder).join(&view.name).with_extension(extension);
    create(path.parent().unwrap_or(out))?;
    Ok(path)
}

/// Writes the image, depth and normals of a view.
fn save(out: &Path, world: &World, view: &PlannedView, pixels: &[Pixel]) -> Result<()> {
    write::image(&beside(out, "images", view, "png")?, &view.camera, pixels, world.transparent())?;
    write::depth(&beside(out, "depth", view, "npy")?, &view.camera, pixels)?;
    write::normals(&beside(out, "normals", view, "png")?, &view.camera, pixels)
}

/// Writes the exact flow from a view to another frame of its camera, and the occlusion mask: white where a surface is
/// hidden, outside or gone in the other image.
fn save_flow(out: &Path, world: &World, view: &PlannedView, other: &PlannedView, direction: Direction) -> Result<()> {
    let then = world.at(other.moment.map_or(0.0, |moment| moment.time));
    let flow = flow::flow(world, &view.camera, &then, &other.camera);
    let path = beside(out, "flow", view, &format!("{}.flo", direction.word()))?;
    flow_io::write(&path, &flow.field)?;
    write::mask(&path.with_extension("occ.png"), &view.camera, &flow.occluded)
}

/// Up to `share` distinct random pixels that meet a surface, lifted to the world.
fn surface_points(view: &PlannedView, pixels: &[Pixel], share: usize, seed: u64) -> Vec<Point> {
    let camera = &view.camera;
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
        Point { position, colour: [r, g, b], time: view.moment.map(|moment| moment.time) }
    };
    solid[..share].iter().map(lift).collect()
}
