//! Turning listed frames into shots: finds images and masks, checks their sizes, resolves lenses and the split.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use rayon::prelude::*;

use super::find::{self, PhotoIndex};
use super::images::{self, ImageHeader, Mask};
use super::lens::{Distortion, Face};
use super::masks::{MaskIndex, is_named_as_mask};
use super::source::{EXTENSIONS, ListedFrame, ListedPoints, Listing, enumerate, image_candidates, sizes_agree};
use super::undistort::target_lens;
use super::videos::{entries, is_image};
use super::{Capture, CaptureOptions, Shot, Split, centre, flow, timeline};
use crate::camera::{Camera, Pose, fit_within};

/// The reason why a frame is skipped.
#[derive(Debug)]
enum Fault {
    Missing,
    Broken(String),
    Size(String),
}

/// Photos need an SSIM window of 11 pixels; smaller ones are thumbnails or damage.
pub const LEAST_SIDE: u32 = 11;

/// Assembles a capture from the frames that a reader listed.
pub fn assemble(mut listing: Listing, options: &CaptureOptions) -> Result<Capture> {
    let empty = listing.frames.is_empty() && listing.unposed.is_empty();
    ensure!(!empty, "{}: it lists no images", listing.origin.display());
    let repeated = leave_out_repeated(&mut listing.frames);
    let count = listing.frames.len() + listing.unposed.len() + repeated.len();
    let shift = centre::centre(&mut listing);
    listing.frames.sort_by(|a, b| a.name.cmp(&b.name));
    let streams = timeline::arrange(&mut listing)?;
    let (other_models, seconds) = (std::mem::take(&mut listing.others), listing.seconds);
    let is_part = listing.part_of.is_some();
    let Listing { origin, root, mut frames, unposed, own_split, points, points_file, mut warnings, .. } = listing;
    let mut outcomes = resolve_all(&frames, &root, &origin, options)?;
    warnings.extend(relocate(&mut frames, &mut outcomes, &root, &origin, options)?);

    let (mut shots, mut missing, mut broken, mut sizes) = (vec![], vec![], vec![], vec![]);
    for ((frame, outcome), stream) in frames.iter().zip(outcomes).zip(streams) {
        match outcome {
            Ok(shot) => shots.extend(panorama_faces(Shot { stream, ..shot }, frames.len())),
            Err(Fault::Missing) => missing.push(frame.name.clone()),
            Err(Fault::Broken(reason)) => broken.push(format!("{} ({reason})", frame.name)),
            Err(Fault::Size(reason)) => sizes.push(format!("{} ({reason})", frame.name)),
        }
    }
    let unlisted = if own_split { Vec::new() } else { unlisted(&frames, &shots) };
    let (masks, notes) = attach_masks(&mut shots, &unlisted, &root, options.masks);
    let faults = [
        (&unposed, "images have a pose that is no number", "left out"),
        (&repeated, "entries name an image that another entry has named", "left out"),
        (&missing, "images that it names are missing", "left out"),
        (&broken, "images cannot be read", "left out"),
        (&sizes, "images are of another shape than their camera", "left out"),
        (&masks, "images have a mask that cannot be used", "they are used whole"),
    ];
    warnings.extend(fault_lines(&faults, (&origin, &root), count, (shots.is_empty(), options.strict))?);
    // The masks of other parts' photos fit none of these.
    warnings.extend(notes.into_iter().filter(|_| !is_part));
    if !own_split {
        timeline::hold_out(&mut shots, options.test_every);
    }
    timeline::mark_unseen(&mut shots);
    // Photos are known by name from here on, and an extension may have been added.
    shots.sort_by(|a, b| a.name.cmp(&b.name));
    warnings.extend(flow::attach(&mut shots, &root, &options.flow, options.strict)?);
    warnings.iter().for_each(|warning| log::warn!("{warning}"));
    Ok(Capture {
        root,
        shots,
        points: points.map(ListedPoints::into_cloud),
        points_file,
        invert_masks: options.invert_masks,
        warnings,
        shift,
        other_models,
        unlisted,
        seconds,
        block: None,
    })
}

