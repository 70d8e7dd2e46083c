//! Optical flow between consecutive frames of one camera: finding its files, and loading them in pixels of the photos.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use glam::{DVec2, dvec2};
use rayon::prelude::*;

use super::capture::{Capture, Direction, FlowChoice, FlowFile, Shot, Split};
use super::flow_io::{self, EXTENSIONS, FlowField};
use super::images;
use super::source::{enumerate, sizes_agree};

/// Optical flow from a loaded photo to another one of the same camera.
#[derive(Clone, Debug, PartialEq)]
pub struct FlowTarget {
    /// Index in [`Capture::shots`] of the shot that the flow leads to.
    pub to: usize,
    /// `[height * width]` displacements of the first photo's pixels, row-major, in pixels of the loaded photos, x
    /// right and y down: what is at the pixel centre p in the first is at p + displacement in the second, each under its
    /// own [`Shot::camera`]. (0, 0) where not valid.
    pub field: Vec<[f32; 2]>,
    /// `[height * width]` whether the displacement is known and the pixel's surface is seen in both.
    pub valid: Vec<bool>,
}

/// The flow and the way back may miss each other by this much, in pixels, ...
const TOLERANCE: f32 = 0.5;
/// ... and by this part of the flow's length (docs/algorithms.md F.4).
const RELATIVE_TOLERANCE: f32 = 0.05;

/// The next or previous shot in time of the same stream, for each shot; none in a static capture.
pub fn neighbours(shots: &[Shot]) -> Vec<[Option<usize>; 2]> {
    neighbours_among(shots, |_| true)
}

/// For each training shot whose next or previous shot is held out, the next or previous one that is not.
pub fn neighbours_over(shots: &[Shot]) -> Vec<[Option<usize>; 2]> {
    let mut found = neighbours_among(shots, |i| shots[i].split == Split::Train);
    for (over, beside) in found.iter_mut().zip(neighbours(shots)) {
        for way in 0..2 {
            if over[way] == beside[way] {
                over[way] = None;
            }
        }
    }
    found
}

fn neighbours_among(shots: &[Shot], counts: impl Fn(usize) -> bool) -> Vec<[Option<usize>; 2]> {
    let mut order: Vec<usize> = (0..shots.len()).filter(|&i| shots[i].time.is_some() && counts(i)).collect();
    order.sort_by(|&a, &b| {
        let (a, b) = (&shots[a], &shots[b]);
        a.stream.cmp(&b.stream).then(a.time.unwrap_or(0.0).total_cmp(&b.time.unwrap_or(0.0)))
    });
    let mut found = vec![[None; 2]; shots.len()];
    for pair in order.windows(2).filter(|pair| shots[pair[0]].stream == shots[pair[1]].stream) {
        found[pair[0]][Direction::Forward as usize] = Some(pair[1]);
        found[pair[1]][Direction::Backward as usize] = Some(pair[0]);
    }
    found
}

/// The path of a flow file of a shot in the folder `folder`, without its extension: the image's path, less a leading
/// `images/`, with `.fwd` or `.bwd` for its extension.
pub fn flow_stem(folder: &Path, name: &str, direction: Direction) -> PathBuf {
    let inside = name.strip_prefix("images/").unwrap_or(name);
    folder.join(Path::new(inside).with_extension(direction.word()))
}

fn appended(path: &Path, suffix: &str) -> PathBuf {
    let mut path = path.to_path_buf().into_os_string();
    path.push(suffix);
    PathBuf::from(path)
}

/// A shot, a direction, and the neighbouring shot that flow in this direction leads to.
type ShotPair = (usize, Direction, usize);

