//! Reading `.tsog`.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use glam::Vec3;

use super::meta::{Harmonics, Meta, Timeline};
use crate::format::bounded::{CUT_SHORT, limit, read_at_most};
use crate::format::quantise::{self, Gaussian, logit};
use crate::format::sog::{FIRST_LARGEST, Images, PALETTE_COLUMNS, PixelGrid, decode_images, rotation};
use crate::format::spacetime::moments;
use crate::format::{Format, Loaded, SOG_META, upright};
use crate::scene::{Clip, Motion, Scene, sh_coefficients};

/// The most bytes of a description.
const MAX_META: u64 = 4 << 20;

/// Reads a scene.
///
/// # Errors
/// Names the file, the place in it and the fault.
pub fn read(path: &Path) -> Result<Loaded> {
    read_archive(path).with_context(|| path.display().to_string())
}

fn read_archive(path: &Path) -> Result<Loaded> {
    let file = File::open(path).context("cannot open the file")?;
    let length = file.metadata()?.len();
    let mut archive = zip::ZipArchive::new(BufReader::new(file))
        .map_err(|error| anyhow::anyhow!("not a whole zip archive: {error}; {CUT_SHORT}"))?;
    let mut entry = |name: &str, most: u64| {
        let file = archive.by_name(name);
        let file = file.map_err(|error| anyhow::anyhow!("the archive's {name} cannot be read: {error}"))?;
        read_at_most(file, most, name)
    };
    let meta = Meta::parse(&entry(SOG_META, MAX_META)?)?;
    let mut files = std::collections::BTreeMap::new();
    for name in meta.names() {
        files.insert(name.into(), entry(name, limit(length))?);
    }
    decode(&meta, &decode_images(&files)?)
}

/// The images that have a pixel for each Gaussian.
struct Pixels<'a> {
    images: &'a Images<'a>,
    count: usize,
    size: (usize, usize),
}

impl<'a> Pixels<'a> {
    fn of(&self, name: &str) -> Result<&'a PixelGrid> {
        let image = &self.images[name];
        let (pixels, size) = (image.width * image.height, (image.width, image.height));
        ensure!(size == self.size, "{name} has another size than the means");
        ensure!(self.count <= pixels, "{name} has {pixels} pixels for {} Gaussians; {CUT_SHORT}", self.count);
        Ok(image)
    }

    /// Checks every Gaussian's pixel of an image.
    fn all(&self, name: &str, right: impl Fn([u8; 4]) -> bool, fault: &str) -> Result<()> {
        let image = self.of(name)?;
        match (0..self.count).find(|&i| !right(image.pixel(i))) {
            Some(i) => bail!("{name}: Gaussian {i} {fault}"),
            None => Ok(()),
        }
    }
}

pub(super) fn decode(meta: &Meta, images: &Images) -> Result<Loaded> {
    let first = &images[meta.means.files[0].as_str()];
    let pixels = Pixels { images, count: meta.count, size: (first.width, first.height) };
    let within = |book: &[f32]| {
        let size = book.len();
        move |pixel: [u8; 4]| pixel[..3].iter().all(|&index| usize::from(index) < size)
    };
    let beyond = "has a number that its codebook lacks";
    pixels.all(&meta.scales.files[0], within(&meta.scales.codebook), beyond)?;
    pixels.all(&meta.sh0.files[0], within(&meta.sh0.codebook), beyond)?;
    pixels.all(&meta.quats.files[0], |pixel| pixel[3] >= FIRST_LARGEST, "has no rotation")?;
    let [low, high] = [pixels.of(&meta.means.files[0])?, pixels.of(&meta.means.files[1])?];
    let (scales, quats) = (pixels.of(&meta.scales.files[0])?, pixels.of(&meta.quats.files[0])?);
    let sh0 = pixels.of(&meta.sh0.files[0])?;
    let bands = meta.sh_n.as_ref().map(|sh_n| Bands::of(sh_n, &pixels)).transpose()?;
    let degree = meta.sh_n.as_ref().map_or(0, |sh_n| sh_n.bands);
    let between = |k: usize, unit: f32| meta.means.mins[k] + (meta.means.maxs[k] - meta.means.mins[k]) * unit;
    let mut scene = quantise::build(meta.count, degree, |i, sh| {
        let (dc, rest) = sh.split_at_mut(3);
        let colour = sh0.pixel(i);
        dc.copy_from_slice(&[0, 1, 2].map(|k| meta.sh0.codebook[usize::from(colour[k])]));
        if let Some(bands) = &bands {
            bands.fill(i, rest);
        }
        let mean = [0, 1, 2].map(|k| {
            let log = between(k, word(low, high, i, k));
            log.abs().exp_m1().copysign(log)
        });
        let scale = scales.pixel(i);
        Gaussian {
            mean: Vec3::from_array(mean),
            quaternion: rotation(quats.pixel(i)).unwrap_or([1.0, 0.0, 0.0, 0.0]),
            log_scale: Vec3::from_array([0, 1, 2].map(|k| meta.scales.codebook[usize::from(scale[k])])),
            logit: logit(f32::from(colour[3]) / 255.0),
        }
    });
    scene.motion = meta.timeline.as_ref().map(|timeline| motion(meta, timeline, &pixels)).transpose()?;
    Ok(describe(meta, scene))
}

