//! Parallel compression of one gzip member.

use flate2::{Compress, Compression, Crc, FlushCompress};
use rayon::prelude::*;

/// Bytes per independently compressed block. Blocks cannot refer to the previous one, which costs about 0.1 %.
const BLOCK: usize = 1 << 21;

/// Compresses the concatenated `parts` as one gzip member. The bytes do not depend on the number of threads.
pub(super) fn gzip(parts: &[&[u8]]) -> Vec<u8> {
    // A block does not span parts, which are arrays of different kinds.
    let blocks: Vec<&[u8]> = parts.iter().flat_map(|part| part.chunks(BLOCK)).collect();
    let last = blocks.len().saturating_sub(1);
    let compressed: Vec<(Vec<u8>, Crc)> =
        blocks.par_iter().enumerate().map(|(i, block)| (compress(block, i == last), crc(block))).collect();
    let mut file = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    let mut total = Crc::new();
    for (bytes, crc) in &compressed {
        file.extend(bytes);
        total.combine(crc);
    }
    file.extend(total.sum().to_le_bytes());
    file.extend(total.amount().to_le_bytes());
    file
}

fn crc(block: &[u8]) -> Crc {
    let mut crc = Crc::new();
    crc.update(block);
    crc
}

/// Compresses one block by raw deflate, ending at a byte boundary.
fn compress(block: &[u8], last: bool) -> Vec<u8> {
    let mut compressor = Compress::new(Compression::default(), false);
    let flush = if last { FlushCompress::Finish } else { FlushCompress::Sync };
    let mut out = Vec::with_capacity(block.len() / 2 + 1024);
    loop {
        let read = compressor.total_in() as usize;
        let status =
            compressor.compress_vec(&block[read..], &mut out, flush).expect("memory does not fail to compress");
        let all_read = compressor.total_in() as usize == block.len();
        // Room that is left says that nothing is kept back.
        if status == flate2::Status::StreamEnd || (!last && all_read && out.len() < out.capacity()) {
            return out;
        }
        out.reserve(out.len() / 2 + 1024);
    }
}
