//! XGRIDS's LCC (docs/formats.md 1.15), reading only: `meta.lcc`, and beside it `index.bin`, which says where in `data.bin`
//! and `shcoef.bin` each unit of space has its Gaussians at each level.

use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, ensure};
use glam::Vec3;
use serde::Deserialize;

use super::bounded::{CUT_SHORT, read_file};
use super::quantise::{self, Gaussian, dc_of, floats, u16_at, u32_at, u64_at, with_largest};
use super::{Format, Loaded};
use crate::edit;
use crate::scene::{Scene, sh_coefficients};

/// Bytes of a Gaussian in `data.bin`, and of its harmonics in `shcoef.bin`.
const RECORD: usize = 32;
const HARMONICS: usize = 64;
/// Bytes of a unit's place, and of each of its levels, in `index.bin`.
const UNIT: usize = 4;
const LEVEL: usize = 16;
/// The most levels of a scene.
const MAX_LEVELS: usize = 64;
/// The degree of the harmonics, where there are any.
const DEGREE: u32 = 3;

/// `meta.lcc`, as far as it is needed.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Meta {
    version: Option<String>,
    total_level: usize,
    /// Gaussians of each level, the finest first.
    #[serde(default)]
    splats: Vec<u64>,
    /// `Portable` has no harmonics.
    file_type: Option<String>,
    attributes: Vec<Attribute>,
}

#[derive(Deserialize)]
struct Attribute {
    name: String,
    min: serde_json::Value,
    max: serde_json::Value,
}

/// The numbers that the integers of an attribute lie between, by channel.
#[derive(Clone, Copy)]
struct Bounds {
    min: Vec3,
    max: Vec3,
}

impl Bounds {
    /// The number at shares of 0 to 1.
    fn at(self, share: Vec3) -> Vec3 {
        self.min * (Vec3::ONE - share) + self.max * share
    }
}

impl Meta {
    /// The bounds of an attribute that has three channels; `None` where it has none of that name.
    fn bounds(&self, name: &str) -> Result<Option<Bounds>> {
        let Some(Attribute { min, max, .. }) = self.attributes.iter().find(|attribute| attribute.name == name) else {
            return Ok(None);
        };
        let three = |numbers: &serde_json::Value| serde_json::from_value::<Vec3>(numbers.clone());
        match (three(min), three(max)) {
            (Ok(min), Ok(max)) => Ok(Some(Bounds { min, max })),
            _ => Err(anyhow!("the attribute {name} has no three numbers each as min and max")),
        }
    }

    fn needed(&self, name: &str) -> Result<Bounds> {
        self.bounds(name)?.with_context(|| format!("the attribute {name} is missing"))
    }
}

/// How the records of a file are to be understood.
struct Encoding {
    scale: Bounds,
    harmonics: Option<Bounds>,
}

/// Reads the finest level, and the environment around it.
///
/// # Errors
/// Names the file and the fault.
pub fn read(path: &Path) -> Result<Loaded> {
    read_scene(path).with_context(|| path.display().to_string())
}

fn read_scene(path: &Path) -> Result<Loaded> {
    let meta: Meta = serde_json::from_slice(&read_file(path)?)
        .map_err(|error| anyhow!("it is not the description of an LCC scene: {error}"))?;
    ensure!(
        (1..=MAX_LEVELS).contains(&meta.total_level),
        "totalLevel is {}; 1 to {MAX_LEVELS} are read",
        meta.total_level
    );
    let portable = meta.file_type.as_deref() == Some("Portable");
    let harmonics = if portable { None } else { meta.bounds("shcoef")? };
    let encoding = Encoding { scale: meta.needed("scale")?, harmonics };
    let (data, shcoef) = level(path, &meta, harmonics.is_some())?;
    let record = |i: usize| &data[i * RECORD..][..RECORD];
    let mut scene = decode(data.len() / RECORD, &encoding, record, |i| &shcoef[i * HARMONICS..][..HARMONICS]);
    let mut warnings = vec![format!(
        "an LCC scene with {} levels of {} Gaussians; the finest is read",
        meta.total_level,
        meta.splats.iter().map(u64::to_string).collect::<Vec<_>>().join(", ")
    )];
    if let Some(environment) = environment(path, &meta, &encoding)? {
        warnings.push(format!("{} Gaussians of its environment are read too", environment.len()));
        edit::append(&mut scene, environment)?;
    }
    // Its frame has z up.
    scene.up = Some(Vec3::Z);
    let version = meta.version.unwrap_or_default();
    Ok(Loaded { version, warnings, ..Loaded::new(scene, Format::Lcc) })
}

