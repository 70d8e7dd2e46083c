//! Niantic's `.spz` (docs/formats.md 1.4): versions 1 to 4 are read, 3 and 4 written. This module handles the
//! containers, `spz_pack.rs` the attributes inside.

use std::io::{Read, Write};
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use flate2::read::MultiGzDecoder;
use rayon::prelude::*;

use super::axis_flips::AxisFlips;
use super::bounded::{CUT_SHORT, check_claim, read_exactly, read_file, slice};
use super::quantise::{u32_at, u64_at};
use super::spz_fit;
use super::spz_pack::{self, Packed, Sizes};
use super::{Format, Loaded, SpzAxes, WriteOptions, deflate, write_atomically};
use crate::scene::Scene;

const MAGIC: &[u8] = b"NGSP";
const LEGACY_HEADER: usize = 16;
const V4_HEADER: usize = 32;
const ANTIALIASED: u8 = 1;
const HAS_EXTENSIONS: u8 = 2;
/// The record SPZ_ADOBE_coordinate_system, which names the axes of the file.
const COORDINATE_SYSTEM: u32 = 0xadbe_0003;
/// The values of that record, from 1 on: left or right, down or up, back or front.
const AXES: [&str; 8] = ["LDB", "RDB", "LUB", "RUB", "LDF", "RDF", "LUF", "RUF"];
/// Compression level of zstd, as in the reference library.
pub(super) const ZSTD_LEVEL: i32 = 12;

impl SpzAxes {
    pub(super) fn flips(self) -> AxisFlips {
        match self {
            Self::Rub => AxisFlips::YZ,
            Self::Rdf => AxisFlips::NONE,
        }
    }

    /// Number of these axes in [`AXES`], from 1 on.
    fn code(self) -> u32 {
        match self {
            Self::Rub => 4,
            Self::Rdf => 6,
        }
    }

    fn name(self) -> &'static str {
        AXES[self.code() as usize - 1]
    }
}

/// The fields of a header.
struct SpzHeader {
    version: u32,
    count: u64,
    sh_degree: u8,
    fractional_bits: u8,
    flags: u8,
}

impl SpzHeader {
    /// Parses the fields at the start of all versions.
    fn parse(bytes: &[u8]) -> Result<Self> {
        let bytes = slice(bytes, 0, LEGACY_HEADER, "the header")?;
        ensure!(&bytes[..4] == MAGIC, "not an SPZ file: it does not start with \"NGSP\"");
        let header = Self {
            version: u32_at(bytes, 4),
            count: u64::from(u32_at(bytes, 8)),
            sh_degree: bytes[12],
            fractional_bits: bytes[13],
            flags: bytes[14],
        };
        let Self { version, sh_degree, fractional_bits, .. } = header;
        ensure!((1..=4).contains(&version), "SPZ version {version} is not known; versions 1 to 4 are read");
        ensure!(sh_degree <= 4, "spherical harmonics of degree {sh_degree}: SPZ has 0 to 4");
        ensure!(
            fractional_bits <= 30,
            "positions with {fractional_bits} fractional bits are not supported; at most 30 are"
        );
        Ok(header)
    }

    /// Bytes of the attributes, where the compressed ones may hold them.
    fn check_claim(&self, compressed: u64) -> Result<usize> {
        check_claim(self.count, u32::from(self.sh_degree).min(3), self.sizes().total(), compressed)
    }

    fn sizes(&self) -> Sizes {
        Sizes::new(self.version, self.sh_degree)
    }
}

/// Reads a file of any version. `axes` are its axes whatever it says; if `None`, those that it names, else RUB.
///
/// # Errors
/// Names the file, the place in it and the fault.
pub fn read(path: &Path, axes: Option<SpzAxes>) -> Result<Loaded> {
    read_file(path).and_then(|bytes| decode(bytes, axes)).with_context(|| format!("{}", path.display()))
}

