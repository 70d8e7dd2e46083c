//! PlayCanvas's compressed PLY (docs/formats.md 1.2): chunks of 256 Gaussians, each with the bounds of its positions,
//! scales and colours, and 16 bytes a Gaussian within them.

use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use glam::Vec3;
use rayon::prelude::*;

use super::bounded::slice;
use super::ply::start_of_header;
use super::ply_header::{Encoding, PlyElement, PlyFile, PlyHeader, Scalar, skip_rows};
use super::quantise::{self, GRAIN, Gaussian, colour, dc_of, largest, logit, u32_at, unit_quaternion};
use super::{Format, Loaded, write_atomically};
use crate::edit::{morton_order, octave_order};
use crate::scene::{Scene, sh_coefficients, sigmoid};

/// Gaussians per chunk.
pub(super) const CHUNK: usize = 256;
/// Bounds of a chunk's positions, logarithmic scales and colours; old files lack those of the colours.
const BOUNDS: [&str; 18] = [
    "min_x",
    "min_y",
    "min_z",
    "max_x",
    "max_y",
    "max_z",
    "min_scale_x",
    "min_scale_y",
    "min_scale_z",
    "max_scale_x",
    "max_scale_y",
    "max_scale_z",
    "min_r",
    "min_g",
    "min_b",
    "max_r",
    "max_g",
    "max_b",
];
const PACKED: [&str; 4] = ["packed_position", "packed_rotation", "packed_scale", "packed_color"];
/// Logarithmic scales are clamped to ± this.
const MAX_LOG_SCALE: f32 = 20.0;
/// A range smaller than this counts as a single value.
const MIN_RANGE: f32 = 1e-5;
/// The order by octaves is taken where it leaves at most this share of the errors of positions.
const OCTAVES_GAIN: f64 = 0.8;

/// Byte offsets of an element's properties within a row.
struct Columns {
    stride: usize,
    offsets: Vec<usize>,
}

impl Columns {
    /// The named properties, all of type `scalar`.
    fn of(element: &PlyElement, names: &[String], scalar: Scalar) -> Result<Self> {
        let scalars = element.scalars()?;
        let mut starts = vec![0];
        starts.extend(scalars.iter().scan(0, |at, s| {
            *at += s.size();
            Some(*at)
        }));
        let offset = |name: &String| {
            let place =
                element.index(name).with_context(|| format!("\"{}\" lacks the property {name}", element.name))?;
            ensure!(scalars[place] == scalar, "property {name} of \"{}\" is not of type {scalar:?}", element.name);
            Ok(starts[place])
        };
        let offsets = names.iter().map(offset).collect::<Result<_>>()?;
        Ok(Self { stride: starts[scalars.len()], offsets })
    }
}

/// Decodes a compressed PLY.
///
/// # Errors
/// Names the place in the file and what is wrong there.
pub(super) fn decode(file: PlyFile) -> Result<Loaded> {
    let (header, bytes) = file.whole()?;
    Ok(Loaded::new(scene_of(&header, &bytes)?, Format::CompressedPly))
}

/// An element's rows in the file, and its columns.
type ElementRows<'a> = (&'a [u8], Columns);

fn scene_of(header: &PlyHeader, bytes: &[u8]) -> Result<Scene> {
    ensure!(header.encoding == Encoding::LittleEndian, "a compressed PLY is binary and little-endian");
    let (mut chunks, mut vertices, mut harmonics) = (None, None, None);
    let mut at = usize::try_from(header.bytes)?;
    for element in &header.elements {
        let Some((names, scalar)) = columns_of(element)? else {
            // What ml-sharp and others add, such as a camera.
            let rows = &mut bytes.get(at..).unwrap_or_default();
            let left = rows.len() as u64;
            at += skip_rows(rows, header.encoding, element, left)? as usize;
            continue;
        };
        let columns = Columns::of(element, &names, scalar)?;
        let size = usize::try_from(element.count).ok().and_then(|count| count.checked_mul(columns.stride));
        let size = size.with_context(|| format!("the header claims {} rows of \"{}\"", element.count, element.name))?;
        let rows = slice(bytes, at, size, &format!("element \"{}\"", element.name))?;
        at += size;
        let place = match element.name.as_str() {
            "chunk" => &mut chunks,
            "vertex" => &mut vertices,
            _ => &mut harmonics,
        };
        ensure!(place.replace((rows, columns)).is_none(), "there are two elements \"{}\"", element.name);
    }
    let (chunks, vertices) = (chunks.context("no element \"chunk\"")?, vertices.context("no element \"vertex\"")?);
    let mut scene = unpack(&chunks, &vertices, harmonics.as_ref())?;
    scene.antialiased = header.says_antialiased();
    scene.up = header.up();
    Ok(scene)
}

