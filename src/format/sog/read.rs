//! SOG, versions 1 and 2, reading.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Cursor;
use std::path::{Component, Path};

use anyhow::{Context, Result, bail, ensure};
use glam::Vec3;
use image::{DynamicImage, ImageDecoder, ImageReader};
use rayon::prelude::*;
use serde::Deserialize;

use super::{FIRST_LARGEST, PALETTE_COLUMNS};
use crate::format::bounded::{CUT_SHORT, limit, read_at_most, read_file};
use crate::format::quantise::{self, Gaussian, logit, unit_quaternion, with_largest};
use crate::format::{Format, LOD_META, Loaded, SOG_META};
use crate::scene::sh_coefficients;

/// The most bytes of a description.
const MAX_META: u64 = 4 << 20;

/// `meta.json`, of version 2 or of the one before, which has no field for it.
#[derive(Deserialize)]
struct Meta {
    version: Option<u32>,
    count: Option<usize>,
    antialias: Option<bool>,
    model: Option<String>,
    /// Dapple's own: the direction that is up.
    up: Option<[f64; 3]>,
    means: Means,
    scales: Values,
    quats: Files,
    sh0: Values,
    #[serde(rename = "shN")]
    sh_n: Option<Harmonics>,
}

#[derive(Deserialize)]
struct Means {
    mins: [f32; 3],
    maxs: [f32; 3],
    files: [String; 2],
    shape: Option<Vec<usize>>,
}

#[derive(Deserialize)]
struct Files {
    files: [String; 1],
}

/// Dequantisation of bytes: a codebook, or bounds per channel.
#[derive(Deserialize)]
struct Values {
    /// Some writers left `null` as the first number.
    codebook: Option<Vec<Option<f32>>>,
    mins: Option<Vec<f32>>,
    maxs: Option<Vec<f32>>,
    files: [String; 1],
}

#[derive(Deserialize)]
struct Harmonics {
    count: Option<usize>,
    bands: Option<u32>,
    codebook: Option<Vec<Option<f32>>>,
    mins: Option<f32>,
    maxs: Option<f32>,
    files: [String; 2],
}

/// The values of the 256 bytes of a channel.
type Table = Vec<f32>;

fn table_of_codebook(codebook: &[Option<f32>], what: &str) -> Result<Table> {
    ensure!(codebook.len() == 256, "{SOG_META}: the codebook of {what} has {} numbers, not 256", codebook.len());
    let mut numbers: Vec<f32> = codebook.iter().map(|number| number.unwrap_or(f32::NAN)).collect();
    if numbers[0].is_nan() {
        numbers[0] = numbers[1] + (numbers[1] - numbers[255]) / 255.0;
    }
    ensure!(numbers.iter().all(|number| number.is_finite()), "{SOG_META}: the codebook of {what} is not finite");
    Ok(numbers)
}

fn table_of_bounds(low: f32, high: f32) -> Table {
    (0..256).map(|byte| low + (high - low) * (byte as f32 / 255.0)).collect()
}

impl Values {
    /// A table for each of `channels`.
    fn tables(&self, channels: usize, what: &str) -> Result<Vec<Table>> {
        if let Some(codebook) = &self.codebook {
            return Ok(vec![table_of_codebook(codebook, what)?; channels]);
        }
        let bounds = self.mins.as_ref().zip(self.maxs.as_ref());
        let (mins, maxs) = bounds.with_context(|| format!("{SOG_META}: {what} has neither a codebook nor bounds"))?;
        let enough = mins.len() >= channels && maxs.len() >= channels;
        ensure!(enough, "{SOG_META}: {what} has bounds of fewer than {channels} channels");
        Ok(mins.iter().zip(maxs).take(channels).map(|(&low, &high)| table_of_bounds(low, high)).collect())
    }
}

impl Harmonics {
    fn table(&self) -> Result<Table> {
        match (&self.codebook, self.mins.zip(self.maxs)) {
            (Some(codebook), _) => table_of_codebook(codebook, "shN"),
            (None, Some((low, high))) => Ok(table_of_bounds(low, high)),
            _ => bail!("{SOG_META}: shN has neither a codebook nor bounds"),
        }
    }
}

