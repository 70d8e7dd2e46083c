//! Turning listed frames into shots: finds images and masks, checks their sizes, resolves lenses and the split.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use rayon::prelude::*;

use super::images::{self, ImageHeader, Mask};
use super::source::{ListedFrame, Listing, enumerate, image_candidates, mask_candidates, sizes_agree};
use super::undistort::target_lens;
use super::{Capture, CaptureOptions, Shot, flow, timeline};
use crate::camera::{Camera, fit_within};

/// The reason why a frame is skipped.
#[derive(Debug)]
enum Fault {
    Missing,
    Broken(String),
    Size(String),
}

/// A shot or the fault of its image, and the fault of its mask.
struct FrameOutcome {
    shot: Result<Shot, Fault>,
    mask_fault: Option<String>,
}

/// Assembles a capture from the frames that a reader listed.
pub fn assemble(mut listing: Listing, options: &CaptureOptions) -> Result<Capture> {
    ensure!(!listing.frames.is_empty(), "{}: it lists no images", listing.origin.display());
    listing.frames.sort_by(|a, b| a.name.cmp(&b.name));
    let streams = timeline::arrange(&mut listing)?;
    let Listing { origin, root, frames, own_split, points, points_file, mut warnings } = listing;
    let outcomes = frames
        .par_iter()
        .map(|frame| resolve(frame, &root, options).with_context(|| format!("{}: {:?}", origin.display(), frame.name)))
        .collect::<Result<Vec<FrameOutcome>>>()?;

    let (mut shots, mut missing, mut broken, mut sizes, mut masks) = (vec![], vec![], vec![], vec![], vec![]);
    for ((frame, outcome), stream) in frames.iter().zip(outcomes).zip(streams) {
        masks.extend(outcome.mask_fault);
        match outcome.shot {
            Ok(shot) => shots.push(Shot { stream, ..shot }),
            Err(Fault::Missing) => missing.push(frame.name.clone()),
            Err(Fault::Broken(reason)) => broken.push(format!("{} ({reason})", frame.name)),
            Err(Fault::Size(reason)) => sizes.push(format!("{} ({reason})", frame.name)),
        }
    }
    let count = frames.len();
    let faults = [
        (missing, "images that it names are missing", "left out"),
        (broken, "images cannot be read", "left out"),
        (sizes, "images are of another shape than their camera", "left out"),
        (masks, "images have a mask that cannot be used", "they are used whole"),
    ];
    for (names, what, consequence) in faults.iter().filter(|(names, ..)| !names.is_empty()) {
        let line = format!("{}: {} of {count} {what}: {}", origin.display(), names.len(), enumerate(names));
        if shots.is_empty() {
            bail!("{line}; no image is left to train on (images were looked for in {})", root.display());
        }
        ensure!(!options.strict, "{line}");
        warnings.push(format!("{line}; {consequence}"));
    }
    if !own_split {
        timeline::hold_out(&mut shots, options.test_every);
    }
    timeline::mark_unseen(&mut shots);
    // Photos are known by name from here on, and an extension may have been added.
    shots.sort_by(|a, b| a.name.cmp(&b.name));
    warnings.extend(flow::attach(&mut shots, &root, &options.flow, options.strict)?);
    warnings.iter().for_each(|warning| log::warn!("{warning}"));
    Ok(Capture { root, shots, points, points_file, invert_masks: options.invert_masks, warnings })
}

/// Finds the image and mask of a frame and its lens.
fn resolve(frame: &ListedFrame, root: &Path, options: &CaptureOptions) -> Result<FrameOutcome> {
    let fault = |fault| Ok(FrameOutcome { shot: Err(fault), mask_fault: None });
    let candidates = image_candidates(&frame.image, root, frame.lens.size, options.max_resolution);
    let Some(image) = candidates.into_iter().find(|path| path.is_file()) else { return fault(Fault::Missing) };
    let header = match images::header(&image) {
        Ok(header) => header,
        Err(error) => return fault(Fault::Broken(format!("{error:#}"))),
    };
    let orientation = match orientation(header, frame.lens.size) {
        Some(orientation) => orientation,
        None => {
            let (camera, (w, h)) = (frame.lens.size.unwrap_or(header.size), header.size);
            return fault(Fault::Size(format!("the image is {w} x {h}, the camera {} x {}", camera.0, camera.1)));
        }
    };
    let size = if orientation == 1 { header.size } else { header.oriented() };
    let source = frame.lens.resolve(size)?;
    let (width, height) = fit_within(size.0, size.1, options.max_resolution.map(|limit| limit.max(1)));
    let mut name = frame.name.clone();
    // Blender's captures name images without their extension.
    if let Some(extension) = image.extension().filter(|extension| Path::new(&name).extension() != Some(extension)) {
        name = format!("{name}.{}", extension.to_string_lossy());
    }
    let mut shot = Shot {
        camera: Camera { pose: frame.pose, lens: target_lens(&source, options.undistort).resized(width, height) },
        time: frame.time.map(|time| time as f32),
        stream: 0,
        split: frame.split,
        unseen: None,
        image,
        mask: None,
        source,
        orientation,
        name,
        flow: [None, None],
    };
    let mask = if options.masks { find_mask(frame, &shot, root) } else { Ok(None) };
    let mask_fault = match mask {
        Ok(mask) => {
            shot.mask = mask;
            None
        }
        Err(error) => Some(format!("{error:#}")),
    };
    Ok(FrameOutcome { shot: Ok(shot), mask_fault })
}

/// The EXIF orientation to apply: 1 if the stored size agrees with the camera's or that is unknown, the image's own if the
/// oriented size agrees, `None` if neither does.
fn orientation(header: ImageHeader, camera: Option<(u32, u32)>) -> Option<u8> {
    match camera {
        None => Some(1),
        Some(camera) if sizes_agree(header.size, camera) => Some(1),
        Some(camera) if sizes_agree(header.oriented(), camera) => Some(header.orientation),
        Some(_) => None,
    }
}

/// The mask of a shot, if any.
///
/// # Errors
/// The reason why an existing mask cannot be used.
fn find_mask(frame: &ListedFrame, shot: &Shot, root: &Path) -> Result<Option<PathBuf>> {
    let path = match &frame.mask {
        Some(named) => {
            ensure!(named.is_file(), "{} is missing", named.display());
            named.clone()
        }
        None => match mask_candidates(&shot.name, &shot.image, root).into_iter().find(|path| path.is_file()) {
            Some(found) => found,
            None => return Ok(None),
        },
    };
    let header = images::header(&path).with_context(|| path.display().to_string())?;
    mask_orientation(header.size, shot).with_context(|| path.display().to_string())?;
    Ok(Some(path))
}

/// A mask may be drawn over the turned image or over the stored one.
fn mask_orientation(size: (u32, u32), shot: &Shot) -> Result<u8> {
    let image = (shot.source.width, shot.source.height);
    if sizes_agree(size, image) {
        return Ok(1);
    }
    ensure!(
        shot.orientation >= 5 && sizes_agree((size.1, size.0), image),
        "the mask is {} x {}, its image {} x {}",
        size.0,
        size.1,
        image.0,
        image.1
    );
    Ok(shot.orientation)
}

/// Decodes the mask of a shot.
pub fn load_mask(path: &Path, shot: &Shot) -> Result<Mask> {
    let context = || format!("{}: cannot decode the mask", path.display());
    let header = images::header(path).with_context(context)?;
    let orientation = mask_orientation(header.size, shot).with_context(context)?;
    images::decode_mask(path, orientation).with_context(context)
}