/// Names and type of an element's properties that matter; `None` for an element that is not known.
fn columns_of(element: &PlyElement) -> Result<Option<(Vec<String>, Scalar)>> {
    let owned = |names: &[&str]| names.iter().map(ToString::to_string).collect();
    Ok(match element.name.as_str() {
        "chunk" if element.index("max_b").is_some() => Some((owned(&BOUNDS), Scalar::F32)),
        "chunk" => Some((owned(&BOUNDS[..12]), Scalar::F32)),
        "vertex" => Some((owned(&PACKED), Scalar::U32)),
        "sh" => {
            let found = element.properties.iter().filter(|p| p.name.starts_with("f_rest_")).count();
            ensure!([9, 24, 45].contains(&found), "{found} properties f_rest_*: degrees 1 to 3 have 9, 24 or 45");
            Some(((0..found).map(|i| format!("f_rest_{i}")).collect(), Scalar::U8))
        }
        _ => None,
    })
}

fn unpack(
    (chunks, bounds): &ElementRows,
    (vertices, packed): &ElementRows,
    harmonics: Option<&ElementRows>,
) -> Result<Scene> {
    let (count, chunk_count) = (vertices.len() / packed.stride, chunks.len() / bounds.stride);
    ensure!(count <= chunk_count.saturating_mul(CHUNK), "{count} vertices are more than {chunk_count} chunks hold");
    let (sh_rows, sh_columns) = match harmonics {
        Some((rows, columns)) => (*rows, Some(columns)),
        None => (&[][..], None),
    };
    let rest = sh_columns.map_or(0, |columns| columns.offsets.len() / 3);
    let degree = (0..=3).find(|&degree| sh_coefficients(degree) == rest + 1).unwrap_or(0);
    if let Some(columns) = sh_columns {
        let found = sh_rows.len() / columns.stride;
        ensure!(found == count, "{found} rows of \"sh\" for {count} vertices");
    }
    // Old files have no bounds of colours, which are 0 to 1 then.
    let chunks: Vec<[f32; 18]> = (0..chunk_count)
        .map(|i| {
            let number = |k: usize| {
                let absent = if k < 15 { 0.0 } else { 1.0 };
                bounds.offsets.get(k).map_or(absent, |o| f32::from_bits(u32_at(chunks, i * bounds.stride + o)))
            };
            std::array::from_fn(number)
        })
        .collect();
    let scene = quantise::build(count, degree, |i, sh| {
        let word = |k: usize| u32_at(vertices, i * packed.stride + packed.offsets[k]);
        let bounds = &chunks[i / CHUNK];
        let within = |at: usize, unit: [f32; 3]| {
            let range = ChunkBounds { low: Vec3::from_slice(&bounds[at..]), high: Vec3::from_slice(&bounds[at + 3..]) };
            range.within(unit)
        };
        let color = word(3);
        let rgb = within(12, [24, 16, 8].map(|shift| (color >> shift & 255) as f32 / 255.0));
        let (dc, higher) = sh.split_at_mut(3);
        dc.copy_from_slice(&rgb.to_array().map(dc_of));
        if let Some(columns) = sh_columns {
            let row = &sh_rows[i * columns.stride..][..columns.stride];
            for (at, value) in higher.iter_mut().enumerate() {
                // The file is channel-major.
                *value = harmonic(row[columns.offsets[at % 3 * rest + at / 3]]);
            }
        }
        Gaussian {
            mean: within(0, unpack_11_10_11(word(0))),
            quaternion: unpack_rotation(word(1)),
            log_scale: within(6, unpack_11_10_11(word(2))),
            logit: logit((color & 255) as f32 / 255.0),
        }
    });
    Ok(scene)
}

fn unpack_11_10_11(word: u32) -> [f32; 3] {
    [(word >> 21) as f32 / 2047.0, (word >> 11 & 1023) as f32 / 1023.0, (word & 2047) as f32 / 2047.0]
}

