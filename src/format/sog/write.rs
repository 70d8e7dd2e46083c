//! SOG, version 2, writing.

use std::io::{self, Seek, Write};
use std::path::Path;

use anyhow::{Context, Result, ensure};
use glam::Vec3;
use rayon::prelude::*;
use serde_json::{Value, json};

use super::{FIRST_LARGEST, PALETTE_COLUMNS};
use crate::edit::morton_order;
use crate::format::codebook::Codebook;
use crate::format::palette::Palette;
use crate::format::quantise::{GRAIN, byte, largest, unit_quaternion};
use crate::format::{SOG_META, create_folder, describe_write_error, webp, write_atomically};
use crate::scene::{Scene, sigmoid};

/// The most sets of harmonics.
const MAX_PALETTE: usize = 1 << 16;

/// A file of the scene: its name and its content.
pub(in crate::format) type NamedFile = (&'static str, Vec<u8>);

/// Writes a bundled scene, or, if the file name is `meta.json`, an unbundled one with its images in the same folder.
/// The Gaussians are sorted along a Morton curve, so that neighbouring pixels are similar.
///
/// When an unbundled scene is replaced, its `meta.json` is removed first and written last, so that the images of two
/// scenes are never mixed.
///
/// # Errors
/// A scene that is not finite or has more than 268 million Gaussians, or a failed write.
pub fn write(path: &Path, scene: &Scene) -> Result<()> {
    let files = encode(scene).with_context(|| format!("cannot write {}", path.display()))?;
    if !path.ends_with(SOG_META) {
        return write_atomically(path, |file| bundle(file, &files));
    }
    let folder = path.parent().unwrap_or(Path::new(""));
    if !folder.as_os_str().is_empty() {
        create_folder(folder)?;
    }
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(describe_write_error(path, error)),
        _ => {}
    }
    for (name, content) in files.iter().rev() {
        write_atomically(&folder.join(name), |file| file.write_all(content))?;
    }
    Ok(())
}

/// A zip archive whose entries are stored as they are: the images are compressed already.
pub(in crate::format) fn bundle(file: impl Write + Seek, files: &[NamedFile]) -> io::Result<()> {
    let mut archive = zip::ZipWriter::new(file);
    let options = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    for (name, content) in files {
        archive.start_file(*name, options)?;
        archive.write_all(content)?;
    }
    archive.finish()?;
    Ok(())
}

/// Indices of the Gaussians in file order.
pub fn order(scene: &Scene) -> Vec<u32> {
    morton_order(&scene.means)
}

/// Gaussians as pixels, in file order.
pub(in crate::format) struct Pixels<'a> {
    scene: &'a Scene,
    order: Vec<u32>,
    width: usize,
    height: usize,
    /// The mean logarithm of the Gaussians' areas.
    area: f32,
}

impl<'a> Pixels<'a> {
    /// # Errors
    /// More Gaussians than an image has pixels.
    pub fn of(scene: &'a Scene, order: Vec<u32>) -> Result<Self> {
        let n = scene.len();
        // Both sides are multiples of 4, as other tools make them.
        let width = (((n as f64).sqrt() / 4.0).ceil() as usize * 4).max(4);
        let height = (n.div_ceil(width).div_ceil(4) * 4).max(4);
        ensure!(width <= webp::MAX_SIDE, "{n} Gaussians do not fit into a WebP image; the most are 268 million");
        let area = |sizes: &Vec3| f64::from(sizes.element_sum() - sizes.min_element());
        let area = scene.log_scales.iter().map(area).sum::<f64>() / n.max(1) as f64;
        Ok(Self { scene, order, width, height, area: area as f32 })
    }

    /// The WebP file of an image whose i-th pixel is `pixel(index of the Gaussian)`.
    pub fn image(&self, pixel: impl Fn(usize) -> [u8; 4] + Sync) -> Result<Vec<u8>> {
        let mut pixels = vec![[0, 0, 0, 255]; self.width * self.height];
        let places = pixels.par_iter_mut().zip(&self.order);
        places.with_min_len(GRAIN).for_each(|(place, &i)| *place = pixel(i as usize));
        webp::encode(&pixels, self.width, self.height)
    }