/// RGBA pixels, row-major from the top.
pub(in crate::format) struct PixelGrid {
    pub width: usize,
    pub height: usize,
    pixels: Vec<u8>,
}

impl PixelGrid {
    pub fn pixel(&self, i: usize) -> [u8; 4] {
        std::array::from_fn(|c| self.pixels[4 * i + c])
    }
}

/// Reads a `.sog` archive, or an unbundled scene given the path of its `meta.json` or of its folder.
///
/// # Errors
/// Names the file, the place in it and the fault.
pub fn read(path: &Path) -> Result<Loaded> {
    if path.ends_with(LOD_META) {
        return super::streamed::read(path, read);
    }
    let folder = if path.is_dir() { Some(path) } else { path.parent().filter(|_| path.ends_with(SOG_META)) };
    let read = match folder {
        Some(folder) => read_folder(folder),
        None => read_archive(path),
    };
    read.and_then(|(meta, files)| decode(&meta, &files)).with_context(|| format!("{}", path.display()))
}

/// The image files by their names in the description.
pub(in crate::format) type FileBytes = BTreeMap<String, Vec<u8>>;

fn read_folder(folder: &Path) -> Result<(Meta, FileBytes)> {
    let open = |name: &str| File::open(folder.join(name)).with_context(|| format!("cannot open {name}"));
    let meta = parse_meta(&read_at_most(open(SOG_META)?, MAX_META, SOG_META)?)?;
    let mut files = FileBytes::new();
    for name in meta.names() {
        let plain = Path::new(name).components().collect::<Vec<_>>();
        ensure!(matches!(plain[..], [Component::Normal(_)]), "{SOG_META}: \"{name}\" is no name of a file beside it");
        files.insert(name.into(), read_file(&folder.join(name)).with_context(|| name.to_string())?);
    }
    Ok((meta, files))
}

fn read_archive(path: &Path) -> Result<(Meta, FileBytes)> {
    let bytes = read_file(path)?;
    let mut archive = zip::ZipArchive::new(Cursor::new(&bytes[..]))
        .map_err(|error| anyhow::anyhow!("not a whole zip archive: {error}; {CUT_SHORT}"))?;
    let names: Vec<String> = archive.file_names().map(String::from).collect();
    // At the root as a rule, else in a folder.
    let meta_name =
        names.iter().filter(|name| *name == SOG_META || name.ends_with("/meta.json")).min_by_key(|n| n.len());
    let meta_name = meta_name.with_context(|| format!("the archive holds no {SOG_META}"))?;
    let folder = meta_name.strip_suffix(SOG_META).unwrap_or_default();
    let mut entry = |name: &str, most: u64| {
        let file = archive.by_name(&format!("{folder}{name}"));
        let file = file.map_err(|error| anyhow::anyhow!("the archive's {name} cannot be read: {error}"))?;
        read_at_most(file, most, name)
    };
    let meta = parse_meta(&entry(SOG_META, MAX_META)?)?;
    let mut files = FileBytes::new();
    for name in meta.names() {
        files.insert(name.into(), entry(name, limit(bytes.len() as u64))?);
    }
    Ok((meta, files))
}

fn parse_meta(bytes: &[u8]) -> Result<Meta> {
    let meta: Meta = serde_json::from_slice(bytes)
        .map_err(|error| anyhow::anyhow!("{SOG_META} is not the description of a SOG: {error}"))?;
    let version = meta.version.unwrap_or(1);
    ensure!(
        (1..=2).contains(&version),
        "SOG version {version} is not known; versions 1 and 2 are read, and 4 in a .tsog"
    );
    Ok(meta)
}

