//! The scene in a folder, as Dapple's runs and other programs leave it.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use super::detect::{self, Opened};
use super::kind::{Format, LOD_META, SOG_META};
use super::ply_columns::are_gaussians;

/// Name of the scene in a run folder.
pub const RUN_SCENE: &str = "scene.ply";
/// Name of a dynamic scene in a run folder.
pub const RUN_MOVING_SCENE: &str = "scene.dapple";
/// Where the implementations of INRIA and 2DGS leave scenes: `point_cloud/iteration_30000/point_cloud.ply`.
const INRIA_FOLDER: &str = "point_cloud";
const INRIA_ITERATION: &str = "iteration_";
const INRIA_SCENE: &str = "point_cloud.ply";

/// Resolves a path to a scene file: the path itself, or the scene in a folder.
///
/// # Errors
/// A folder that holds no scene, or several of which none is meant.
pub fn scene_in(path: &Path) -> Result<PathBuf> {
    if !path.is_dir() {
        return Ok(path.to_path_buf());
    }
    if let Some(file) = run_scene(path).or_else(|| inria_scene(path)) {
        return Ok(file);
    }
    if let [first, second, ..] = groups(path).as_slice() {
        bail!(
            "{} holds two sequences, {} and {}; give each a folder of its own",
            path.display(),
            names_of(first),
            names_of(second)
        );
    }
    match scenes_in(path).as_slice() {
        [one] => Ok(one.clone()),
        [] => bail!(
            "{} holds no {RUN_SCENE}, no {INRIA_FOLDER}/{INRIA_ITERATION}*/{INRIA_SCENE} and no other scene; give a run folder or a scene file",
            path.display()
        ),
        several => bail!("{} holds several scenes, {}; give one of them", path.display(), names_of(several)),
    }
}

/// The scene under one of the names of runs and of unbundled formats.
pub(super) fn run_scene(folder: &Path) -> Option<PathBuf> {
    let names = [RUN_SCENE, RUN_MOVING_SCENE, SOG_META, LOD_META];
    names.map(|name| folder.join(name)).into_iter().find(|file| file.is_file())
}

/// The last iteration of a run of INRIA's implementation, of which `folder` is the whole or a part.
fn inria_scene(folder: &Path) -> Option<PathBuf> {
    let number = |path: &Path| path.file_name()?.to_str()?.strip_prefix(INRIA_ITERATION)?.parse::<u64>().ok();
    let iterations = [folder.join(INRIA_FOLDER), folder.to_path_buf()].into_iter().find_map(|parent| {
        let entries = std::fs::read_dir(parent).ok()?.flatten().map(|entry| entry.path());
        let scenes = entries.filter_map(|path| Some((number(&path)?, path.join(INRIA_SCENE))));
        scenes.filter(|(_, file)| file.is_file()).max()
    });
    iterations.map(|(_, file)| file).or_else(|| Some(folder.join(INRIA_SCENE)).filter(|file| file.is_file()))
}

/// The scene files of a folder, by name; point clouds are none.
fn scenes_in(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let named = |path: &PathBuf| path.is_file() && Format::of_name(path).is_some_and(|format| format != Format::Html);
    let known = |path: &PathBuf| named(path) && !holds_points(path);
    let mut files: Vec<PathBuf> = entries.filter(known).collect();
    files.sort();
    files
}

/// Whether a file is a point cloud, such as captures have beside their images.
fn holds_points(path: &Path) -> bool {
    let Ok(Opened::Ply(file)) = detect::open(path) else { return false };
    file.header.elements.iter().any(|element| element.name == "vertex" && !are_gaussians(element))
}

/// Names of the first and the last file.
fn names_of(files: &[PathBuf]) -> String {
    let name =
        |file: Option<&PathBuf>| file.and_then(|file| file.file_name()).unwrap_or_default().display().to_string();
    format!("{} to {}", name(files.first()), name(files.last()))
}

/// The sequences in a folder, each ordered by number.
pub(super) fn groups(folder: &Path) -> Vec<Vec<PathBuf>> {
    let mut files: Vec<((String, String), u64, PathBuf)> =
        std::fs::read_dir(folder).into_iter().flatten().flatten().filter_map(|entry| numbered(entry.path())).collect();
    files.sort();
    let groups = files.chunk_by(|a, b| a.0 == b.0).filter(|group| group.len() > 1);
    groups.map(|group| group.iter().map(|(_, _, path)| path.clone()).collect()).collect()
}

/// What a file of a sequence has in common with the others, and its number.
fn numbered(path: PathBuf) -> Option<((String, String), u64, PathBuf)> {
    let format = Format::of_name(&path).filter(|format| *format != Format::Html)?;
    let name = path.file_name()?.to_str()?.to_lowercase();
    let extension = format.extensions().iter().find(|e| name.strip_suffix(**e).is_some_and(|s| s.ends_with('.')))?;
    let stem = &name[..name.len() - extension.len() - 1];
    let common = stem.trim_end_matches(|c: char| c.is_ascii_digit());
    let number = stem[common.len()..].parse().ok()?;
    Some(((common.to_owned(), (*extension).to_owned()), number, path))
}
