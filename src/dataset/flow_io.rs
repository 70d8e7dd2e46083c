//! Optical-flow files: Middlebury `.flo`, KITTI 16-bit PNG, NumPy `.npy` and `.npz`, and PFM (reading only).

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use image::{ColorType, ExtendedColorType, ImageEncoder};

use super::images;
use super::npy::{self, ArrayPart};

/// Extensions of flow files, in order of preference.
pub const EXTENSIONS: [&str; 5] = ["flo", "png", "npz", "npy", "pfm"];

/// A displacement field from one image to another, in pixels of the field, x right, y down.
#[derive(Clone, Debug, PartialEq)]
pub struct FlowField {
    pub width: u32,
    pub height: u32,
    /// `[height * width]`, row-major, top-left first; (0, 0) where unknown.
    pub vectors: Vec<[f32; 2]>,
    /// `[height * width]` whether the displacement is known.
    pub known: Vec<bool>,
}

/// Components beyond this mean that the displacement is unknown.
const UNKNOWN: f32 = 1e9;
/// The value written for an unknown component, as in Middlebury's tools.
const UNKNOWN_WRITTEN: f32 = 1.666_666_8e9;
/// The first number of a `.flo` file; its bytes spell PIEH.
const MAGIC: f32 = 202_021.25;

impl FlowField {
    /// From components of which those that are not finite or beyond 10⁹ are unknown.
    fn new(width: u32, height: u32, mut vectors: Vec<[f32; 2]>) -> Self {
        let known: Vec<bool> = vectors.iter().map(|v| v.iter().all(|c| c.abs() <= UNKNOWN)).collect();
        vectors.iter_mut().zip(&known).filter(|(_, known)| !**known).for_each(|(v, _)| *v = [0.0; 2]);
        Self { width, height, vectors, known }
    }
}

fn extension(path: &Path) -> String {
    path.extension().map(|e| e.to_string_lossy().to_lowercase()).unwrap_or_default()
}

/// Reads a flow file of the kind that its extension names.
///
/// # Errors
/// Describes the fault; the caller names the file.
pub fn read(path: &Path) -> Result<FlowField> {
    match extension(path).as_str() {
        "flo" => read_flo(path),
        "png" => read_kitti(path),
        "npz" | "npy" => read_numpy(path),
        "pfm" => read_pfm(path),
        _ => bail!("it is no flow file of a known kind (.flo, .png, .npz, .npy, .pfm)"),
    }
}

/// Width and height of a flow file, from its header; where cheap, also checks that the file is complete.
///
/// # Errors
/// Those of [`read`].
pub fn size(path: &Path) -> Result<(u32, u32)> {
    match extension(path).as_str() {
        "flo" => flo_header(path).map(|(size, _)| size),
        "png" => images::header(path).map(|header| header.size),
        "npz" | "npy" => numpy_size(&npy::read(path, ArrayPart::Shape)?.shape).map(|(size, _)| size),
        "pfm" => pfm_header(path).map(|header| header.size),
        _ => bail!("it is no flow file of a known kind (.flo, .png, .npz, .npy, .pfm)"),
    }
}

/// Writes a flow file of the kind that the extension names: `.flo`, `.png` (steps of 1/64 pixel within ±512), or `.npy`
/// (float32 `[height, width, 2]`, NaN where unknown).
///
/// # Errors
/// Another extension, displacements that a PNG cannot hold, or a failed write.
pub fn write(path: &Path, field: &FlowField) -> Result<()> {
    let bytes = match extension(path).as_str() {
        "flo" => flo_bytes(field),
        "png" => kitti_bytes(field),
        "npy" => npy_bytes(field),
        _ => bail!("{}: flow is written as .flo, .png or .npy", path.display()),
    };
    let bytes = bytes.with_context(|| format!("{}", path.display()))?;
    std::fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))
}