/// Finds the flow files of a capture and checks their sizes. Returns warnings about missing and unusable files; with
/// `strict` an unusable file is an error.
pub fn attach(shots: &mut [Shot], root: &Path, choice: &FlowChoice, strict: bool) -> Result<Vec<String>> {
    let folder = match choice {
        FlowChoice::Off => return Ok(Vec::new()),
        FlowChoice::Auto => root.join("flow"),
        FlowChoice::Folder(folder) => {
            ensure!(folder.is_dir(), "{}: there is no such folder of optical flow", folder.display());
            folder.clone()
        }
    };
    let pairs = pairs_of(&neighbours(shots), Direction::BOTH);
    // Nobody has to compute those; captures of earlier versions have none.
    let over = pairs_of(&neighbours_over(shots), [Direction::ForwardOver, Direction::BackwardOver]);
    if !folder.is_dir() || pairs.is_empty() {
        return Ok(Vec::new());
    }
    let sought = [pairs.as_slice(), &over].concat();
    let found: Vec<_> = sought.par_iter().map(|pair| find(&folder, shots, *pair)).collect();
    let (mut missing, mut broken) = (Vec::new(), Vec::new());
    for (k, ((i, direction, _), file)) in sought.iter().zip(found).enumerate() {
        match file {
            Ok(Some(file)) => shots[*i].flow[*direction as usize] = Some(file),
            Ok(None) if k >= pairs.len() => {}
            Ok(None) => missing.push(format!("{} ({})", shots[*i].name, direction.word())),
            Err(fault) => broken.push(fault),
        }
    }
    if missing.len() == pairs.len() {
        let example = appended(&flow_stem(&folder, &shots[pairs[0].0].name, pairs[0].1), ".flo");
        let (folder, example) = (folder.display(), example.display());
        let line = format!("{folder}: no optical flow of this capture is here; expected for instance {example}");
        ensure!(*choice == FlowChoice::Auto, "{line}");
        return Ok(vec![line]);
    }
    warnings(&folder, pairs.len(), &missing, &broken, strict)
}

/// The pairs that two directions lead from and to.
fn pairs_of(neighbours: &[[Option<usize>; 2]], directions: [Direction; 2]) -> Vec<ShotPair> {
    let both = |(i, beside): (usize, &[Option<usize>; 2])| {
        let pair = |(way, direction): (usize, Direction)| Some((i, direction, beside[way]?));
        [pair((0, directions[0])), pair((1, directions[1]))]
    };
    neighbours.iter().enumerate().flat_map(both).flatten().collect()
}

/// The flow file of a pair of shots, `None` where there is none, or why the one that is there cannot be used.
fn find(folder: &Path, shots: &[Shot], (shot, direction, to): ShotPair) -> Result<Option<FlowFile>, String> {
    let stem = flow_stem(folder, &shots[shot].name, direction);
    let Some(path) = EXTENSIONS.iter().map(|e| appended(&stem, &format!(".{e}"))).find(|path| path.is_file()) else {
        return Ok(None);
    };
    let occlusion = Some(appended(&stem, ".occ.png")).filter(|mask| mask.is_file());
    check_sizes(&path, occlusion.as_deref(), &shots[shot])
        .map_err(|error| format!("{} ({error:#})", path.file_name().unwrap_or_default().to_string_lossy()))?;
    Ok(Some(FlowFile { path, to: shots[to].name.clone(), occlusion }))
}

/// A line about the broken and one about the missing files of `expected` ones.
fn warnings(
    folder: &Path,
    expected: usize,
    missing: &[String],
    broken: &[String],
    strict: bool,
) -> Result<Vec<String>> {
    let (place, found) = (folder.display(), expected - missing.len());
    let mut warnings = Vec::new();
    if !broken.is_empty() {
        let line = format!("{place}: {} of {found} flow files cannot be used: {}", broken.len(), enumerate(broken));
        ensure!(!strict, "{line}");
        warnings.push(format!("{line}; their frames are trained without flow"));
    }
    if !missing.is_empty() {
        let line = format!("{place}: {} of {expected} flow files are missing: {}", missing.len(), enumerate(missing));
        warnings.push(format!("{line}; their frames are trained without flow"));
    }
    Ok(warnings)
}

fn check_sizes(path: &Path, occlusion: Option<&Path>, shot: &Shot) -> Result<()> {
    let image = (shot.source.width, shot.source.height);
    let size = flow_io::size(path)?;
    ensure!(sizes_agree(size, image), "it is {} x {}, its image {} x {}", size.0, size.1, image.0, image.1);
    if let Some(mask) = occlusion {
        let header = images::header(mask).with_context(|| format!("{}", mask.display()))?;
        ensure!(
            header.size == size,
            "its occlusion mask is {} x {}, not {} x {}",
            header.size.0,
            header.size.1,
            size.0,
            size.1
        );
    }
    Ok(())
}

