//! A sequence of scenes: a folder of numbered files of one format, one per time (docs/formats.md 1.9).

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

use super::folder::{groups, run_scene};
use super::spacetime::moments;
use super::{Format, Loaded};
use crate::edit;
use crate::scene::Scene;

/// The most warnings about single files.
const WARNINGS: usize = 3;

/// The path of file `index` (from 0) of a sequence of `count` files: `frame_0001.ply` for the first of `frame.ply`.
pub fn name_of(pattern: &Path, index: usize, count: usize) -> PathBuf {
    let digits = count.to_string().len().max(4);
    let stem = pattern.file_stem().unwrap_or_default().to_string_lossy();
    let extension = pattern.extension().unwrap_or_default().to_string_lossy();
    // Of "frame.compressed.ply" the number belongs before both extensions.
    let (stem, extension) = match stem.split_once('.') {
        Some((stem, more)) => (stem.to_owned(), format!("{more}.{extension}")),
        None => (stem.into_owned(), extension.into_owned()),
    };
    pattern.with_file_name(format!("{stem}_{:0digits$}.{extension}", index + 1))
}

/// The files of a sequence, ordered by number; empty unless the folder holds at least two scene files that differ only
/// in their number, and neither a run's scene nor a second sequence.
pub fn find(folder: &Path) -> Vec<PathBuf> {
    match groups(folder).as_mut_slice() {
        [one] if run_scene(folder).is_none() => std::mem::take(one),
        _ => Vec::new(),
    }
}

/// Joins the scenes of the files, each read by `load`, into one dynamic scene. The files get evenly spaced times from
/// 0 to 1; the Gaussians of each are visible around its time only.
///
/// # Errors
/// Those of `load`, and a scene of another spherical-harmonic degree than the first.
pub(super) fn read(files: &[PathBuf], load: impl Fn(&Path) -> Result<Loaded>) -> Result<Loaded> {
    ensure!(files.len() > 1, "a sequence has at least two files");
    let gap = 1.0 / (files.len() - 1) as f32;
    let mut all = Scene::default();
    let (mut warnings, mut format) = (Vec::new(), None);
    for (index, path) in files.iter().enumerate() {
        let loaded = load(path)?;
        let mut scene = loaded.scene;
        ensure!(
            scene.motion.is_none(),
            "{}: it moves by itself, so that it is no moment of a sequence",
            path.display()
        );
        if let Some(first) = loaded.warnings.into_iter().next().filter(|_| warnings.len() < WARNINGS) {
            warnings.push(format!("{}: {first}", path.file_name().unwrap_or_default().display()));
        }
        format.get_or_insert(loaded.format);
        if index == 0 {
            (all.sh_degree, all.antialiased) = (scene.sh_degree, scene.antialiased);
        }
        if scene.sh_degree != all.sh_degree {
            bail!("{}: degree {}, but the first file has {}", path.display(), scene.sh_degree, all.sh_degree);
        }
        // The first file speaks for all.
        scene.antialiased = all.antialiased;
        scene.motion = Some(moments(vec![index as f32 * gap; scene.len()], gap));
        edit::append(&mut all, scene)?;
    }
    all.validate().context("a sequence of scenes")?;
    let warning = format!(
        "a sequence of {} scenes at evenly spaced times from 0 to 1; between two times both scenes are faintly visible",
        files.len()
    );
    warnings.insert(0, warning);
    Ok(Loaded { warnings, ..Loaded::new(all, format.unwrap_or(Format::Ply)) })
}
