//! Gathering the pictures of a capture: photos as they are, of videos the sharpest frame of each moment, of panoramas their
//! faces.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use rayon::prelude::*;
use serde_json::json;

use super::frames::{self, Moments, VideoFacts};
use super::hooks::{Event, Hooks};
use super::link;
use super::settings::Settings;
use super::sharpness::sharpness;
use super::stages::{Found, Stages};
use crate::dataset::pictures::{self, is_image, is_unreadable, is_video};

const STAGE: &str = "pictures";
/// Frames of each second of the videos, unless that makes too few or too many in all.
const FRAMES_A_SECOND: f64 = 2.0;
const FEWEST_FRAMES: f64 = 60.0;
const MOST_FRAMES: f64 = 300.0;
/// Most frames of a second that a video is asked for.
const FASTEST: f64 = 30.0;

/// One input.
pub enum Source {
    /// Photos, and the folder that their names are relative to.
    Photos {
        root: PathBuf,
        photos: Vec<PathBuf>,
    },
    Video {
        path: PathBuf,
        facts: VideoFacts,
    },
}

/// The pictures in a capture's folder `images`.
pub struct Pictures {
    /// Paths below `images`, in order.
    pub names: Vec<String>,
    /// Whether the pictures of each folder below `images`, or of all where there is one input, have one size.
    pub uniform: bool,
    /// Whether each input has a folder of its own.
    pub folders: bool,
    /// Whether they follow each other in time.
    pub sequence: bool,
    /// The side of panoramas' faces, pixels.
    pub face: Option<u32>,
}

/// Looks at what was named.
///
/// # Errors
/// Names the input that holds neither photos nor videos.
pub fn sources(settings: &Settings, run: &Path, hooks: &mut Hooks) -> Result<Vec<Source>> {
    let (mut sources, mut loose) = (Vec::new(), Vec::new());
    for input in &settings.inputs {
        ensure!(input.exists(), "{}: there is no such file or folder", input.display());
        if input.is_dir() {
            sources.extend(of_folder(input, run, hooks)?);
        } else if is_video(input) {
            sources.push(video(input)?);
        } else if is_unreadable(input) {
            bail!("{}: {}", input.display(), unreadable(1));
        } else {
            ensure!(is_image(input), "{}: this is neither a photo nor a video", input.display());
            loose.push(input.clone());
        }
    }
    if let Some(first) = loose.first() {
        let root = first.parent().unwrap_or(first).to_path_buf();
        sources.push(Source::Photos { root, photos: loose });
    }
    Ok(sources)
}

fn video(path: &Path) -> Result<Source> {
    Ok(Source::Video { path: path.to_path_buf(), facts: frames::facts(path)? })
}

fn unreadable(count: usize) -> String {
    format!(
        "{count} photos are HEIC or AVIF, which cannot be read; make JPEG files of them first, with heif-convert \
         (apt-get install libheif-examples) or by exporting them as \"most compatible\""
    )
}

fn of_folder(folder: &Path, run: &Path, hooks: &mut Hooks) -> Result<Vec<Source>> {
    let run = std::path::absolute(run)?;
    let files = |wanted: fn(&Path) -> bool| -> Vec<PathBuf> {
        let outside = |path: &PathBuf| std::path::absolute(path).is_ok_and(|path| !path.starts_with(&run));
        pictures::files_below(folder, wanted).into_iter().filter(outside).collect()
    };
    let (photos, videos, others) = (files(is_image), files(is_video), files(is_unreadable));
    if photos.is_empty() {
        ensure!(others.is_empty(), "{}: {}", folder.display(), unreadable(others.len()));
        ensure!(
            !videos.is_empty(),
            "{}: there are no photos (JPEG, PNG, WebP, TIFF, BMP, EXR) and no videos here",
            folder.display()
        );
        return videos.iter().map(|path| video(path)).collect();
    }
    if !others.is_empty() {
        hooks.warn(format!("{}: {}; they are left out", folder.display(), unreadable(others.len())));
    }
    if !videos.is_empty() {
        hooks.note(format!(
            "{}: {} videos beside the photos are not used; name them to use them",
            folder.display(),
            videos.len()
        ));
    }
    // The deepest folder that holds all.
    let mut root = photos[0].parent().unwrap_or(folder);
    while !photos.iter().all(|photo| photo.starts_with(root)) {
        root = root.parent().unwrap_or(folder);
    }
    Ok(vec![Source::Photos { root: root.to_path_buf(), photos }])
}

