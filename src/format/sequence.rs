//! A sequence of scenes: a folder of numbered PLY files, one per time (docs/formats.md 1.9).

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

use super::{Format, Loaded};
use crate::edit;
use crate::scene::{Motion, Scene};

/// The interval between two files, in durations of a Gaussian: at the time of one file, the Gaussians of the next have
/// e⁻⁸ of their opacity.
const DEVIATIONS: f32 = 4.0;

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

/// The files of a sequence, ordered by number; empty unless the folder holds at least two PLY files that differ only in
/// their number.
pub fn find(folder: &Path) -> Vec<PathBuf> {
    let listed = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let numbered = listed.filter(|path| path.extension().is_some_and(|e| e.eq_ignore_ascii_case("ply")));
    let mut files: Vec<(String, u64, PathBuf)> = numbered
        .filter_map(|path| {
            let stem = path.file_stem()?.to_string_lossy().into_owned();
            let name = stem.trim_end_matches(|c: char| c.is_ascii_digit());
            let number = stem[name.len()..].parse().ok()?;
            Some((name.to_owned(), number, path))
        })
        .collect();
    files.sort();
    let one_stem = files.first().zip(files.last()).is_some_and(|(first, last)| first.0 == last.0);
    if one_stem && files.len() > 1 { files.into_iter().map(|(_, _, path)| path).collect() } else { Vec::new() }
}

/// Joins the scenes of the files, each read by `scene_of`, into one dynamic scene. The files get evenly spaced times from
/// 0 to 1; the Gaussians of each are visible around its time only.
///
/// # Errors
/// Those of `scene_of`, and a scene of another spherical-harmonic degree than the first.
pub(super) fn read(files: &[PathBuf], scene_of: impl Fn(&Path) -> Result<Scene>) -> Result<Loaded> {
    ensure!(files.len() > 1, "a sequence has at least two files");
    let gap = 1.0 / (files.len() - 1) as f32;
    let mut all = Scene::default();
    for (index, path) in files.iter().enumerate() {
        let mut scene = scene_of(path)?;
        if index == 0 {
            (all.sh_degree, all.antialiased) = (scene.sh_degree, scene.antialiased);
        }
        if scene.sh_degree != all.sh_degree {
            bail!("{}: degree {}, but the first file has {}", path.display(), scene.sh_degree, all.sh_degree);
        }
        // The first file speaks for all.
        scene.antialiased = all.antialiased;
        let times = vec![index as f32 * gap; scene.len()];
        scene.motion = Some(Motion::still(times, gap / DEVIATIONS, Motion::NO_GATE));
        edit::append(&mut all, scene)?;
    }
    all.validate().context("a sequence of scenes")?;
    let warning = format!(
        "a sequence of {} scenes at evenly spaced times from 0 to 1; between two times both scenes are faintly visible",
        files.len()
    );
    Ok(Loaded { warnings: vec![warning], ..Loaded::new(all, Format::Ply) })
}