impl Meta {
    fn names(&self) -> impl Iterator<Item = &str> {
        let lists = [&self.means.files[..], &self.scales.files, &self.quats.files, &self.sh0.files];
        let sh_n = self.sh_n.iter().flat_map(|harmonics| &harmonics.files);
        lists.into_iter().flatten().chain(sh_n).map(String::as_str)
    }

    fn count(&self) -> Result<usize> {
        let of_shape = self.means.shape.as_ref().and_then(|shape| shape.first().copied());
        self.count.or(of_shape).with_context(|| format!("{SOG_META} does not say how many Gaussians there are"))
    }
}

/// Decodes an image whose sides are plausible for `compressed`, the bytes of all images.
fn decode_image(name: &str, bytes: &[u8], compressed: u64) -> Result<PixelGrid> {
    let decode = || -> Result<PixelGrid> {
        let mut decoder = ImageReader::new(Cursor::new(bytes)).with_guessed_format()?.into_decoder()?;
        let (width, height) = decoder.dimensions();
        let size = 4 * u64::from(width) * u64::from(height);
        ensure!(size <= limit(compressed), "{width}×{height} pixels are more than its bytes can hold");
        let mut limits = image::Limits::default();
        // The decoder's own buffers come on top.
        limits.max_alloc = Some(4 * size + (1 << 20));
        decoder.set_limits(limits)?;
        let pixels = DynamicImage::from_decoder(decoder)?.into_rgba8().into_raw();
        Ok(PixelGrid { width: width as usize, height: height as usize, pixels })
    };
    decode().with_context(|| format!("{name} is not a readable image"))
}

/// Images by their names.
pub(in crate::format) type Images<'a> = BTreeMap<&'a str, PixelGrid>;

/// Decodes all images.
///
/// # Errors
/// Names the one that is none, or that is larger than its bytes can hold.
pub(in crate::format) fn decode_images(files: &FileBytes) -> Result<Images<'_>> {
    let compressed = files.values().map(|bytes| bytes.len() as u64).sum();
    let decoded = files.par_iter().map(|(name, bytes)| Ok((name.as_str(), decode_image(name, bytes, compressed)?)));
    decoded.collect()
}

fn decode(meta: &Meta, files: &FileBytes) -> Result<Loaded> {
    // Bounded by the pixels of the images, which are there: many Gaussians that are alike take next to no bytes.
    let count = meta.count()?;
    let images = decode_images(files)?;
    let with_all = |name: &String| {
        let image = &images[name.as_str()];
        let pixels = image.width * image.height;
        ensure!(count <= pixels, "{name} has {pixels} pixels for {count} Gaussians; {CUT_SHORT}");
        Ok(image)
    };
    let [low, high] = [with_all(&meta.means.files[0])?, with_all(&meta.means.files[1])?];
    let (scales, quats, sh0) =
        (with_all(&meta.scales.files[0])?, with_all(&meta.quats.files[0])?, with_all(&meta.sh0.files[0])?);
    let scale_tables = meta.scales.tables(3, "scales")?;
    // Version 1 has bounds of the logits too, version 2 plain opacities.
    let sh0_tables = meta.sh0.tables(if meta.sh0.codebook.is_some() { 3 } else { 4 }, "sh0")?;
    let harmonics = match &meta.sh_n {
        Some(sh_n) => Some(Bands::of(sh_n, &images[sh_n.files[0].as_str()], with_all(&sh_n.files[1])?, count)?),
        None => None,
    };
    let degree = harmonics.as_ref().map_or(0, |bands| bands.degree);
    let (mins, ranges) = (meta.means.mins, std::array::from_fn::<_, 3, _>(|k| meta.means.maxs[k] - meta.means.mins[k]));
    let mut scene = quantise::build(count, degree, |i, sh| {
        let (low, high, scale, color) = (low.pixel(i), high.pixel(i), scales.pixel(i), sh0.pixel(i));
        let mean = [0, 1, 2].map(|k| {
            let unit = f32::from(u16::from_le_bytes([low[k], high[k]])) / 65_535.0;
            let log = mins[k] + ranges[k] * unit;
            log.abs().exp_m1().copysign(log)
        });
        let (dc, rest) = sh.split_at_mut(3);
        dc.copy_from_slice(&[0, 1, 2].map(|k| sh0_tables[k][usize::from(color[k])]));
        if let Some(bands) = &harmonics {
            bands.fill(i, rest);
        }
        Gaussian {
            mean: Vec3::from_array(mean),
            quaternion: rotation(quats.pixel(i)).unwrap_or([1.0, 0.0, 0.0, 0.0]),
            log_scale: Vec3::from_array([0, 1, 2].map(|k| scale_tables[k][usize::from(scale[k])])),
            logit: match sh0_tables.get(3) {
                Some(logits) => logits[usize::from(color[3])],
                None => logit(f32::from(color[3]) / 255.0),
            },
        }
    });
    scene.up = meta.up.and_then(|up| quantise::direction(up.into_iter().map(Some)));
    scene.antialiased = meta.model.as_deref() == Some("antialiased") || meta.antialias == Some(true);
    let version = meta.version.unwrap_or(1).to_string();
    let mut loaded = Loaded { version, ..Loaded::new(scene, Format::Sog) };
    if meta.model.as_deref() == Some("2dgs") {
        loaded.warnings.push("its Gaussians are flat (2DGS); they are taken as thin ones".into());
    }
    Ok(loaded)
}

