//! Streams of integers: differences, zigzag, planes of bytes, deflate.

use std::io::Write;

use anyhow::{Context, Result, bail, ensure};

use super::bytes::{Reader, Writer};
use crate::format::bounded::read_exactly;

/// How elements follow each other.
const RAW: u8 = 0;
const DELTA: u8 = 1;
const CONSTANT: u8 = 2;
/// How bytes are compressed.
const DEFLATE: u8 = 0;
const ZSTD: u8 = 1;

/// A stream of elements of `channels` integers each.
///
/// # Errors
/// A number beyond 31 bits.
pub fn encode(id: u8, values: &[i64], channels: usize) -> Result<Vec<u8>> {
    let count = values.len() / channels;
    let first = values.get(..channels).unwrap_or_default();
    let (mode, (width, payload)) = if count > 1 && values.chunks_exact(channels).all(|row| row == first) {
        (CONSTANT, pack(first)?)
    } else {
        let differences =
            (0..values.len()).map(|k| values[k] - k.checked_sub(channels).map_or(0, |before| values[before]));
        let differences: Vec<i64> = differences.collect();
        let raw = pack(values)?;
        match pack(&differences) {
            Ok(packed) if packed.1.len() < raw.1.len() => (DELTA, packed),
            _ => (RAW, raw),
        }
    };
    let mut out = Writer::default();
    out.byte(id).byte(width).byte(mode).byte(DEFLATE).byte(channels as u8).u32(count as u32).u64(payload.len() as u64);
    out.0.extend(payload);
    Ok(out.0)
}

/// Bytes a symbol, and the compressed planes.
fn pack(values: &[i64]) -> Result<(u8, Vec<u8>)> {
    let symbols: Option<Vec<u32>> = values.iter().map(|&v| u32::try_from(v << 1 ^ v >> 63).ok()).collect();
    let symbols = symbols.context("a number is too large beside the step of its grid; leave out what is far off")?;
    let width = match symbols.iter().max().copied().unwrap_or(0) {
        0..=0xff => 1,
        0x100..=0xffff => 2,
        _ => 4,
    };
    let planes = (0..width).flat_map(|plane| symbols.iter().map(move |symbol| (symbol >> (8 * plane)) as u8));
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(&planes.collect::<Vec<u8>>())?;
    Ok((width as u8, encoder.finish()?))
}

/// A stream as it is in the file.
pub struct Stream<'a> {
    pub id: u8,
    width: u8,
    mode: u8,
    codec: u8,
    channels: u8,
    count: u32,
    payload: &'a [u8],
}

impl<'a> Stream<'a> {
    pub fn read(from: &mut Reader<'a>) -> Result<Self> {
        let [id, width, mode, codec, channels] = [from.byte()?, from.byte()?, from.byte()?, from.byte()?, from.byte()?];
        let (count, length) = (from.u32()?, from.u64()?);
        Ok(Self { id, width, mode, codec, channels, count, payload: from.take(length)? })
    }

    /// The numbers of `count` elements of `channels` each; the caller has found that the file may have as many.
    ///
    /// # Errors
    /// A stream of another shape, or one that is damaged.
    pub fn decode(&self, count: usize, channels: u8) -> Result<Vec<i64>> {
        let what = format!("stream {}", self.id);
        ensure!(
            (self.count as usize, self.channels) == (count, channels),
            "{what}: {} elements of {} channels, expected {count} of {channels}",
            self.count,
            self.channels
        );
        ensure!(matches!(self.width, 1 | 2 | 4), "{what}: symbols of {} bytes", self.width);
        let (rows, channels) = (if self.mode == CONSTANT { count.min(1) } else { count }, usize::from(channels));
        let size = rows * channels * usize::from(self.width);
        let bytes = match self.codec {
            _ if size == 0 => Vec::new(),
            DEFLATE => read_exactly(flate2::read::ZlibDecoder::new(self.payload), size, &what)?,
            ZSTD => read_exactly(zstd::stream::read::Decoder::new(self.payload)?, size, &what)?,
            codec => bail!("{what}: its compression {codec} is not known"),
        };
        let symbols = rows * channels;
        let number = |k: usize| {
            let plane = |plane: usize| u32::from(bytes[plane * symbols + k]) << (8 * plane);
            let symbol = (0..usize::from(self.width)).map(plane).sum::<u32>();
            i64::from(symbol >> 1) ^ -i64::from(symbol & 1)
        };
        let mut values: Vec<i64> = (0..symbols).map(number).collect();
        match self.mode {
            RAW => {}
            // At most 2³² numbers of 32 bits.
            DELTA => (channels..symbols).for_each(|k| values[k] += values[k - channels]),
            CONSTANT => values = values.repeat(count),
            mode => bail!("{what}: its mode {mode} is not known"),
        }
        Ok(values)
    }
}
