//! Opening a block: the part of a capture that its `block.json` names.

use std::collections::HashMap;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result, ensure};
use glam::DVec3;

use super::block::{Block, BlockFile};
use super::source::{EXTENSIONS, ListedFrame, Listing};
use super::{Capture, CaptureOptions, Split, assemble};

/// Opens a block: what `list` finds in its capture, reduced to the block's photos and points.
pub fn open(file: &Path, options: &CaptureOptions, list: impl Fn(&Path) -> Result<Option<Listing>>) -> Result<Capture> {
    let block = BlockFile::read(file)?;
    let folder = file.parent().unwrap_or(Path::new("."));
    // The short way, but for folders that are links to others.
    let whole = Some(joined(folder, &block.capture)).filter(|whole| whole.exists());
    let whole = whole.unwrap_or_else(|| folder.join(&block.capture));
    let gone = || format!("{}: its capture is not at {}; correct \"capture\" there", file.display(), whole.display());
    ensure!(whole.exists(), gone());
    let mut listing = list(&whole)?.with_context(gone)?;
    let splits: HashMap<&str, Split> = (block.train.iter().map(|name| (name.as_str(), Split::Train)))
        .chain(block.test.iter().map(|name| (name.as_str(), Split::Test)))
        .collect();
    keep_frames(&mut listing.frames, &splits);
    ensure!(!listing.frames.is_empty(), "{}: the capture {} has none of its photos", file.display(), whole.display());
    listing.unposed.clear();
    listing.warnings.clear();
    (listing.own_split, listing.part_of) = (true, Some(block.shift));
    if let (Some(points), Some(cell)) = (&mut listing.points, &block.cell) {
        let kept = |place: &DVec3| cell.reaches(*place - block.shift);
        let both = std::mem::take(&mut points.positions).into_iter().zip(std::mem::take(&mut points.colours));
        (points.positions, points.colours) = both.filter(|(place, _)| kept(place)).unzip();
    }
    let mut capture = assemble::assemble(listing, options)?;
    capture.shots.retain_mut(|shot| {
        let split = splits.get(shot.name.as_str());
        split.map(|split| shot.split = *split).is_some()
    });
    ensure!(
        capture.shots.iter().any(|shot| shot.split == Split::Train),
        "{}: none of the photos to train on is left in {}",
        file.display(),
        whole.display()
    );
    let missing = splits.len() - capture.shots.len();
    if missing > 0 {
        let line = format!("{}: {missing} of its {} photos are not in the capture", file.display(), splits.len());
        log::warn!("{line}");
        capture.warnings.push(line);
    }
    let cell = block.cell.zip(block.coarse).map(|(cell, coarse)| (cell, joined(folder, &coarse)));
    capture.block = Some(Block { frame: block.frame, reach: block.reach, cell });
    Ok(capture)
}

/// A path relative to a folder, without the steps up that names before them undo.
fn joined(folder: &Path, path: &Path) -> PathBuf {
    let mut whole = PathBuf::new();
    for part in folder.join(path).components() {
        match (part, whole.components().next_back()) {
            (Component::ParentDir, Some(Component::Normal(_))) => {
                whole.pop();
            }
            _ => whole.push(part),
        }
    }
    whole
}

/// Keeps the frames of wanted shots. Shots are named after their frames: an extension may have been added, and the faces of
/// a panorama stand behind its name.
fn keep_frames(frames: &mut Vec<ListedFrame>, wanted: &HashMap<&str, Split>) {
    let mut names: Vec<&str> = wanted.keys().copied().collect();
    names.sort_unstable();
    frames.retain(|frame| {
        let (stem, end) = frame.name.rsplit_once('.').unwrap_or((&frame.name, ""));
        let known = EXTENSIONS.iter().any(|extension| extension.eq_ignore_ascii_case(end));
        let stem = if known { stem } else { frame.name.as_str() };
        let next = names.partition_point(|name| *name < stem);
        names[next..].iter().take_while(|name| name.starts_with(stem)).any(|name| {
            let rest = &name[stem.len()..];
            rest.is_empty() || rest.starts_with('.') || rest.starts_with('/')
        })
    });
}