/// What the description says beside the Gaussians.
fn describe(meta: &Meta, mut scene: Scene) -> Loaded {
    let discrete = meta.timeline.as_ref().and_then(|timeline| timeline.frames).map(u64::from);
    let seconds = meta.playback.as_ref().and_then(|playback| playback.duration);
    let shown = seconds.zip(meta.playback.as_ref().and_then(|playback| playback.fps));
    // The first and the last display frame are the ends of the clip.
    let frames = discrete.or(shown.map(|(seconds, fps)| (seconds * fps).round() as u64 + 1));
    scene.clip = if scene.motion.is_some() { Clip::of(seconds, frames) } else { Clip::default() };
    scene.antialiased = meta.model.as_deref() == Some("antialiased");
    scene.up = meta.up.and_then(|up| quantise::direction(up.into_iter().map(Some)));
    let mut loaded = Loaded { version: super::VERSION.to_string(), ..Loaded::new(scene, Format::Tsog) };
    if meta.axes.as_ref().is_some_and(|axes| axes == upright::MARK) {
        upright::half_turn(&mut loaded.scene);
        loaded.axes = "y up".into();
    } else {
        loaded.warnings.push("its axes are not named and are taken as those of its capture".into());
    }
    if meta.audio.is_some() {
        loaded.warnings.push("its sound is left out".into());
    }
    loaded
}

/// A 16-bit number of which two images have the bytes, from 0 to 1.
fn word(low: &PixelGrid, high: &PixelGrid, i: usize, channel: usize) -> f32 {
    f32::from(raw(low, high, i, channel)) / 65_535.0
}

fn raw(low: &PixelGrid, high: &PixelGrid, i: usize, channel: usize) -> u16 {
    u16::from_le_bytes([low.pixel(i)[channel], high.pixel(i)[channel]])
}

fn motion(meta: &Meta, timeline: &Timeline, pixels: &Pixels) -> Result<Motion> {
    let n = meta.count;
    let [low, high] = [pixels.of(&timeline.files[0])?, pixels.of(&timeline.files[1])?];
    if timeline.kind == 0 {
        let (frames, delta) = (timeline.frames.unwrap_or(1), timeline.delta.unwrap_or(1).max(1));
        let frame = |i: usize| (u32::from(raw(low, high, i, 0)) / delta).min(frames - 1);
        let gap = 1.0 / frames.saturating_sub(1).max(1) as f32;
        return Ok(moments((0..n).map(|i| frame(i) as f32 * gap).collect(), gap));
    }
    let (mins, maxs) = timeline.bounds()?;
    let number = |i: usize, k: usize| mins[k] + (maxs[k] - mins[k]) * word(low, high, i, k);
    let mut motion = Motion {
        velocities: vec![Vec3::ZERO; n],
        centres: (0..n).map(|i| number(i, 0)).collect(),
        log_durations: (0..n).map(|i| number(i, 1).ln()).collect(),
        gates: vec![Motion::NO_GATE; n],
        curves: None,
    };
    let Some(temporal) = &meta.temporal else { return Ok(motion) };
    let (mins, maxs) = (temporal.means.mins[0], temporal.means.maxs[0]);
    let images: Vec<&PixelGrid> = temporal.means.files.iter().map(|name| pixels.of(name)).collect::<Result<_>>()?;
    let unit = |i: usize, k: usize| match images[..] {
        [low, high] => word(low, high, i, k),
        _ => f32::from(images[0].pixel(i)[k]) / 255.0,
    };
    let velocity = |i: usize| Vec3::from_array([0, 1, 2].map(|k| mins[k] + (maxs[k] - mins[k]) * unit(i, k)));
    motion.velocities = (0..n).map(velocity).collect();
    Ok(motion)
}

/// The palette of the higher bands.
struct Bands<'a> {
    meta: &'a Harmonics,
    centroids: &'a PixelGrid,
    labels: &'a PixelGrid,
}

impl<'a> Bands<'a> {
    fn of(meta: &'a Harmonics, pixels: &Pixels<'a>) -> Result<Self> {
        let [name, labels] = &meta.files;
        let centroids = &pixels.images[name.as_str()];
        let width = PALETTE_COLUMNS * (sh_coefficients(meta.bands) - 1);
        let size = (width, meta.count.div_ceil(PALETTE_COLUMNS));
        let found = (centroids.width, centroids.height);
        ensure!(found == size, "{name}: {} by {} pixels, expected {} by {}", found.0, found.1, size.0, size.1);
        let bands = Self { meta, centroids, labels: pixels.of(labels)? };
        if let Some(i) = (0..pixels.count).find(|&i| bands.label(i) >= meta.count) {
            bail!("{labels}: Gaussian {i} has set {} of a palette of {}", bands.label(i), meta.count);
        }
        let known = meta.codebook.len();
        // Only the sets that are used are read.
        let used = (0..pixels.count).map(|i| bands.label(i));
        let used: std::collections::BTreeSet<usize> = used.collect();
        for label in used {
            let wrong = bands.texels(label).any(|texel| texel[..3].iter().any(|&index| usize::from(index) >= known));
            ensure!(!wrong, "{name}: set {label} has a number that its codebook lacks");
        }
        Ok(bands)
    }

    fn label(&self, i: usize) -> usize {
        let [low, high, ..] = self.labels.pixel(i);
        usize::from(u16::from_le_bytes([low, high]))
    }

    /// The coefficients of a set, as indices into the codebook.
    fn texels(&self, label: usize) -> impl Iterator<Item = [u8; 4]> {
        let coefficients = sh_coefficients(self.meta.bands) - 1;
        let start = label / PALETTE_COLUMNS * self.centroids.width + label % PALETTE_COLUMNS * coefficients;
        (start..start + coefficients).map(|at| self.centroids.pixel(at))
    }

    /// The coefficients of the i-th Gaussian.
    fn fill(&self, i: usize, rest: &mut [f32]) {
        for (rgb, texel) in rest.chunks_exact_mut(3).zip(self.texels(self.label(i))) {
            rgb.iter_mut().zip(texel).for_each(|(value, index)| *value = self.meta.codebook[usize::from(index)]);
        }
    }
}