/// A line for each kind of fault that some images have; each kind has its names, and says what they have and what follows.
///
/// # Errors
/// Any, where none is tolerated or no image is left.
fn fault_lines(
    faults: &[(&Vec<String>, &str, &str)],
    (origin, root): (&Path, &Path),
    count: usize,
    (none_left, strict): (bool, bool),
) -> Result<Vec<String>> {
    let mut lines = Vec::new();
    for (names, what, consequence) in faults.iter().filter(|(names, ..)| !names.is_empty()) {
        let line = format!("{}: {} of {count} {what}: {}", origin.display(), names.len(), enumerate(names));
        if none_left {
            bail!("{line}; no image is left to train on (images were looked for in {})", root.display());
        }
        ensure!(!strict, "{line}");
        lines.push(format!("{line}; {consequence}"));
    }
    Ok(lines)
}

/// Takes out the frames that name an image of the same part and time again, and returns their names.
fn leave_out_repeated(frames: &mut Vec<ListedFrame>) -> Vec<String> {
    let (mut seen, mut repeated) = (HashSet::new(), Vec::new());
    frames.retain(|frame| {
        let fresh = seen.insert((frame.image.clone(), frame.split == Split::Test, frame.time.map(f64::to_bits)));
        if !fresh {
            repeated.push(frame.name.clone());
        }
        fresh
    });
    repeated
}

type Outcome = Result<Shot, Fault>;

fn resolve_all(frames: &[ListedFrame], root: &Path, origin: &Path, options: &CaptureOptions) -> Result<Vec<Outcome>> {
    let named = |frame: &ListedFrame| {
        resolve(frame, root, options).with_context(|| format!("{}: {:?}", origin.display(), frame.name))
    };
    frames.par_iter().map(named).collect()
}

/// Looks for missing images under other names, and resolves the frames of those that are found; what that changed.
fn relocate(
    frames: &mut [ListedFrame],
    outcomes: &mut [Outcome],
    root: &Path,
    origin: &Path,
    options: &CaptureOptions,
) -> Result<Option<String>> {
    let missing: Vec<usize> = (0..frames.len()).filter(|&i| matches!(outcomes[i], Err(Fault::Missing))).collect();
    if missing.is_empty() {
        return Ok(None);
    }
    let taken = outcomes.iter().filter_map(|outcome| Some(outcome.as_ref().ok()?.image.clone())).collect();
    let index = PhotoIndex::of(root, &taken);
    let found: Vec<(usize, PathBuf)> =
        missing.iter().filter_map(|&i| Some((i, index.find(&frames[i].name)?.to_path_buf()))).collect();
    let mut claims: HashMap<&Path, usize> = HashMap::new();
    found.iter().for_each(|(_, path)| *claims.entry(path.as_path()).or_default() += 1);
    let mut said = Vec::new();
    for (i, path) in found.iter().filter(|(_, path)| claims[path.as_path()] == 1) {
        frames[*i].image.clone_from(path);
        let frame = &frames[*i];
        outcomes[*i] =
            resolve(frame, root, options).with_context(|| format!("{}: {:?}", origin.display(), frame.name))?;
        said.push(format!("{} is {}", frame.name, path.strip_prefix(root).unwrap_or(path).display()));
    }
    let line = |said: &[String]| {
        let counts = format!("{} of {} images were found under another name", said.len(), frames.len());
        format!("{}: {counts}: {}", origin.display(), enumerate(said))
    };
    Ok((!said.is_empty()).then(|| line(&said)))
}

/// The six faces of a panorama as shots of their own; any other shot alone. Faces get streams above `stride`.
fn panorama_faces(shot: Shot, stride: usize) -> Vec<Shot> {
    if !matches!(shot.source.distortion, Distortion::Panorama(_)) {
        return vec![shot];
    }
    let (stem, extension) = shot.name.rsplit_once('.').unwrap_or((&shot.name, "png"));
    let face = |(i, face): (usize, Face)| {
        let (turn, pose) = (face.rotation(), shot.camera.pose);
        let pose = Pose { rotation: turn * pose.rotation, translation: turn * pose.translation };
        Shot {
            name: format!("{stem}/{}.{extension}", face.name()),
            camera: Camera { pose, ..shot.camera },
            stream: shot.stream + i * stride,
            source: shot.source.through(face),
            gravity: None,
            ..shot.clone()
        }
    };
    Face::all().into_iter().enumerate().map(face).collect()
}