impl Capture {
    /// For each shot the next and the previous one in time of the same camera, by [`Direction`]; none in a static capture.
    pub fn neighbours(&self) -> Vec<[Option<usize>; 2]> {
        neighbours(&self.shots)
    }

    /// Replaces the source of optical flow that the capture was opened with, and logs warnings as opening does.
    ///
    /// # Errors
    /// [`FlowChoice::Folder`] without flow of this capture.
    pub fn find_flow(&mut self, choice: &FlowChoice) -> Result<()> {
        self.shots.iter_mut().for_each(|shot| shot.flow = [const { None }; 4]);
        let warnings = attach(&mut self.shots, &self.root, choice, false)?;
        warnings.iter().for_each(|warning| log::warn!("{warning}"));
        self.warnings.extend(warnings);
        Ok(())
    }

    /// The shot that flow from `shot` in `direction` leads to; `None` without a flow file or without the other shot.
    pub fn flow_to(&self, shot: usize, direction: Direction) -> Option<usize> {
        let file = self.shots[shot].flow[direction as usize].as_ref()?;
        self.shots.binary_search_by(|other| other.name.cmp(&file.to)).ok()
    }

    /// The flow that training may use: between training shots, by shot, forward first. Flow to or from a held-out photo
    /// would leak its content.
    pub fn training_flow(&self) -> Vec<(usize, Direction)> {
        let trained = |shot: usize| self.shots[shot].split == Split::Train;
        let pairs = (0..self.shots.len()).flat_map(|shot| Direction::ALL.map(|direction| (shot, direction)));
        pairs.filter(|&(shot, way)| trained(shot) && self.flow_to(shot, way).is_some_and(trained)).collect()
    }

    /// Loads the optical flow of a shot: resampled to its loaded photo, and the displacements to pixels of the loaded
    /// photos. `None` where there is none.
    ///
    /// A displacement is valid where it is known and, by the occlusion mask or, where there is none, by the flow back
    /// from where it leads, the same surface is seen in both photos: ‖F + F_back(x + F)‖ ≤ 0.5 px + 0.05 ‖F‖. With
    /// neither, all that are known are valid.
    ///
    /// # Errors
    /// Names the flow file or mask that cannot be read.
    ///
    /// # Panics
    /// If `shot` is no index into [`Capture::shots`].
    pub fn load_flow(&self, shot: usize, direction: Direction) -> Result<Option<FlowTarget>> {
        let Some(to) = self.flow_to(shot, direction) else { return Ok(None) };
        let (from, other) = (&self.shots[shot], &self.shots[to]);
        let Some(file) = &from.flow[direction as usize] else { return Ok(None) };
        let mut flow = read(file, from)?;
        if let Some(mask) = &file.occlusion {
            let mask_of =
                images::decode_mask(mask, 1).with_context(|| format!("{}: cannot decode it", mask.display()))?;
            ensure!(mask_of.used.len() == flow.known.len(), "{}: it has another size than its flow", mask.display());
            flow.known.iter_mut().zip(mask_of.used).for_each(|(known, hidden)| *known &= !hidden);
        } else if let Some(back) = &other.flow[direction.reversed() as usize]
            && back.to == from.name
        {
            let back = read(back, other)?;
            if (back.width, back.height) == (flow.width, flow.height) {
                flow.known = consistent(&flow, &back);
            }
        }
        let (field, valid) = resample(&flow, from, other);
        Ok(Some(FlowTarget { to, field, valid }))
    }
}

fn read(file: &FlowFile, shot: &Shot) -> Result<FlowField> {
    let flow = flow_io::read(&file.path).with_context(|| format!("{}: cannot read the flow", file.path.display()))?;
    let (size, image) = ((flow.width, flow.height), (shot.source.width, shot.source.height));
    ensure!(
        sizes_agree(size, image),
        "{}: the flow is {} x {}, its image {} x {}",
        file.path.display(),
        size.0,
        size.1,
        image.0,
        image.1
    );
    Ok(flow)
}