fn pack_11_10_11(unit: Vec3) -> u32 {
    unorm(unit.x, 11) << 21 | unorm(unit.y, 10) << 11 | unorm(unit.z, 11)
}

/// The nearest of the `bits`-bit numbers for 0 to 1.
fn unorm(value: f32, bits: u32) -> u32 {
    let most = ((1_u32 << bits) - 1) as f32;
    (value * most + 0.5).floor().clamp(0.0, most) as u32
}

/// Bits 30 and 31 name the largest of (w, x, y, z); the others follow in order, 10 bits for −√½ to √½ each.
fn unpack_rotation(word: u32) -> [f32; 4] {
    let other = |shift: u32| ((word >> shift & 1023) as f32 / 1023.0 - 0.5) * std::f32::consts::SQRT_2;
    unit_quaternion(quantise::with_largest((word >> 30) as usize, [20, 10, 0].map(other)))
}

fn pack_rotation(q: [f32; 4]) -> u32 {
    let place = largest(q);
    let sign = if q[place] < 0.0 { -1.0 } else { 1.0 };
    (0..4)
        .filter(|&i| i != place)
        .fold(place as u32, |word, i| word << 10 | unorm(sign * q[i] * std::f32::consts::FRAC_1_SQRT_2 + 0.5, 10))
}

/// A coefficient of −4 to 4 from its byte, whose steps are read at their middles but for the first and the last.
fn harmonic(byte: u8) -> f32 {
    let unit = match byte {
        0 => 0.0,
        255 => 1.0,
        _ => (f32::from(byte) + 0.5) / 256.0,
    };
    (unit - 0.5) * 8.0
}

/// Writes a scene. Its Gaussians are along the Morton curve, so that chunks are small, or stay as they are where that is
/// better for their positions: those of a scene that comes from such a file fit their chunks without loss.
///
/// # Errors
/// A scene that is not finite, or a failed write.
pub fn write(path: &Path, scene: &Scene) -> Result<()> {
    scene.validate().with_context(|| format!("cannot write {}", path.display()))?;
    let order = best_order(scene);
    let (bounds, words): (Vec<_>, Vec<_>) = order.par_chunks(CHUNK).map(|chunk| pack_chunk(scene, chunk)).unzip();
    let rest = scene.sh_stride() / 3 - 1;
    let header = header(scene, scene.len(), bounds.len(), 3 * rest);
    write_atomically(path, |file| {
        file.write_all(header.as_bytes())?;
        // In the byte order of all supported targets, which is the file's.
        file.write_all(bytemuck::cast_slice(&bounds))?;
        for words in &words {
            file.write_all(bytemuck::cast_slice(words))?;
        }
        for block in order.chunks(if rest == 0 { usize::MAX } else { 16 * GRAIN }) {
            file.write_all(&pack_harmonics(scene, block, rest))?;
        }
        Ok(())
    })
}

/// The header of `count` Gaussians like those of `scene`.
pub(super) fn header(scene: &Scene, count: usize, chunks: usize, rest: usize) -> String {
    let mut header = start_of_header(scene) + &format!("element chunk {chunks}\n");
    BOUNDS.iter().for_each(|name| header.push_str(&format!("property float {name}\n")));
    header.push_str(&format!("element vertex {count}\n"));
    PACKED.iter().for_each(|name| header.push_str(&format!("property uint {name}\n")));
    if rest > 0 {
        header.push_str(&format!("element sh {count}\n"));
        (0..rest).for_each(|i| header.push_str(&format!("property uchar f_rest_{i}\n")));
    }
    header + "end_header\n"
}