/// A range of Gaussians: the byte of `data.bin` where they begin, and how many they are.
struct Part {
    offset: u64,
    count: u64,
}

/// The records of the finest level, and those of their harmonics.
fn level(path: &Path, meta: &Meta, with_harmonics: bool) -> Result<(Vec<u8>, Vec<u8>)> {
    let data = beside(path, "data.bin");
    let (mut file, length) = open(&data)?;
    let parts = parts(path, meta, length)?;
    let total: u64 = parts.iter().map(|part| part.count).sum();
    if let Some(&claimed) = meta.splats.first() {
        ensure!(
            claimed == total,
            "it claims {claimed} Gaussians at the finest level, index.bin {total}; copy the whole folder again"
        );
    }
    let records = take(&mut file, &data, &parts, RECORD)?;
    if !with_harmonics {
        return Ok((records, Vec::new()));
    }
    let shcoef = beside(path, "shcoef.bin");
    let (mut file, length) = open(&shcoef)?;
    let ratio = (HARMONICS / RECORD) as u64;
    let parts: Vec<Part> = parts.into_iter().map(|part| Part { offset: ratio * part.offset, ..part }).collect();
    let end = parts.iter().map(|part| part.offset + part.count * HARMONICS as u64).max().unwrap_or(0);
    ensure!(end <= length, "shcoef.bin is cut short: {end} bytes expected, {length} found; {CUT_SHORT}");
    Ok((records, take(&mut file, &shcoef, &parts, HARMONICS)?))
}

/// Where the Gaussians of the finest level are, unit by unit, within the `length` bytes of `data.bin`.
fn parts(path: &Path, meta: &Meta, length: u64) -> Result<Vec<Part>> {
    let index = read_beside(path, "index.bin")?.with_context(|| missing("index.bin"))?;
    let size = UNIT + LEVEL * meta.total_level;
    ensure!(
        !index.is_empty() && index.len().is_multiple_of(size),
        "index.bin has {} bytes, which are no whole units of {size} bytes with {} levels; {CUT_SHORT}",
        index.len(),
        meta.total_level
    );
    let mut left = length / RECORD as u64;
    let part = |(i, unit): (usize, &[u8])| {
        let (count, offset) = (u64::from(u32_at(unit, UNIT)), u64_at(unit, UNIT + 4));
        let end = offset.checked_add(count * RECORD as u64);
        ensure!(
            end.is_some_and(|end| end <= length) && offset.is_multiple_of(RECORD as u64),
            "unit {i} of index.bin has {count} Gaussians from byte {offset} of data.bin on, which has {length}; {CUT_SHORT}"
        );
        left = left.checked_sub(count).with_context(|| {
            format!("the units of index.bin have more Gaussians than the {length} bytes of data.bin; {CUT_SHORT}")
        })?;
        Ok(Part { offset, count })
    };
    index.chunks_exact(size).enumerate().map(part).collect()
}

/// The bytes of the parts, `size` for each Gaussian.
fn take(file: &mut File, path: &Path, parts: &[Part], size: usize) -> Result<Vec<u8>> {
    let total: u64 = parts.iter().map(|part| part.count).sum();
    let mut bytes = Vec::with_capacity(total as usize * size);
    for part in parts.iter().filter(|part| part.count > 0) {
        let wanted = part.count * size as u64;
        let read = file.seek(SeekFrom::Start(part.offset)).and_then(|_| file.take(wanted).read_to_end(&mut bytes));
        let read = read.with_context(|| format!("cannot read {}", path.display()))?;
        ensure!(read as u64 == wanted, "{} is cut short; {CUT_SHORT}", path.display());
    }
    Ok(bytes)
}

