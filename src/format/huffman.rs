//! Canonical Huffman codes and their description in a VP8L bitstream (RFC 9649, section 3.7.2).

/// The longest code of a symbol, and of a code length.
const MAX_LENGTH: u8 = 15;
const MAX_META_LENGTH: u8 = 7;
/// The order in which the lengths of the codes of lengths are stored.
const META_ORDER: [usize; 19] = [17, 18, 0, 1, 2, 3, 4, 5, 16, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];

/// Bits in the order of VP8L: the lowest first.
#[derive(Default)]
pub(super) struct BitWriter {
    bytes: Vec<u8>,
    buffer: u64,
    filled: u32,
}

impl BitWriter {
    /// Appends the low `count` bits of `value`, whose others are zero; 32 at most.
    pub fn write(&mut self, value: u64, count: u32) {
        self.buffer |= value << self.filled;
        self.filled += count;
        if self.filled >= 32 {
            self.bytes.extend((self.buffer as u32).to_le_bytes());
            self.buffer >>= 32;
            self.filled -= 32;
        }
    }

    pub fn finish(mut self) -> Vec<u8> {
        let rest = self.filled.div_ceil(8) as usize;
        self.bytes.extend(&self.buffer.to_le_bytes()[..rest]);
        self.bytes
    }
}

/// The description of a code with one symbol, which takes no bits in the data.
pub(super) fn write_single(bits: &mut BitWriter, symbol: u8) {
    // Simple, one symbol, of 8 bits or of 1.
    bits.write(0b01, 2);
    let wide = symbol > 1;
    bits.write(u64::from(wide), 1);
    bits.write(u64::from(symbol), if wide { 8 } else { 1 });
}

/// A code: of each symbol its bits, in writing order, and their number.
pub(super) struct Code {
    symbols: Vec<(u16, u8)>,
}

impl Code {
    /// Makes the code for these counts and writes its description.
    pub fn write(bits: &mut BitWriter, counts: &[u32]) -> Self {
        let used: Vec<usize> = (0..counts.len()).filter(|&s| counts[s] > 0).collect();
        match *used.as_slice() {
            [] => write_single(bits, 0),
            [symbol] if symbol < 256 => write_single(bits, symbol as u8),
            [first, second] if second < 256 => {
                // Simple, two symbols, the first of 8 bits; their codes are 0 and 1.
                bits.write(0b111, 3);
                bits.write(first as u64, 8);
                bits.write(second as u64, 8);
                let mut symbols = vec![(0, 0); counts.len()];
                (symbols[first], symbols[second]) = ((0, 1), (1, 1));
                return Self { symbols };
            }
            _ => {
                let lengths = lengths(counts, MAX_LENGTH);
                write_lengths(bits, &lengths);
                return Self { symbols: canonical(&lengths) };
            }
        }
        Self { symbols: vec![(0, 0); counts.len()] }
    }

    pub fn put(&self, bits: &mut BitWriter, symbol: usize) {
        let (code, length) = self.symbols[symbol];
        bits.write(u64::from(code), u32::from(length));
    }
}

/// Lengths of an optimal code for `counts`, cut to `most` by flattening the counts until it fits.
fn lengths(counts: &[u32], most: u8) -> Vec<u8> {
    let mut counts: Vec<u64> = counts.iter().map(|&n| u64::from(n)).collect();
    loop {
        let lengths = unbounded_lengths(&counts);
        if lengths.iter().all(|&length| length <= most) {
            return lengths;
        }
        counts.iter_mut().filter(|n| **n > 0).for_each(|n| *n = *n / 2 + 1);
    }
}

/// Huffman's algorithm with two queues: leaves by rising count, and the nodes made of them, which rise by themselves.
fn unbounded_lengths(counts: &[u64]) -> Vec<u8> {
    let mut leaves: Vec<usize> = (0..counts.len()).filter(|&s| counts[s] > 0).collect();
    leaves.sort_by_key(|&s| (counts[s], s));
    let n = leaves.len();
    let mut lengths = vec![0; counts.len()];
    if n == 1 {
        lengths[leaves[0]] = 1;
    }
    if n < 2 {
        return lengths;
    }
    // Nodes 0..n are the leaves in order, the rest inner ones.
    let mut weights: Vec<u64> = leaves.iter().map(|&s| counts[s]).collect();
    let mut parents = vec![0; 2 * n - 1];
    let (mut leaf, mut inner) = (0, n);
    for node in n..2 * n - 1 {
        let mut weight = 0;
        for _ in 0..2 {
            let from_leaves = leaf < n && (inner == node || weights[leaf] <= weights[inner]);
            let next = if from_leaves { &mut leaf } else { &mut inner };
            parents[*next] = node;
            weight += weights[*next];
            *next += 1;
        }
        weights.push(weight);
    }
    let mut depths = vec![0_u8; 2 * n - 1];
    for node in (0..2 * n - 2).rev() {
        depths[node] = depths[parents[node]].saturating_add(1);
    }
    for (at, &symbol) in leaves.iter().enumerate() {
        lengths[symbol] = depths[at];
    }
    lengths
}

/// The canonical code of these lengths, each with its bits reversed, since the highest is to be written first.
fn canonical(lengths: &[u8]) -> Vec<(u16, u8)> {
    let mut next = 0_u32;
    let mut codes = vec![(0, 0); lengths.len()];
    for length in 1..=MAX_LENGTH {
        for (symbol, _) in lengths.iter().enumerate().filter(|(_, l)| **l == length) {
            codes[symbol] = ((next.reverse_bits() >> (32 - u32::from(length))) as u16, length);
            next += 1;
        }
        next <<= 1;
    }
    codes
}

/// The lengths as symbols 0 to 15, 16 (repeat the last one 3 to 6 times), 17 and 18 (3 to 10, or 11 to 138 zeros), each
/// with its extra bits.
fn run_lengths(lengths: &[u8]) -> Vec<(usize, u64, u32)> {
    let mut out = Vec::new();
    let mut i = 0;
    while i < lengths.len() {
        let length = lengths[i];
        let mut run = lengths[i..].iter().take_while(|&&next| next == length).count();
        i += run;
        if length != 0 {
            out.push((usize::from(length), 0, 0));
            run -= 1;
        }
        while run >= 3 {
            let (symbol, least, most, bits) = match (length, run) {
                (0, 11..) => (18, 11, 138, 7),
                (0, _) => (17, 3, 10, 3),
                _ => (16, 3, 6, 2),
            };
            let taken = run.min(most);
            out.push((symbol, (taken - least) as u64, bits));
            run -= taken;
        }
        out.extend(std::iter::repeat_n((usize::from(length), 0, 0), run));
    }
    out
}

/// Describes a code by its lengths, themselves Huffman-coded.
fn write_lengths(bits: &mut BitWriter, symbol_lengths: &[u8]) {
    let runs = run_lengths(symbol_lengths);
    let mut counts = [0; 19];
    runs.iter().for_each(|run| counts[run.0] += 1);
    let meta = lengths(&counts, MAX_META_LENGTH);
    let stored = META_ORDER.iter().rposition(|&symbol| meta[symbol] > 0).map_or(4, |last| (last + 1).max(4));
    bits.write(0, 1);
    bits.write(stored as u64 - 4, 4);
    for &symbol in &META_ORDER[..stored] {
        bits.write(u64::from(meta[symbol]), 3);
    }
    // All symbols follow, not a first part of them.
    bits.write(0, 1);
    let codes = canonical(&meta);
    for (symbol, extra, count) in runs {
        let (code, length) = codes[symbol];
        bits.write(u64::from(code), u32::from(length));
        bits.write(extra, count);
    }
}