/// `[height * width]` whether a known displacement of `flow` agrees with the backward flow `back`.
fn consistent(flow: &FlowField, back: &FlowField) -> Vec<bool> {
    let check = |i: usize| {
        let [u, v] = flow.vectors[i];
        let (x, y) = (i % flow.width as usize, i / flow.width as usize);
        let there = dvec2(x as f64 + 0.5 + f64::from(u), y as f64 + 0.5 + f64::from(v));
        flow.known[i]
            && sample(back, there)
                .is_some_and(|[bu, bv]| (u + bu).hypot(v + bv) <= TOLERANCE + RELATIVE_TOLERANCE * u.hypot(v))
    };
    (0..flow.vectors.len()).into_par_iter().map(check).collect()
}

/// The field at a position, bilinear between pixel centres; `None` outside the photo and beside unknown pixels.
fn sample(field: &FlowField, position: DVec2) -> Option<[f32; 2]> {
    let size = dvec2(f64::from(field.width), f64::from(field.height));
    if !(position.cmpge(DVec2::ZERO).all() && position.cmple(size).all()) {
        return None;
    }
    let at = (position - 0.5).clamp(DVec2::ZERO, size - 1.0);
    let low = at.floor();
    let part = (at - low).as_vec2();
    let (x, y, width) = (low.x as usize, low.y as usize, field.width as usize);
    let (right, below) = ((x + 1).min(width - 1), (y + 1).min(field.height as usize - 1));
    let corners = [
        (y * width + x, (1.0 - part.x) * (1.0 - part.y)),
        (y * width + right, part.x * (1.0 - part.y)),
        (below * width + x, (1.0 - part.x) * part.y),
        (below * width + right, part.x * part.y),
    ];
    let mut sum = [0.0; 2];
    for (i, weight) in corners.into_iter().filter(|(_, weight)| *weight > 0.0) {
        if !field.known[i] {
            return None;
        }
        (0..2).for_each(|k| sum[k] += weight * field.vectors[i][k]);
    }
    Some(sum)
}

/// Resamples the flow to the undistorted and resized photos of both shots.
fn resample(flow: &FlowField, from: &Shot, to: &Shot) -> (Vec<[f32; 2]>, Vec<bool>) {
    let target = from.camera.lens;
    let image = dvec2(f64::from(from.source.width), f64::from(from.source.height));
    // Pixels of the image on disk for one pixel of the field, in the first shot and in the second.
    let size = dvec2(f64::from(flow.width), f64::from(flow.height));
    let (scale, other) = (image / size, dvec2(f64::from(to.source.width), f64::from(to.source.height)) / size);
    let plain = [from, to].iter().all(|shot| !shot.is_resampled());
    let factor = dvec2(f64::from(to.camera.lens.width), f64::from(to.camera.lens.height)) / size;
    let move_pixel = |i: usize| -> Option<[f32; 2]> {
        let pixel = dvec2((i % target.width as usize) as f64 + 0.5, (i / target.width as usize) as f64 + 0.5);
        if plain {
            let at = pixel * size / dvec2(f64::from(target.width), f64::from(target.height));
            let moved = sample(flow, at)?;
            let there = (at + dvec2(f64::from(moved[0]), f64::from(moved[1]))) * factor;
            return Some((there - pixel).as_vec2().to_array());
        }
        let position = from.source.distort((pixel - target.principal) / target.focal)? / scale;
        let moved = sample(flow, position)?;
        let there = (position + dvec2(f64::from(moved[0]), f64::from(moved[1]))) * other;
        let lens = to.camera.lens;
        let guess = (pixel + dvec2(f64::from(moved[0]), f64::from(moved[1])) - lens.principal) / lens.focal;
        let landed = to.source.undistort_near(there, guess)? * lens.focal + lens.principal;
        Some((landed - pixel).as_vec2().to_array())
    };
    let pixels = target.width as usize * target.height as usize;
    let moved: Vec<Option<[f32; 2]>> = (0..pixels).into_par_iter().map(move_pixel).collect();
    (moved.iter().map(|v| v.unwrap_or_default()).collect(), moved.iter().map(Option::is_some).collect())
}