/// `environment.bin`, where it is there: records with their harmonics behind each.
fn environment(path: &Path, meta: &Meta, encoding: &Encoding) -> Result<Option<Scene>> {
    let Some(bytes) = read_beside(path, "environment.bin")?.filter(|bytes| !bytes.is_empty()) else { return Ok(None) };
    let harmonics = match encoding.harmonics {
        Some(usual) => Some(meta.bounds("envshcoef")?.unwrap_or(usual)),
        None => None,
    };
    let encoding = Encoding { scale: meta.bounds("envscale")?.unwrap_or(encoding.scale), harmonics };
    let size = RECORD + if harmonics.is_some() { HARMONICS } else { 0 };
    ensure!(
        bytes.len().is_multiple_of(size),
        "environment.bin has {} bytes, which are no whole records of {size}; {CUT_SHORT}",
        bytes.len()
    );
    let record = |i: usize| &bytes[i * size..][..size];
    Ok(Some(decode(bytes.len() / size, &encoding, record, |i| &record(i)[RECORD..])))
}

/// A scene of `n` records and, where there are any, their harmonics.
fn decode<'a>(
    n: usize,
    encoding: &Encoding,
    record: impl Fn(usize) -> &'a [u8] + Sync,
    harmonics: impl Fn(usize) -> &'a [u8] + Sync,
) -> Scene {
    let degree = if encoding.harmonics.is_some() { DEGREE } else { 0 };
    quantise::build(n, degree, |i, sh| {
        let record = record(i);
        for (channel, value) in sh[..3].iter_mut().enumerate() {
            *value = dc_of(f32::from(record[12 + channel]) / 255.0);
        }
        if let Some(bounds) = encoding.harmonics {
            let coefficients = harmonics(i);
            for k in 1..sh_coefficients(DEGREE) {
                let bits = u32_at(coefficients, 4 * (k - 1));
                let share = |shift: u32, bits_of: u32| {
                    let most = (1_u32 << bits_of) - 1;
                    (bits >> shift & most) as f32 / most as f32
                };
                let value = bounds.at(Vec3::new(share(0, 11), share(11, 10), share(21, 11)));
                sh[3 * k..3 * k + 3].copy_from_slice(&value.to_array());
            }
        }
        let share = |k: usize| f32::from(u16_at(record, 16 + 2 * k)) / 65_535.0;
        let scale = encoding.scale.at(Vec3::new(share(0), share(1), share(2)));
        Gaussian {
            mean: Vec3::from_array(floats(record, 0)),
            quaternion: rotation(u32_at(record, 22)),
            log_scale: quantise::log_scale(scale),
            logit: quantise::logit(f32::from(record[15]) / 255.0),
        }
    })
}

/// Three components of 10 bits in ±1/√2, in the order x, y, z, w without the largest, whose place is in the upper 2 bits.
fn rotation(bits: u32) -> [f32; 4] {
    let root = std::f32::consts::SQRT_2;
    let other = |k: u32| ((bits >> (10 * k) & 1023) as f32 / 1023.0) * root - 0.5 * root;
    let [x, y, z, w] = with_largest((bits >> 30) as usize, [other(0), other(1), other(2)]);
    quantise::unit_quaternion([w, x, y, z])
}

fn beside(path: &Path, name: &str) -> PathBuf {
    path.with_file_name(name)
}

fn missing(name: &str) -> String {
    format!("{name} is not beside it; copy the whole folder")
}

/// A file beside the description, and its length in bytes.
fn open(path: &Path) -> Result<(File, u64)> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let opened = File::open(path).and_then(|file| file.metadata().map(|facts| (file, facts.len())));
    opened.map_err(|error| match error.kind() {
        ErrorKind::NotFound => anyhow!(missing(&name)),
        _ => anyhow!("cannot read {}: {error}", path.display()),
    })
}

/// The bytes of a file beside the description; `None` where it is not there.
fn read_beside(path: &Path, name: &str) -> Result<Option<Vec<u8>>> {
    let path = beside(path, name);
    match std::fs::read(&path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(anyhow!("cannot read {}: {error}", path.display())),
    }
}