/// Gives the shots their masks, where those are used; the faults of masks that cannot be used, and what else is to be said.
fn attach_masks(shots: &mut [Shot], unposed: &[String], root: &Path, used: bool) -> (Vec<String>, Vec<String>) {
    if !used {
        shots.iter_mut().for_each(|shot| shot.mask = None);
        return (vec![], vec![]);
    }
    let index = MaskIndex::of(root);
    let mut found: Vec<Result<Option<PathBuf>>> = shots.par_iter().map(|shot| find_mask(shot, &index)).collect();
    // One mask for several photos is none, unless the capture names it so.
    let mut claims: HashMap<PathBuf, HashSet<PathBuf>> = HashMap::new();
    for (shot, mask) in shots.iter().zip(&found).filter(|(shot, _)| shot.mask.is_none()) {
        if let Ok(Some(path)) = mask {
            claims.entry(path.clone()).or_default().insert(shot.image.clone());
        }
    }
    let several = |path: &PathBuf| claims.get(path).is_some_and(|images| images.len() > 1);
    found
        .iter_mut()
        .filter(|mask| mask.as_ref().is_ok_and(|path| path.as_ref().is_some_and(several)))
        .for_each(|m| *m = Ok(None));
    let mut faults = Vec::new();
    for (shot, mask) in shots.iter_mut().zip(found) {
        shot.mask = mask.unwrap_or_else(|error| {
            faults.push(format!("{error:#}"));
            None
        });
    }
    let stems = unposed.iter().map(|name| find::stem(name)).collect();
    let (unused, count) = index.unused(shots, &stems);
    // Those that cannot be used are named already.
    let note = (unused.len() > faults.len()).then(|| {
        let said = format!("{} of {count} masks fit no photo: {}", unused.len(), enumerate(&unused));
        format!("{}: {said}; a mask has the name and the folder of its photo", root.display())
    });
    (faults, note.into_iter().collect())
}

/// The pictures beside the photos that the capture does not list; those named as masks or maps are not counted. None of a
/// clip, which may well list a part of what is there, as a capture may that says what is held out.
fn unlisted(frames: &[ListedFrame], shots: &[Shot]) -> Vec<String> {
    if shots.iter().any(|shot| shot.time.is_some()) {
        return Vec::new();
    }
    let listed: HashSet<String> = frames.iter().map(|frame| find::stem(&frame.name)).collect();
    let places: BTreeSet<&Path> = shots.iter().filter_map(|shot| shot.image.parent()).collect();
    let pictures = places.into_iter().flat_map(|place| entries(place, is_image));
    let names = pictures.map(|path| path.file_name().unwrap_or_default().to_string_lossy().into_owned());
    let maps = |name: &str| ["depth", "normal", "alpha"].iter().any(|word| name.to_lowercase().contains(word));
    names.filter(|name| !listed.contains(&find::stem(name)) && !maps(name) && !is_named_as_mask(name)).collect()
}

/// Finds the image of a frame and its lens. The shot's mask is the one that the capture names, unchecked.
fn resolve(frame: &ListedFrame, root: &Path, options: &CaptureOptions) -> Result<Outcome> {
    let fault = |fault| Ok(Err(fault));
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
    if size.0.min(size.1) < LEAST_SIDE {
        let (w, h) = size;
        return fault(Fault::Broken(format!("{w} x {h} pixels are too few, {LEAST_SIDE} x {LEAST_SIDE} are needed")));
    }
    let source = frame.lens.resolve(size)?;
    let target = target_lens(&source, options.undistort);
    let (width, height) = fit_within(target.width, target.height, options.max_resolution.map(|limit| limit.max(1)));
    let mut name = frame.name.clone();
    // Blender's captures name images without their extension.
    let known = Path::new(&name).extension().is_some_and(|end| EXTENSIONS.iter().any(|e| end.eq_ignore_ascii_case(e)));
    if let Some(extension) = image.extension().filter(|_| !known) {
        name = format!("{name}.{}", extension.to_string_lossy());
    }
    let shot = Shot {
        camera: Camera { pose: frame.pose, lens: target.resized(width, height) },
        time: frame.time.map(|time| time as f32),
        stream: 0,
        split: frame.split,
        unseen: None,
        image,
        mask: frame.mask.clone(),
        source,
        orientation,
        gravity: header.gravity(orientation),
        name,
        flow: [const { None }; 4],
    };
    Ok(Ok(shot))
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
fn find_mask(shot: &Shot, index: &MaskIndex) -> Result<Option<PathBuf>> {
    let path = match &shot.mask {
        Some(named) => {
            ensure!(named.is_file(), "{} is missing", named.display());
            named.clone()
        }
        None => match index.find(shot) {
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
