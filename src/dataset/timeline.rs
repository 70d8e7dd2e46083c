//! Times of a capture: normalises them to 0..=1, identifies the cameras and holds out shots.

use std::collections::{BTreeMap, HashSet};

use anyhow::{Result, bail};

use super::source::{ListedFrame, Listing};
use super::{Shot, Split, Unseen};

/// A capture of fewer cameras than this holds out times rather than its first camera.
const CAMERAS_TO_SPARE: usize = 4;

/// Brings times to 0..=1, or removes them where all are equal, and numbers the streams: for each frame the camera that
/// took it. The frames are sorted by name.
///
/// # Errors
/// A mixture of frames with and without a time.
pub fn arrange(listing: &mut Listing) -> Result<Vec<usize>> {
    let frames = &mut listing.frames;
    let (first, last) = frames
        .iter()
        .filter_map(|frame| frame.time)
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), time| (a.min(time), b.max(time)));
    if first >= last {
        frames.iter_mut().for_each(|frame| frame.time = None);
        return Ok((0..frames.len()).collect());
    }
    if let Some(frame) = frames.iter().find(|frame| frame.time.is_none()) {
        bail!(
            "{}: {:?} has no time, but other frames have; give every frame its time, or none for a static capture",
            listing.origin.display(),
            frame.name
        );
    }
    // Times from 0 to 1 are kept, and frame numbers or seconds are divided by the last; a clock's own zero is moved.
    let offset = if first > last - first && last > 1.0 { first } else { 0.0 };
    let length = if last > 1.0 { last - offset } else { 1.0 };
    frames.iter_mut().for_each(|frame| frame.time = frame.time.map(|time| (time - offset) / length));
    let (streams, notes) = tell_apart(frames);
    let origin = listing.origin.display();
    listing.warnings.extend(notes.into_iter().map(|note| format!("{origin}: {note}")));
    Ok(streams)
}

/// The camera index of each frame, and the assumptions made.
fn tell_apart(frames: &[ListedFrame]) -> (Vec<usize>, Vec<String>) {
    let mut groups: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (index, frame) in frames.iter().enumerate() {
        let folder = frame.name.rsplit_once('/').map_or("", |(folder, _)| folder);
        groups.entry(frame.camera.as_deref().unwrap_or(folder)).or_default().push(index);
    }
    let (mut streams, mut notes, mut videos) = (vec![0; frames.len()], Vec::new(), Vec::new());
    let (mut count, mut shuffled) = (0, Vec::new());
    for (label, members) in groups {
        let parts = if moments_differ(frames, &members) { vec![members] } else { by_pose(frames, members) };
        if parts.iter().any(|part| !moments_differ(frames, part)) {
            notes.push(format!(
                "the cameras of {label:?} cannot be told apart, since frames of one time have no camera of their own; no \
                 optical flow is used there: keep each camera's frames in a folder of its own"
            ));
            parts.iter().flatten().enumerate().for_each(|(k, &i)| streams[i] = count + k);
            count += parts.iter().map(Vec::len).sum::<usize>();
            continue;
        }
        for part in parts {
            part.iter().for_each(|&i| streams[i] = count);
            count += 1;
            shuffled.extend(part.windows(2).find(|w| frames[w[0]].time > frames[w[1]].time).map(|w| w[1]));
            if part.len() > 1 && part.iter().any(|&i| frames[i].split == Split::Train) {
                videos.push((part.len(), label));
            }
        }
    }
    if let Some(&frame) = shuffled.first() {
        notes.push(format!(
            "times do not ascend with the names (first at {:?}); frames are taken in the order of their times",
            frames[frame].name
        ));
    }
    if let (Some(least), Some(most)) = (videos.iter().min(), videos.iter().max())
        && least.0 != most.0
    {
        notes.push(format!(
            "cameras have different numbers of frames ({:?} {}, {:?} {}); every frame keeps its own time",
            least.1, least.0, most.1, most.0
        ));
    }
    (streams, notes)
}

/// Whether no two of the frames are of the same time.
fn moments_differ(frames: &[ListedFrame], members: &[usize]) -> bool {
    let mut seen = HashSet::new();
    members.iter().all(|&i| seen.insert(frames[i].time.map(f64::to_bits)))
}

/// Frames grouped by equal poses, in the order of their first: fixed cameras whose frames share a folder.
fn by_pose(frames: &[ListedFrame], members: Vec<usize>) -> Vec<Vec<usize>> {
    let mut parts: Vec<Vec<usize>> = Vec::new();
    for i in members {
        match parts.iter_mut().find(|part| frames[part[0]].pose == frames[i].pose) {
            Some(part) => part.push(i),
            None => parts.push(vec![i]),
        }
    }
    parts
}

/// Holds out shots of a capture that does not do so itself. Static: every n-th by name. One camera in time: every n-th
/// by time. Several cameras: the first where there are at least four, else every n-th time of all.
pub fn hold_out(shots: &mut [Shot], every: u32) {
    if every == 0 {
        return;
    }
    let every = every as usize;
    let mut times: Vec<f32> = shots.iter().filter_map(|shot| shot.time).collect();
    times.sort_by(f32::total_cmp);
    times.dedup();
    let cameras: HashSet<usize> = shots.iter().map(|shot| shot.stream).collect();
    let first = cameras.iter().min().copied();
    let spare = cameras.len() >= CAMERAS_TO_SPARE && cameras.len() * 2 <= shots.len();
    for (index, shot) in shots.iter_mut().enumerate() {
        let held_out = match shot.time {
            None => index % every == 0,
            Some(_) if spare => Some(shot.stream) == first,
            Some(time) => times.partition_point(|t| *t < time) % every == 0,
        };
        shot.split = if held_out { Split::Test } else { Split::Train };
    }
}

/// Marks every held-out shot of a dynamic capture as a novel camera or a novel time.
pub fn mark_unseen(shots: &mut [Shot]) {
    let trained: HashSet<usize> =
        shots.iter().filter(|shot| shot.split == Split::Train).map(|shot| shot.stream).collect();
    for shot in shots.iter_mut().filter(|shot| shot.time.is_some() && shot.split == Split::Test) {
        shot.unseen = Some(if trained.contains(&shot.stream) { Unseen::Time } else { Unseen::Camera });
    }
}