/// Puts the pictures of the sources into `images`, unless they are there.
///
/// # Errors
/// Names the file that cannot be read or written.
pub fn gather(
    settings: &Settings,
    sources: &[Source],
    images: &Path,
    stages: &mut Stages,
    hooks: &mut Hooks,
) -> Result<Pictures> {
    let plan = Plan::of(settings, sources, hooks)?;
    let found = stages.begin(STAGE, plan.settings(settings, sources)?)?;
    if found != Found::Done {
        if found == Found::Nothing && images.exists() {
            std::fs::remove_dir_all(images).with_context(|| format!("cannot replace {}", images.display()))?;
        }
        plan.say(hooks);
        plan.fill(settings, sources, images, hooks)?;
        stages.finish(STAGE)?;
    }
    let pictures = plan.look(images)?;
    if found == Found::Done {
        (hooks.on_event)(Event::Kept { name: STAGE, text: format!("{} pictures", pictures.names.len()) });
    }
    Ok(pictures)
}

/// What is taken of the sources.
struct Plan {
    /// The folder below `images` of each source; empty where there is one source.
    labels: Vec<String>,
    /// Frames a second of the videos.
    rate: Option<f64>,
    /// Seconds of all videos.
    seconds: f64,
    panorama: bool,
}

impl Plan {
    fn of(settings: &Settings, sources: &[Source], hooks: &mut Hooks) -> Result<Self> {
        let of_video = |source: &Source| match source {
            Source::Video { facts, .. } => Some(facts.seconds),
            Source::Photos { .. } => None,
        };
        let seconds: f64 = sources.iter().filter_map(of_video).sum();
        let rate = (seconds > 0.0).then(|| {
            let chosen = (FRAMES_A_SECOND * seconds).clamp(FEWEST_FRAMES, MOST_FRAMES);
            let wanted = settings.frames.map_or(chosen, f64::from);
            settings.fps.unwrap_or(wanted / seconds).min(FASTEST)
        });
        let panoramas: Vec<bool> = sources
            .iter()
            .map(|source| match source {
                Source::Video { facts, .. } => facts.spherical,
                Source::Photos { photos, .. } => photos.iter().all(|photo| pictures::says_panorama(photo)),
            })
            .collect();
        let panorama = settings.panorama || panoramas.iter().all(|says| *says);
        ensure!(
            panorama || !panoramas.contains(&true),
            "panoramas and other pictures are in different inputs; give the panoramas alone"
        );
        for source in sources {
            if let Source::Video { path, facts } = source
                && facts.high_range
            {
                hooks.warn(format!(
                    "{}: this video has a high dynamic range, and its colours will be pale; better convert it to SDR (BT.709) first",
                    path.display()
                ));
            }
        }
        Ok(Self { labels: labels(sources), rate, seconds, panorama })
    }

    /// What the pictures depend on.
    fn settings(&self, settings: &Settings, sources: &[Source]) -> Result<serde_json::Value> {
        let mut files = Vec::new();
        for (source, label) in sources.iter().zip(&self.labels) {
            let (root, paths) = match source {
                Source::Photos { root, photos } => (root.as_path(), photos.as_slice()),
                Source::Video { path, .. } => (path.parent().unwrap_or(path), std::slice::from_ref(path)),
            };
            for path in paths {
                let facts = std::fs::metadata(path).with_context(|| format!("{}: cannot be read", path.display()))?;
                files.push(json!([label, relative(path, root), facts.len()]));
            }
        }
        Ok(json!({ "files": files, "rate": self.rate, "frames": settings.frames, "panorama": self.panorama }))
    }

    fn say(&self, hooks: &mut Hooks) {
        if let Some(rate) = self.rate {
            let count = (rate * self.seconds).round();
            hooks.note(format!(
                "{count} frames of {:.0} s of video, the sharpest of each {:.2} s (--fps, --frames)",
                self.seconds,
                1.0 / rate
            ));
        }
        if self.panorama {
            hooks.note("panoramas of all directions: each is cut into six faces of 90°");
        }
    }

    fn fill(&self, settings: &Settings, sources: &[Source], images: &Path, hooks: &mut Hooks) -> Result<()> {
        let text = if self.rate.is_some() { "taking the sharpest frames" } else { "gathering photos" };
        (hooks.on_event)(Event::Stage { name: STAGE, text: text.into() });
        let mut passed = 0.0;
        for (source, label) in sources.iter().zip(&self.labels) {
            let folder = images.join(label);
            match source {
                Source::Photos { root, photos } => {
                    let groups = settings.frames.filter(|_| self.rate.is_none());
                    let photos = match groups {
                        Some(groups) => sharpest(photos, groups as usize, hooks)?,
                        None => photos.clone(),
                    };
                    self.put_photos(root, &photos, &folder, hooks)?;
                }
                Source::Video { path, facts } => {
                    let share = (passed / self.seconds, facts.seconds / self.seconds);
                    let moments = Moments::new(self.rate.unwrap_or(FRAMES_A_SECOND));
                    frames::take(path, facts, &moments, &folder, self.panorama, share, hooks)?;
                    passed += facts.seconds;
                }
            }
        }
        Ok(())
    }