/// The best of three orders: as the Gaussians are or along the Morton curve, whichever has the smaller errors of
/// positions; or by octaves of distance, where the first moves the Gaussians clearly farther in units of their sizes. That
/// is so where a few lie so far out that near ones in their chunks take their coarse steps.
pub(super) fn best_order(scene: &Scene) -> Vec<u32> {
    let means = &scene.means;
    let sum = |order: &[u32], of: &(dyn Fn(u32, f32) -> f64 + Sync)| -> f64 {
        let of_chunk = |chunk: &[u32]| {
            let range = ChunkBounds::of(chunk.iter().map(|&i| means[i as usize]));
            let error =
                |mean: Vec3| mean.distance_squared(range.within(unpack_11_10_11(pack_11_10_11(range.unit(mean)))));
            chunk.iter().map(|&i| of(i, error(means[i as usize]))).sum()
        };
        let errors: Vec<f64> = order.par_chunks(CHUNK).map(of_chunk).collect();
        errors.into_iter().sum::<f64>()
    };
    let squared = |order: &[u32]| sum(order, &|_, error| f64::from(error));
    let (as_is, sorted): (Vec<u32>, _) = ((0..means.len() as u32).collect(), morton_order(means));
    let best = if squared(&as_is) <= squared(&sorted) { as_is } else { sorted };
    let sizes =
        |i: u32, error: f32| f64::from(error.sqrt() / scene.log_scales[i as usize].max_element().exp()).min(1.0);
    let octaves = octave_order(means);
    if sum(&octaves, &sizes) < OCTAVES_GAIN * sum(&best, &sizes) { octaves } else { best }
}

/// The bounds of a chunk's vectors.
#[derive(Clone, Copy)]
struct ChunkBounds {
    low: Vec3,
    high: Vec3,
}

impl ChunkBounds {
    fn of(vectors: impl Iterator<Item = Vec3>) -> Self {
        let empty = Self { low: Vec3::INFINITY, high: Vec3::NEG_INFINITY };
        vectors.fold(empty, |range, v| Self { low: range.low.min(v), high: range.high.max(v) })
    }

    /// From 0 to 1 between the bounds.
    fn unit(self, vector: Vec3) -> Vec3 {
        let inverse = (self.high - self.low).to_array().map(|r| if r < MIN_RANGE { 0.0 } else { 1.0 / r });
        (vector - self.low) * Vec3::from_array(inverse)
    }

    /// The inverse of [`ChunkBounds::unit`].
    fn within(self, unit: [f32; 3]) -> Vec3 {
        self.low + (self.high - self.low) * Vec3::from_array(unit)
    }
}

/// The bounds of a chunk and the four words of each of its Gaussians.
pub(super) fn pack_chunk(scene: &Scene, chunk: &[u32]) -> ([f32; 18], Vec<[u32; 4]>) {
    let values = |i: u32| {
        let i = i as usize;
        let limit = Vec3::splat(MAX_LOG_SCALE);
        let dc = &scene.sh[i * scene.sh_stride()..];
        [scene.means[i], scene.log_scales[i].clamp(-limit, limit), Vec3::from_slice(dc).to_array().map(colour).into()]
    };
    let ranges: [ChunkBounds; 3] = std::array::from_fn(|k| ChunkBounds::of(chunk.iter().map(|&i| values(i)[k])));
    let words = chunk.iter().map(|&i| {
        let values = values(i);
        let [position, scale, rgb] = std::array::from_fn(|k| ranges[k].unit(values[k]));
        let opacity = unorm(sigmoid(scene.logits[i as usize]), 8);
        let color = unorm(rgb.x, 8) << 24 | unorm(rgb.y, 8) << 16 | unorm(rgb.z, 8) << 8 | opacity;
        let rotation = pack_rotation(unit_quaternion(scene.quaternions[i as usize]));
        [pack_11_10_11(position), rotation, pack_11_10_11(scale), color]
    });
    let words = words.collect();
    let mut bounds = [0.0; 18];
    let vectors = ranges.iter().flat_map(|range| [range.low, range.high]);
    for (place, vector) in bounds.chunks_exact_mut(3).zip(vectors) {
        place.copy_from_slice(&vector.to_array());
    }
    (bounds, words)
}

/// The bytes of the higher coefficients of these Gaussians, channel-major.
pub(super) fn pack_harmonics(scene: &Scene, block: &[u32], rest: usize) -> Vec<u8> {
    let mut bytes = vec![0; 3 * rest * block.len()];
    if rest > 0 {
        let rows = bytes.par_chunks_exact_mut(3 * rest).zip(block);
        rows.with_min_len(GRAIN).for_each(|(row, &i)| {
            let sh = &scene.sh[i as usize * scene.sh_stride()..][3..];
            for (at, byte) in row.iter_mut().enumerate() {
                let value = sh[3 * (at % rest) + at / rest];
                // Truncated, since readers take the middles of the steps.
                *byte = ((value / 8.0 + 0.5) * 256.0) as u8;
            }
        });
    }
    bytes
}