fn flo_header(path: &Path) -> Result<((u32, u32), BufReader<File>)> {
    let file = File::open(path).context("it cannot be opened")?;
    let length = file.metadata().context("it cannot be read")?.len();
    let mut reader = BufReader::new(file);
    let mut header = [0; 12];
    reader.read_exact(&mut header).context("it is cut short")?;
    let word = |at: usize| [header[at], header[at + 1], header[at + 2], header[at + 3]];
    ensure!(f32::from_le_bytes(word(0)) == MAGIC, "it does not start as a .flo file does");
    let (width, height) = (u32::from_le_bytes(word(4)), u32::from_le_bytes(word(8)));
    let expected = 12 + 8 * u64::from(width) * u64::from(height);
    ensure!(width > 0 && height > 0 && width < 1 << 20 && height < 1 << 20, "it claims to be {width} x {height}");
    ensure!(length >= expected, "it is cut short: {length} bytes of the {expected} that {width} x {height} need");
    Ok(((width, height), reader))
}

fn read_flo(path: &Path) -> Result<FlowField> {
    let ((width, height), mut reader) = flo_header(path)?;
    let mut bytes = vec![0; width as usize * height as usize * 8];
    reader.read_exact(&mut bytes).context("it is cut short")?;
    let vectors = bytes
        .as_chunks::<8>()
        .0
        .iter()
        .map(|&[a, b, c, d, e, f, g, h]| [f32::from_le_bytes([a, b, c, d]), f32::from_le_bytes([e, f, g, h])]);
    Ok(FlowField::new(width, height, vectors.collect()))
}

fn flo_bytes(field: &FlowField) -> Result<Vec<u8>> {
    let mut bytes = MAGIC.to_le_bytes().to_vec();
    bytes.extend([field.width, field.height].iter().flat_map(|v| v.to_le_bytes()));
    for (vector, known) in field.vectors.iter().zip(&field.known) {
        let vector = if *known { *vector } else { [UNKNOWN_WRITTEN; 2] };
        bytes.extend(vector.iter().flat_map(|v| v.to_le_bytes()));
    }
    Ok(bytes)
}

/// KITTI: u = (R − 32768) / 64, v = (G − 32768) / 64, known where B > 0.
fn read_kitti(path: &Path) -> Result<FlowField> {
    let image = images::dynamic(path, 1)?;
    ensure!(
        image.color() == ColorType::Rgb16,
        "it is no flow in KITTI's form, which is a PNG of 3 channels of 16 bits"
    );
    let image = image.into_rgb16();
    let (width, height) = image.dimensions();
    let component = |v: u16| (f32::from(v) - 32768.0) / 64.0;
    let known: Vec<bool> = image.pixels().map(|p| p.0[2] > 0).collect();
    let vectors = image.pixels().map(|p| if p.0[2] > 0 { [component(p.0[0]), component(p.0[1])] } else { [0.0; 2] });
    Ok(FlowField { width, height, vectors: vectors.collect(), known })
}

fn kitti_bytes(field: &FlowField) -> Result<Vec<u8>> {
    let mut samples = Vec::with_capacity(field.vectors.len() * 6);
    for (vector, known) in field.vectors.iter().zip(&field.known) {
        let coded = vector.map(|v| (v * 64.0 + 32768.0).round());
        let fits = !known || coded.iter().all(|v| (0.0..=65535.0).contains(v));
        ensure!(fits, "a displacement of {}, {} pixels is too large for KITTI's PNG; use .flo", vector[0], vector[1]);
        let pixel = if *known { [coded[0] as u16, coded[1] as u16, 1] } else { [0; 3] };
        samples.extend(pixel.iter().flat_map(|v| v.to_ne_bytes()));
    }
    let mut bytes = Vec::new();
    image::codecs::png::PngEncoder::new(&mut bytes)
        .write_image(&samples, field.width, field.height, ExtendedColorType::Rgb16)
        .context("it cannot be encoded")?;
    Ok(bytes)
}