/// Alpha names the largest of (w, x, y, z), the other channels are the others in order; `None` where it names none.
pub(in crate::format) fn rotation(pixel: [u8; 4]) -> Option<[f32; 4]> {
    let place = pixel[3].checked_sub(FIRST_LARGEST)?;
    let other = |k: usize| (f32::from(pixel[k]) / 255.0 * 2.0 - 1.0) * std::f32::consts::FRAC_1_SQRT_2;
    Some(unit_quaternion(with_largest(usize::from(place), [0, 1, 2].map(other))))
}

/// The palette of the higher bands.
struct Bands<'a> {
    degree: u32,
    table: Table,
    centroids: &'a PixelGrid,
    labels: &'a PixelGrid,
}

impl<'a> Bands<'a> {
    fn of(meta: &Harmonics, centroids: &'a PixelGrid, labels: &'a PixelGrid, count: usize) -> Result<Self> {
        let degree_of_width =
            || (1..=3).find(|&degree| centroids.width == PALETTE_COLUMNS * (sh_coefficients(degree) - 1));
        let degree = meta.bands.or_else(degree_of_width).context("shN: its bands are not known")?;
        ensure!((1..=3).contains(&degree), "shN: {degree} bands; 1 to 3 are known");
        let width = PALETTE_COLUMNS * (sh_coefficients(degree) - 1);
        let found = centroids.width;
        ensure!(found >= width, "{}: {found} pixels wide, {width} are needed for {degree} bands", meta.files[0]);
        let held = PALETTE_COLUMNS * centroids.height;
        let palette = meta.count.unwrap_or(held).min(held);
        let bands = Self { degree, table: meta.table()?, centroids, labels };
        let beyond = (0..count).find(|&i| bands.label(i) >= palette);
        if let Some(i) = beyond {
            bail!("{}: Gaussian {i} has set {} of a palette of {palette}", meta.files[1], bands.label(i));
        }
        Ok(bands)
    }

    fn label(&self, i: usize) -> usize {
        let [low, high, ..] = self.labels.pixel(i);
        usize::from(u16::from_le_bytes([low, high]))
    }

    /// The coefficients of the i-th Gaussian.
    fn fill(&self, i: usize, rest: &mut [f32]) {
        let (label, coefficients) = (self.label(i), rest.len() / 3);
        let start = label / PALETTE_COLUMNS * self.centroids.width + label % PALETTE_COLUMNS * coefficients;
        for (k, rgb) in rest.chunks_exact_mut(3).enumerate() {
            for (value, byte) in rgb.iter_mut().zip(self.centroids.pixel(start + k)) {
                *value = self.table[usize::from(byte)];
            }
        }
    }
}