    fn put_photos(&self, root: &Path, photos: &[PathBuf], folder: &Path, hooks: &mut Hooks) -> Result<()> {
        let mut taken = HashSet::new();
        for (i, photo) in photos.iter().enumerate() {
            hooks.check()?;
            let stem = Path::new(&relative(photo, root)).with_extension("").to_string_lossy().into_owned();
            if self.panorama {
                link::put_faces(&pictures::read(photo)?, &folder.join(&stem))?;
            } else {
                let mut name = format!("{stem}.{}", link::extension(photo));
                if !taken.insert(name.to_lowercase()) {
                    // Two photos of one name and different kinds, one of which is converted.
                    name = format!("{}.png", relative(photo, root));
                    taken.insert(name.to_lowercase());
                }
                link::put(photo, &folder.join(name))?;
            }
            let done = i + 1;
            let text = format!("photo {done} of {}", photos.len());
            (hooks.on_event)(Event::Progress { share: done as f64 / photos.len() as f64, text });
        }
        Ok(())
    }

    /// What lies in `images`.
    fn look(&self, images: &Path) -> Result<Pictures> {
        let paths = pictures::files_below(images, is_image);
        let sizes: Vec<(u32, u32)> = paths.par_iter().map(|path| pictures::size(path)).collect::<Result<_>>()?;
        let names: Vec<String> = paths.iter().map(|path| relative(path, images)).collect();
        let folders = self.labels.len() > 1;
        let group = |name: &String| {
            if folders { name.split('/').next().unwrap_or_default().to_string() } else { String::new() }
        };
        let mut groups: BTreeMap<String, HashSet<(u32, u32)>> = BTreeMap::new();
        for (name, size) in names.iter().zip(&sizes) {
            groups.entry(group(name)).or_default().insert(*size);
        }
        let uniform = groups.values().all(|sizes| sizes.len() == 1);
        let face = self.panorama.then(|| sizes.first().map_or(0, |size| size.0));
        ensure!(
            face.is_none_or(|side| sizes.iter().all(|size| *size == (side, side))),
            "the panoramas have different sizes; give those of one size alone"
        );
        let sequence = self.rate.is_some() && !folders;
        Ok(Pictures { names, uniform, folders, sequence, face })
    }
}

/// A path below a folder, with forward slashes.
fn relative(path: &Path, root: &Path) -> String {
    let inside = path.strip_prefix(root).ok().or_else(|| path.file_name().map(Path::new));
    inside.unwrap_or(path).to_string_lossy().replace('\\', "/")
}

/// A name of its own for each source.
fn labels(sources: &[Source]) -> Vec<String> {
    if sources.len() == 1 {
        return vec![String::new()];
    }
    let mut taken = HashSet::new();
    let name = |source: &Source| {
        let (Source::Photos { root: path, .. } | Source::Video { path, .. }) = source;
        let stem = if path.is_dir() { path.file_name() } else { path.file_stem() };
        let stem = stem.map_or("photos".into(), |stem| stem.to_string_lossy().into_owned());
        let numbered = (2..).map(|n| format!("{stem}_{n}"));
        let free = std::iter::once(stem.clone()).chain(numbered).find(|name| taken.insert(name.to_lowercase()));
        free.unwrap_or(stem)
    };
    sources.iter().map(name).collect()
}

/// Of photos in order, the sharpest of each of so many groups.
fn sharpest(photos: &[PathBuf], groups: usize, hooks: &mut Hooks) -> Result<Vec<PathBuf>> {
    if photos.len() <= groups {
        return Ok(photos.to_vec());
    }
    let mut best = Vec::new();
    for group in 0..groups {
        hooks.check()?;
        let range = group * photos.len() / groups..(group + 1) * photos.len() / groups;
        let scored: Result<Vec<(f64, &PathBuf)>> =
            photos[range].par_iter().map(|photo| Ok((sharpness(&pictures::read(photo)?), photo))).collect();
        let sharpest = scored?.into_iter().max_by(|a, b| a.0.total_cmp(&b.0)).context("a group has photos")?;
        best.push(sharpest.1.clone());
        let text = format!("choosing the sharpest of {} photos", photos.len());
        (hooks.on_event)(Event::Progress { share: 0.9 * (group + 1) as f64 / groups as f64, text });
    }
    Ok(best)
}