/// Width and height of an array of flow, and whether its components come first ([2, height, width]).
fn numpy_size(shape: &[usize]) -> Result<((u32, u32), bool)> {
    let (height, width, planar) = match *shape {
        [height, width, 2] => (height, width, false),
        [2, height, width] => (height, width, true),
        _ => bail!("its array is {shape:?}; flow is [height, width, 2]"),
    };
    let side = |n: usize| u32::try_from(n).ok().filter(|n| (1..1 << 20).contains(n));
    let size = side(width).zip(side(height));
    Ok((size.with_context(|| format!("its array is {shape:?}, which is no image size"))?, planar))
}

fn read_numpy(path: &Path) -> Result<FlowField> {
    let array = npy::read(path, ArrayPart::All)?;
    let ((width, height), planar) = numpy_size(&array.shape)?;
    let pixels = width as usize * height as usize;
    let (stride, offset) = if planar { (1, pixels) } else { (2, 1) };
    let vector = |i: usize| [array.values[stride * i] as f32, array.values[stride * i + offset] as f32];
    Ok(FlowField::new(width, height, (0..pixels).map(vector).collect()))
}

fn npy_bytes(field: &FlowField) -> Result<Vec<u8>> {
    use npyz::WriterBuilder;
    let mut bytes = Vec::new();
    let shape = [u64::from(field.height), u64::from(field.width), 2];
    let mut writer = npyz::WriteOptions::new().default_dtype().shape(&shape).writer(&mut bytes).begin_nd()?;
    let known = field.vectors.iter().zip(&field.known);
    writer.extend(known.flat_map(|(vector, known)| if *known { *vector } else { [f32::NAN; 2] }))?;
    writer.finish()?;
    Ok(bytes)
}

struct Pfm {
    size: (u32, u32),
    channels: usize,
    little_endian: bool,
    reader: BufReader<File>,
}

fn pfm_header(path: &Path) -> Result<Pfm> {
    let file = File::open(path).context("it cannot be opened")?;
    let length = file.metadata().context("it cannot be read")?.len();
    let mut reader = BufReader::new(file);
    let (mut words, mut bytes) = (Vec::new(), 0);
    while words.len() < 4 {
        let (mut word, mut one) = (String::new(), [0]);
        loop {
            reader.read_exact(&mut one).context("it is cut short")?;
            bytes += 1;
            ensure!(bytes < 200, "it does not start as a .pfm file does");
            match one[0] {
                c if c.is_ascii_whitespace() => break,
                c => word.push(char::from(c)),
            }
        }
        if !word.is_empty() {
            words.push(word);
        }
    }
    let channels = match words[0].as_str() {
        "PF" => 3,
        "Pf" => bail!("it has one channel; flow has two, in a .pfm with three"),
        _ => bail!("it does not start as a .pfm file does"),
    };
    let side = |word: &str| word.parse::<u32>().ok().filter(|n| (1..1 << 20).contains(n));
    let size = side(&words[1]).zip(side(&words[2])).context("its size is not that of an image")?;
    let scale: f32 = words[3].parse().ok().context("its scale is no number")?;
    let expected = bytes + u64::from(size.0) * u64::from(size.1) * channels as u64 * 4;
    ensure!(length >= expected, "it is cut short: {length} bytes of the {expected} that {} x {} need", size.0, size.1);
    Ok(Pfm { size, channels, little_endian: scale < 0.0, reader })
}

/// Rows come bottom up; the third channel is not used.
fn read_pfm(path: &Path) -> Result<FlowField> {
    let Pfm { size: (width, height), channels, little_endian, mut reader } = pfm_header(path)?;
    let mut bytes = vec![0; width as usize * height as usize * channels * 4];
    reader.read_exact(&mut bytes).context("it is cut short")?;
    let number = |bytes: &[u8; 4]| if little_endian { f32::from_le_bytes(*bytes) } else { f32::from_be_bytes(*bytes) };
    let numbers: Vec<f32> = bytes.as_chunks::<4>().0.iter().map(number).collect();
    let rows = numbers.chunks_exact(width as usize * channels).rev();
    let vectors = rows.flat_map(|row| row.chunks_exact(channels).map(|p| [p[0], p[1]])).collect();
    Ok(FlowField::new(width, height, vectors))
}
