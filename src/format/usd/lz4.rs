//! The compression of binary USD: LZ4 blocks, and integers as differences of few bytes (Sdf's "crate" files).

use anyhow::{Context, Result, ensure};

use crate::format::quantise::u16_at;

/// Decompresses what `TfFastCompression` has compressed: one LZ4 block, or several with their sizes. `size` is that of
/// the result, which callers have found plausible.
pub(super) fn decompress(bytes: &[u8], size: usize) -> Result<Vec<u8>> {
    let (&chunks, mut rest) = bytes.split_first().context("an empty compressed block")?;
    let mut out = Vec::with_capacity(size.min(1 << 20));
    if chunks == 0 {
        block(rest, size, &mut out)?;
    }
    for _ in 0..chunks {
        let (length, after) = rest.split_first_chunk::<4>().context("a compressed block ends early")?;
        let length = u32::from_le_bytes(*length) as usize;
        let chunk = after.get(..length).context("a compressed block ends early")?;
        block(chunk, size, &mut out)?;
        rest = &after[length..];
    }
    ensure!(out.len() == size, "a compressed block has {} bytes, not {size}", out.len());
    Ok(out)
}

/// Appends an LZ4 block, up to `most` bytes in all.
fn block(mut bytes: &[u8], most: usize, out: &mut Vec<u8>) -> Result<()> {
    let early = "an LZ4 block ends early";
    let start = out.len();
    loop {
        let (&token, rest) = bytes.split_first().context(early)?;
        bytes = rest;
        let literals = extended(usize::from(token >> 4), &mut bytes)?;
        out.extend_from_slice(bytes.get(..literals).context(early)?);
        bytes = &bytes[literals..];
        ensure!(out.len() <= most, "an LZ4 block is larger than {most} bytes");
        if bytes.is_empty() {
            return Ok(());
        }
        ensure!(bytes.len() >= 2, early);
        let distance = usize::from(u16_at(bytes, 0));
        bytes = &bytes[2..];
        let length = extended(usize::from(token & 15), &mut bytes)? + 4;
        ensure!(out.len() + length <= most, "an LZ4 block is larger than {most} bytes");
        ensure!(distance > 0 && distance <= out.len() - start, "an LZ4 block refers to what is not there");
        for _ in 0..length {
            out.push(out[out.len() - distance]);
        }
    }
}

/// A length of four bits, or more in the bytes that follow.
fn extended(length: usize, bytes: &mut &[u8]) -> Result<usize> {
    let mut length = length;
    if length == 15 {
        loop {
            let (&more, rest) = bytes.split_first().context("an LZ4 block ends early")?;
            *bytes = rest;
            length += usize::from(more);
            if more < 255 {
                break;
            }
        }
    }
    Ok(length)
}

/// Decodes `count` integers: two bits each say whether the difference to the one before is the usual one, or has 1, 2 or
/// 4 bytes.
pub(super) fn integers(bytes: &[u8], count: usize) -> Result<Vec<i32>> {
    let codes = count.div_ceil(4);
    // The lengths of the differences are known when the codes are; the whole is at most this.
    let most = 4 + codes + 4 * count;
    let (&chunks, rest) = bytes.split_first().context("an empty compressed block")?;
    ensure!(chunks == 0, "{count} integers in several blocks are not supported");
    let mut data = Vec::new();
    block(rest, most, &mut data)?;
    let (usual, data) = data.split_first_chunk::<4>().context("compressed integers end early")?;
    let usual = i32::from_le_bytes(*usual);
    ensure!(data.len() >= codes, "compressed integers end early");
    let (codes, mut data) = data.split_at(codes);
    let mut last = 0_i32;
    let mut values = Vec::with_capacity(count);
    for i in 0..count {
        let size = [0, 1, 2, 4][usize::from(codes[i / 4] >> (2 * (i % 4)) & 3)];
        let raw = data.get(..size).context("compressed integers end early")?;
        data = &data[size..];
        let difference = match *raw {
            [a] => i32::from(a as i8),
            [a, b] => i32::from(i16::from_le_bytes([a, b])),
            [a, b, c, d] => i32::from_le_bytes([a, b, c, d]),
            _ => usual,
        };
        last = last.wrapping_add(difference);
        values.push(last);
    }
    Ok(values)
}