    /// Weight of the colour of the i-th pixel's Gaussian: about the square root of the area that it covers, clamped so that
    /// small Gaussians count too.
    fn prominence(&self, i: usize) -> f32 {
        let i = self.order[i] as usize;
        let sizes = self.scene.log_scales[i];
        // The smallest of the three sizes hardly shows.
        let area = sizes.element_sum() - sizes.min_element() - self.area;
        (0.5 * area).exp().clamp(0.1, 10.0) * sigmoid(self.scene.logits[i]).max(0.01)
    }

    /// Coefficients of degree 1 and more of the i-th pixel's Gaussian.
    fn rest(&self, i: usize) -> &[f32] {
        let stride = self.scene.sh_stride();
        &self.scene.sh[self.order[i] as usize * stride..][3..stride]
    }
}

/// The description and the images.
fn encode(scene: &Scene) -> Result<Vec<NamedFile>> {
    scene.validate()?;
    encode_in_order(scene, order(scene))
}

/// The description and the images of a scene that is known to be valid, its Gaussians in this order.
pub(in crate::format) fn encode_in_order(scene: &Scene, order: Vec<u32>) -> Result<Vec<NamedFile>> {
    let (mut meta, mut files) = attributes(&Pixels::of(scene, order)?)?;
    meta["version"] = 2.into();
    files.insert(0, (SOG_META, serde_json::to_vec(&meta)?));
    Ok(files)
}

/// The images of all properties, and a description that lacks its version.
pub(in crate::format) fn attributes(pixels: &Pixels) -> Result<(Value, Vec<NamedFile>)> {
    let scene = pixels.scene;
    // Each of these keeps one core busy for long, so that they run side by side.
    let means = || encode_means(pixels);
    let shapes = || (encode_scales(pixels), encode_rotations(pixels), encode_colours(pixels));
    let (means, (shapes, harmonics)) = rayon::join(means, || rayon::join(shapes, || encode_harmonics(pixels)));
    let mut meta = json!({
        "asset": { "generator": concat!("Dapple ", env!("CARGO_PKG_VERSION")) },
        "count": scene.len(),
    });
    if scene.antialiased {
        meta["model"] = "antialiased".into();
    }
    if let Some(up) = scene.up {
        meta["up"] = json!(up.to_array());
    }
    let mut files = Vec::new();
    let attributes = [("means", means?), ("scales", shapes.0?), ("quats", shapes.1?), ("sh0", shapes.2?)];
    for (name, attribute) in attributes.into_iter().chain(harmonics?.map(|attribute| ("shN", attribute))) {
        meta[name] = attribute.description;
        meta[name]["files"] = attribute.images.iter().map(|(file, _)| *file).collect();
        files.extend(attribute.images);
    }
    Ok((meta, files))
}

/// One property of all Gaussians.
struct Attribute {
    /// Its entry in the description, without the names of its images.
    description: Value,
    images: Vec<NamedFile>,
}

/// Positions as 16 bits between the bounds of sign(x)·ln(1 + |x|): an image of the low bytes, one of the high.
fn encode_means(pixels: &Pixels) -> Result<Attribute> {
    let log = |mean: Vec3| Vec3::from_array(mean.to_array().map(|v| v.abs().ln_1p().copysign(v)));
    let empty = (Vec3::INFINITY, Vec3::NEG_INFINITY);
    let bounds = pixels.scene.means.iter().fold(empty, |(low, high), &m| (low.min(log(m)), high.max(log(m))));
    let (low, high) = if pixels.scene.is_empty() { (Vec3::ZERO, Vec3::ZERO) } else { bounds };
    let steps = |i: usize| {
        let unit = (log(pixels.scene.means[i]) - low) / (high - low);
        // An axis without extent gives NaN here, which `as` takes to 0.
        unit.to_array().map(|v| (v * 65_535.0).round() as u16)
    };
    let image = |which: usize| {
        pixels.image(|i| {
            let [x, y, z] = steps(i).map(|v| v.to_le_bytes()[which]);
            [x, y, z, 255]
        })
    };
    let (lower, upper) = rayon::join(|| image(0), || image(1));
    let description = json!({ "mins": low.to_array(), "maxs": high.to_array() });
    Ok(Attribute { description, images: vec![("means_l.webp", lower?), ("means_u.webp", upper?)] })
}