fn decode(bytes: Vec<u8>, axes: Option<SpzAxes>) -> Result<Loaded> {
    let mut warnings = Vec::new();
    if bytes.starts_with(&[0x1f, 0x8b]) {
        let compressed = bytes.len() as u64;
        let mut inflated = MultiGzDecoder::new(bytes.as_slice());
        let start = read_exactly(&mut inflated, LEGACY_HEADER, "the gzip stream")?;
        let header = SpzHeader::parse(&start)?;
        ensure!(header.version < 4, "SPZ version 4 inside a gzip stream, where versions 1 to 3 belong");
        let size = header.check_claim(compressed)?;
        let body = read_exactly(&mut inflated, size, "the gzip stream")?;
        let mut records = Vec::new();
        if header.flags & HAS_EXTENSIONS != 0 {
            // What follows are small records of named vendors; of a damaged tail, the part that is whole counts.
            let _ = inflated.take(1 << 16).read_to_end(&mut records);
        }
        drop(bytes);
        let axes = axes_of(&header, &records, axes, &mut warnings);
        return finish(&header, &header.sizes().split(&body, header.count as usize)?, axes, warnings);
    }
    let header = SpzHeader::parse(&bytes)?;
    if header.version < 4 {
        // Without the gzip stream, as some tools keep it in memory.
        header.check_claim(bytes.len() as u64)?;
        let packed = header.sizes().split(&bytes[LEGACY_HEADER..], header.count as usize)?;
        let axes = axes_of(&header, &[], axes, &mut warnings);
        return finish(&header, &packed, axes, warnings);
    }
    let toc = u32_at(slice(&bytes, 0, V4_HEADER, "the header")?, 16) as usize;
    let records = toc.checked_sub(V4_HEADER).context("the table of streams starts inside the header")?;
    let axes = axes_of(&header, slice(&bytes, V4_HEADER, records, "the extension block")?, axes, &mut warnings);
    let streams = inflate_streams(&bytes, &header, toc)?;
    drop(bytes);
    let streams: Vec<&[u8]> = streams.iter().map(Vec::as_slice).collect();
    finish(&header, &Packed::from_streams(&streams), axes, warnings)
}

/// The axes that were `given`, else those that the extension records name, else RUB; a name of [`AXES`].
fn axes_of(header: &SpzHeader, mut records: &[u8], given: Option<SpzAxes>, warnings: &mut Vec<String>) -> &'static str {
    let default = given.unwrap_or(SpzAxes::Rub).name();
    while header.flags & HAS_EXTENSIONS != 0 && records.len() >= 8 {
        let (kind, size) = (u32_at(records, 0), u32_at(records, 4) as usize);
        let Some(payload) = records[8..].get(..size) else {
            warnings.push("an extension record is cut short and was ignored".into());
            break;
        };
        if kind == COORDINATE_SYSTEM && size >= 4 {
            match u32_at(payload, 0) {
                value @ 1..=8 => {
                    let named = AXES[value as usize - 1];
                    if given.is_some() && named != default {
                        warnings.push(format!("the file says that its axes are {named}; {default} is taken, as asked"));
                    }
                    return if given.is_some() { default } else { named };
                }
                value => warnings.push(format!("axes {value} of the file is not known; {default} is assumed")),
            }
        }
        records = &records[8 + size..];
    }
    default
}

/// The streams of version 4, whose sizes must be those that the header implies.
fn inflate_streams(bytes: &[u8], header: &SpzHeader, toc: usize) -> Result<Vec<Vec<u8>>> {
    let count = usize::from(bytes[15]);
    let table = slice(bytes, toc, 16 * count, "the table of streams")?;
    let total = header.check_claim(bytes.len() as u64)?;
    // Streams without bytes are left out of the file.
    let expected: Vec<usize> =
        header.sizes().of_streams(header.count as usize).into_iter().filter(|&size| size > 0).collect();
    debug_assert_eq!(expected.iter().sum::<usize>(), total);
    ensure!(
        count == expected.len(),
        "{count} streams, but {} Gaussians of degree {} have {}",
        header.count,
        header.sh_degree,
        expected.len()
    );
    let mut at = toc + table.len();
    let mut compressed = Vec::new();
    for (i, (entry, &size)) in table.chunks_exact(16).zip(&expected).enumerate() {
        let claimed = u64_at(entry, 8);
        ensure!(claimed == size as u64, "stream {i} claims {claimed} bytes, but the header implies {size}");
        let length = usize::try_from(u64_at(entry, 0)).unwrap_or(usize::MAX);
        compressed.push((slice(bytes, at, length, &format!("stream {i}"))?, size));
        at += length;
    }
    ensure!(at == bytes.len(), "{} bytes follow after the last stream", bytes.len() - at);
    let inflate = |(i, &(stream, size)): (usize, &(&[u8], usize))| {
        let inflated = zstd::bulk::decompress(stream, size);
        let inflated = inflated.with_context(|| format!("stream {i} is damaged; {CUT_SHORT}"))?;
        ensure!(inflated.len() == size, "stream {i} holds {} bytes, but {size} are needed", inflated.len());
        Ok(inflated)
    };
    compressed.par_iter().enumerate().map(inflate).collect()
}