fn encode_scales(pixels: &Pixels) -> Result<Attribute> {
    let scales = &pixels.scene.log_scales;
    let book = Codebook::of(3 * scales.len(), |i| scales[i / 3][i % 3]);
    let image = pixels.image(|i| {
        let [x, y, z] = scales[i].to_array().map(|v| book.index(v));
        [x, y, z, 255]
    })?;
    Ok(Attribute { description: json!({ "codebook": book.numbers }), images: vec![("scales.webp", image)] })
}

fn encode_rotations(pixels: &Pixels) -> Result<Attribute> {
    let image = pixels.image(|i| {
        let q = unit_quaternion(pixels.scene.quaternions[i]);
        let place = largest(q);
        let sign = if q[place] < 0.0 { -1.0 } else { 1.0 };
        let mut pixel = [0, 0, 0, FIRST_LARGEST + place as u8];
        for (to, k) in pixel.iter_mut().zip((0..4).filter(|&k| k != place)) {
            *to = byte(255.0 * (sign * q[k] * std::f32::consts::FRAC_1_SQRT_2 + 0.5));
        }
        pixel
    })?;
    Ok(Attribute { description: json!({}), images: vec![("quats.webp", image)] })
}

fn encode_colours(pixels: &Pixels) -> Result<Attribute> {
    let (sh, stride) = (&pixels.scene.sh, pixels.scene.sh_stride());
    let book = Codebook::of(3 * pixels.scene.len(), |i| sh[i / 3 * stride + i % 3]);
    let image = pixels.image(|i| {
        let [r, g, b] = [0, 1, 2].map(|channel| book.index(sh[i * stride + channel]));
        [r, g, b, byte(255.0 * sigmoid(pixels.scene.logits[i]))]
    })?;
    Ok(Attribute { description: json!({ "codebook": book.numbers }), images: vec![("sh0.webp", image)] })
}

/// An image of the palette and one of the labels; `None` without higher bands.
fn encode_harmonics(pixels: &Pixels) -> Result<Option<Attribute>> {
    let n = pixels.scene.len();
    let floats = pixels.scene.sh_stride() - 3;
    if floats == 0 || n == 0 {
        return Ok(None);
    }
    let mut palette = Palette::of(n, floats, palette_size(n), |i| (pixels.rest(i), pixels.prominence(i)));
    let mut sets = palette.sets();
    let book = Codebook::of(sets.len(), |i| sets[i]);
    let coefficients = floats / 3;
    let (width, height) = (PALETTE_COLUMNS * coefficients, palette.len().div_ceil(PALETTE_COLUMNS));
    let mut centroids = vec![[0, 0, 0, 255]; width * height];
    for (pixel, rgb) in centroids.iter_mut().zip(sets.chunks_exact_mut(3)) {
        for (to, value) in pixel.iter_mut().zip(rgb) {
            *to = book.index(*value);
            *value = book.numbers[usize::from(*to)];
        }
    }
    // Labels are chosen for what readers will see.
    palette.replace(&sets);
    let labels = palette.labels(n, |i| pixels.rest(i));
    let mut label_of = vec![0; n];
    pixels.order.iter().zip(labels).for_each(|(&i, label)| label_of[i as usize] = label);
    let (centroids, labels) = rayon::join(
        || webp::encode(&centroids, width, height),
        || {
            pixels.image(|i| {
                let [low, high] = u16::to_le_bytes(label_of[i]);
                [low, high, 0, 255]
            })
        },
    );
    let description = json!({
        "count": palette.len(),
        "bands": pixels.scene.sh_degree,
        "codebook": book.numbers,
    });
    let images = vec![("shN_centroids.webp", centroids?), ("shN_labels.webp", labels?)];
    Ok(Some(Attribute { description, images }))
}

/// Sets for `n` Gaussians: 1024 times a power of two, as other tools have it, no more than there are Gaussians.
fn palette_size(n: usize) -> usize {
    (1024 << (n / 1024).max(1).ilog2()).min(MAX_PALETTE).min(n)
}