fn finish(header: &SpzHeader, packed: &Packed, axes: &str, mut warnings: Vec<String>) -> Result<Loaded> {
    if header.sh_degree > 3 {
        warnings.push("spherical harmonics of degree 4 were dropped; degree 3 is the highest supported".into());
    }
    let count = header.count as usize;
    let letters = axes.as_bytes();
    let flips = AxisFlips::new([letters[0] != b'R', letters[1] != b'D', letters[2] != b'F']);
    let mut scene = spz_pack::unpack(packed, count, header.version, header.sh_degree, header.fractional_bits, flips);
    scene.antialiased = header.flags & ANTIALIASED != 0;
    Ok(Loaded { version: header.version.to_string(), axes: axes.into(), warnings, ..Loaded::new(scene, Format::Spz) })
}

/// Writes a scene as version 3, one gzip stream, which older viewers read too, or as version 4, a zstd stream for each
/// attribute and a record of the axes. The order of the Gaussians is kept.
///
/// # Errors
/// Another version, a scene that is not finite or is too large for 24-bit positions, or a failed
/// write.
pub fn write(path: &Path, scene: &Scene, version: u32, axes: SpzAxes) -> Result<()> {
    let bytes = encode(scene, version, axes).with_context(|| format!("cannot write {}", path.display()))?;
    write_atomically(path, |file| bytes.iter().try_for_each(|part| file.write_all(part)))
}

/// Encodes the parts of the file, in order.
fn encode(scene: &Scene, version: u32, axes: SpzAxes) -> Result<Vec<Vec<u8>>> {
    ensure!([3, 4].contains(&version), "SPZ version {version} cannot be written; 3 and 4 can");
    scene.validate()?;
    let Ok(count) = u32::try_from(scene.len()) else { bail!("SPZ counts Gaussians with 32 bits") };
    let fractional_bits = spz_fit::fractional_bits(scene)?;
    let options = WriteOptions { spz_version: version, spz_axes: axes, ..WriteOptions::default() };
    let streams = spz_pack::pack(scene, fractional_bits, spz_fit::sh_steps(scene), axes.flips());
    if version == 3 {
        let header = head(scene, count, fractional_bits, &options, &[]);
        let mut parts: Vec<&[u8]> = vec![&header];
        parts.extend(streams.iter().map(Vec::as_slice));
        return Ok(vec![deflate::gzip(&parts)]);
    }
    let streams: Vec<Vec<u8>> = streams.into_iter().filter(|stream| !stream.is_empty()).collect();
    let compressed: Vec<Vec<u8>> =
        streams.par_iter().map(|stream| zstd::bulk::compress(stream, ZSTD_LEVEL)).collect::<Result<_, _>>()?;
    let lengths = compressed.iter().zip(&streams).map(|(compressed, stream)| (compressed.len(), stream.len()));
    let lengths: Vec<(u64, u64)> = lengths.map(|(compressed, stream)| (compressed as u64, stream as u64)).collect();
    let header = head(scene, count, fractional_bits, &options, &lengths);
    Ok(std::iter::once(header).chain(compressed).collect())
}

/// What comes before the attributes: in version 4 also the record of the axes and the table of streams, each with its
/// compressed and its plain `lengths`.
pub(super) fn head(
    facts: &Scene,
    count: u32,
    fractional_bits: u8,
    options: &WriteOptions,
    lengths: &[(u64, u64)],
) -> Vec<u8> {
    let mut header = MAGIC.to_vec();
    header.extend(options.spz_version.to_le_bytes());
    header.extend(count.to_le_bytes());
    let (degree, flags) = (facts.sh_degree as u8, if facts.antialiased { ANTIALIASED } else { 0 });
    if options.spz_version == 3 {
        header.extend([degree, fractional_bits, flags, 0]);
        return header;
    }
    let record = [COORDINATE_SYSTEM, 4, options.spz_axes.code()].map(u32::to_le_bytes);
    let toc = V4_HEADER + record.as_flattened().len();
    header.extend([degree, fractional_bits, flags | HAS_EXTENSIONS, lengths.len() as u8]);
    header.extend((toc as u32).to_le_bytes());
    header.resize(V4_HEADER, 0);
    header.extend(record.as_flattened());
    for (compressed, plain) in lengths {
        header.extend(compressed.to_le_bytes());
        header.extend(plain.to_le_bytes());
    }
    header
}
