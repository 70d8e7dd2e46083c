//! A lossless WebP encoder for pictures of numbers: neighbours in a row are alike at best, and channels are correlated.
//! The one of the `image` library always predicts from above, which such pictures are the worse for.
//!
//! Layout: the VP8L bitstream (RFC 9649). One predictor and one colour transform are chosen for the whole picture by the
//! entropy that they leave; bands of rows have their own Huffman codes where that pays.

use super::huffman::{BitWriter, Code, write_single};

/// The most pixels in a row or column.
pub(super) const MAX_SIDE: usize = 16_383;
/// Rows of a band are a power of two of at least this.
const MIN_BAND_BITS: u32 = 4;
/// The longest run of one token.
const MAX_RUN: usize = 4096;
/// Symbols of the green alphabet: 256 literals and 24 lengths.
const GREEN: usize = 280;
/// Multipliers of the colour transform that are tried, in 32nds.
const MULTIPLIERS: std::ops::RangeInclusive<i8> = -16..=40;

type Pixel = [u8; 4];

#[derive(Clone, Copy, Debug, PartialEq)]
enum Predictor {
    None,
    Left,
    Top,
    /// Half the sum of both.
    Average,
}

impl Predictor {
    const ALL: [Self; 4] = [Self::None, Self::Left, Self::Top, Self::Average];

    /// Number of the mode in the bitstream.
    fn mode(self) -> u8 {
        match self {
            Self::None => 0,
            Self::Left => 1,
            Self::Top => 2,
            Self::Average => 7,
        }
    }

    /// What is left of the pixel at `i` after prediction; the first row and column have fixed rules.
    fn residual(self, pixels: &[Pixel], i: usize, width: usize) -> Pixel {
        let pixel = pixels[i];
        let minus = |other: Pixel| std::array::from_fn(|c| pixel[c].wrapping_sub(other[c]));
        match self {
            Self::None => pixel,
            _ if i == 0 => minus([0, 0, 0, 255]),
            _ if i < width => minus(pixels[i - 1]),
            _ if i % width == 0 => minus(pixels[i - width]),
            Self::Left => minus(pixels[i - 1]),
            Self::Top => minus(pixels[i - width]),
            Self::Average => {
                let (left, top) = (pixels[i - 1], pixels[i - width]);
                minus(std::array::from_fn(|c| ((u16::from(left[c]) + u16::from(top[c])) / 2) as u8))
            }
        }
    }
}

/// Multipliers of the colour transform.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Cross {
    green_to_red: i8,
    green_to_blue: i8,
    red_to_blue: i8,
}

/// What the transform takes from a channel for the value of another.
fn share(multiplier: i8, value: u8) -> u8 {
    // Both are signed in the bitstream's rules.
    (i32::from(multiplier) * i32::from(value as i8) >> 5) as u8
}

impl Cross {
    fn apply(self, [r, g, b, a]: Pixel) -> Pixel {
        let red = r.wrapping_sub(share(self.green_to_red, g));
        [red, g, b.wrapping_sub(share(self.green_to_blue, g)).wrapping_sub(share(self.red_to_blue, r)), a]
    }
}

/// A WebP file of `width` × `height` pixels (R, G, B, A), row by row from the top.
pub(super) fn encode(pixels: &[Pixel], width: usize, height: usize) -> Vec<u8> {
    debug_assert!(pixels.len() == width * height && (1..=MAX_SIDE).contains(&width) && height <= MAX_SIDE);
    let (predictor, cross) = choose_transforms(pixels, width);
    let residuals: Vec<Pixel> = (0..pixels.len()).map(|i| cross.apply(predictor.residual(pixels, i, width))).collect();
    let mut bits = BitWriter::default();
    bits.write(0x2f, 8);
    bits.write(width as u64 - 1, 14);
    bits.write(height as u64 - 1, 14);
    bits.write(u64::from(pixels.iter().any(|pixel| pixel[3] != 255)), 1);
    bits.write(0, 3);
    if predictor != Predictor::None {
        write_transform(&mut bits, 0, [0, predictor.mode(), 0, 255]);
    }
    if cross != Cross::default() {
        let Cross { green_to_red, green_to_blue, red_to_blue } = cross;
        write_transform(&mut bits, 1, [red_to_blue as u8, green_to_blue as u8, green_to_red as u8, 255]);
    }
    bits.write(0, 1);
    write_image(&mut bits, &residuals, width, height);
    container(&bits.finish())
}

/// Announces a transform whose parameters are the same in all blocks: a picture of one colour.
fn write_transform(bits: &mut BitWriter, kind: u64, pixel: Pixel) {
    bits.write(1, 1);
    bits.write(kind, 2);
    // Blocks of 512 pixels, the largest.
    bits.write(7, 3);
    write_constant(bits, pixel);
}

/// A picture, of any size, of one colour: no colour cache, and codes of one symbol, which take no bits.
fn write_constant(bits: &mut BitWriter, [r, g, b, a]: Pixel) {
    bits.write(0, 1);
    for symbol in [g, r, b, a, 0] {
        write_single(bits, symbol);
    }
}

/// The RIFF file around the bitstream.
fn container(stream: &[u8]) -> Vec<u8> {
    let padded = stream.len() + stream.len() % 2;
    let mut file = Vec::with_capacity(padded + 20);
    file.extend(b"RIFF");
    file.extend((padded as u32 + 12).to_le_bytes());
    file.extend(b"WEBPVP8L");
    file.extend((stream.len() as u32).to_le_bytes());
    file.extend(stream);
    file.resize(padded + 20, 0);
    file
}

/// Bits that a Huffman code for this histogram takes at least.
fn entropy(histogram: &[u32]) -> f64 {
    let total: f64 = histogram.iter().map(|&n| f64::from(n)).sum();
    histogram.iter().filter(|&&n| n > 0).map(|&n| f64::from(n) * (total / f64::from(n)).log2()).sum()
}

/// The predictor and the multipliers that leave the least entropy.
fn choose_transforms(pixels: &[Pixel], width: usize) -> (Predictor, Cross) {
    let candidates = Predictor::ALL.map(|predictor| {
        // A part of a large picture tells as much.
        let step = pixels.len() / (1 << 18) + 1;
        let sample: Vec<Pixel> =
            (0..pixels.len()).step_by(step).map(|i| predictor.residual(pixels, i, width)).collect();
        let (cross, bits) = choose_cross(&sample);
        (predictor, cross, bits)
    });
    let first = candidates[0];
    let (predictor, cross, _) =
        candidates.into_iter().fold(first, |best, next| if next.2 < best.2 { next } else { best });
    (predictor, cross)
}

/// The multipliers for these residuals, and the entropy that they leave.
fn choose_cross(sample: &[Pixel]) -> (Cross, f64) {
    let histogram = |value: &dyn Fn(&Pixel) -> u8| {
        let mut counts = [0; 256];
        sample.iter().for_each(|pixel| counts[usize::from(value(pixel))] += 1);
        entropy(&counts)
    };
    let (green_to_red, red) = best_multiplier(sample.iter().map(|p| (p[1], p[0])));
    let (green_to_blue, _) = best_multiplier(sample.iter().map(|p| (p[1], p[2])));
    let rest = |p: &Pixel| p[2].wrapping_sub(share(green_to_blue, p[1]));
    let (red_to_blue, blue) = best_multiplier(sample.iter().map(|p| (p[0], rest(p))));
    let bits = histogram(&|p| p[1]) + red + blue + histogram(&|p| p[3]);
    (Cross { green_to_red, green_to_blue, red_to_blue }, bits)
}

/// Of pairs (known, wanted), the share of the known that leaves the wanted with the least entropy, which is given too.
fn best_multiplier(pairs: impl Iterator<Item = (u8, u8)>) -> (i8, f64) {
    let mut joint = vec![[0_u32; 256]; 256];
    pairs.for_each(|(known, wanted)| joint[usize::from(known)][usize::from(wanted)] += 1);
    let left = |multiplier: i8| {
        let mut counts = [0; 256];
        for (known, row) in joint.iter().enumerate() {
            let taken = usize::from(share(multiplier, known as u8));
            for (wanted, n) in row.iter().enumerate() {
                counts[(wanted + 256 - taken) % 256] += n;
            }
        }
        entropy(&counts)
    };
    let none = (0, left(0));
    // Less than a hundredth is no reason for a transform, which makes the file harder to compress otherwise.
    MULTIPLIERS.step_by(4).map(|m| (m, left(m))).fold(
        none,
        |best, next| {
            if next.1 < best.1 - 0.002 * none.1 { next } else { best }
        },
    )
}

/// A literal, or a run that repeats the pixel before it.
enum Token {
    Literal(Pixel),
    Run(usize),
}

/// Calls `token(i, ..)` for the tokens that make up the picture, each with the place where it starts.
fn for_each_token(pixels: &[Pixel], mut token: impl FnMut(usize, Token)) {
    let mut i = 0;
    while i < pixels.len() {
        token(i, Token::Literal(pixels[i]));
        let run = pixels[i + 1..].iter().take_while(|&&next| next == pixels[i]).count();
        let mut left = run;
        // Shorter runs cost less as literals.
        while left >= 3 {
            let length = left.min(MAX_RUN);
            token(i + 1 + run - left, Token::Run(length));
            left -= length;
        }
        for at in 0..left {
            token(i + 1 + run - left + at, Token::Literal(pixels[i]));
        }
        i += 1 + run;
    }
}

/// The prefix symbol of a length, and its extra bits: their number and value.
fn length_prefix(length: usize) -> (usize, u32, u64) {
    if length <= 4 {
        return (length - 1, 0, 0);
    }
    let value = length - 1;
    let high = value.ilog2();
    let extra = high - 1;
    (2 * high as usize + (value >> extra & 1), extra, (value & ((1 << extra) - 1)) as u64)
}

/// Counts of the symbols of a band of rows: green with lengths, red, blue, alpha.
#[derive(Clone)]
struct Histograms {
    green: [u32; GREEN],
    others: [[u32; 256]; 3],
}

impl Histograms {
    const EMPTY: Self = Self { green: [0; GREEN], others: [[0; 256]; 3] };

    fn count(&mut self, token: &Token) {
        match token {
            Token::Literal([r, g, b, a]) => {
                self.green[usize::from(*g)] += 1;
                for (counts, value) in self.others.iter_mut().zip([r, b, a]) {
                    counts[usize::from(*value)] += 1;
                }
            }
            Token::Run(length) => self.green[256 + length_prefix(*length).0] += 1,
        }
    }

    fn add(&mut self, other: &Self) {
        self.green.iter_mut().zip(&other.green).for_each(|(to, n)| *to += n);
        self.others.as_flattened_mut().iter_mut().zip(other.others.as_flattened()).for_each(|(to, n)| *to += n);
    }

    /// Bits of the data and, roughly, of the codes.
    fn cost(&self) -> f64 {
        let of = |counts: &[u32]| entropy(counts) + 4.0 * counts.iter().filter(|&&n| n > 0).count() as f64;
        of(&self.green) + self.others.iter().map(|counts| of(counts)).sum::<f64>()
    }
}

/// Groups of bands of 2^`bits` rows: the group of each band, and the counts of each group.
fn group_bands(pixels: &[Pixel], width: usize, height: usize, bits: u32) -> (Vec<usize>, Vec<Histograms>) {
    let mut bands = vec![Histograms::EMPTY; (height - 1 >> bits) + 1];
    for_each_token(pixels, |i, token| bands[i / width >> bits].count(&token));
    let (mut group_of, mut groups) = (Vec::new(), Vec::<Histograms>::new());
    let mut last_cost = 0.0;
    for band in &bands {
        let own = band.cost();
        if let Some(last) = groups.last_mut() {
            let mut both = last.clone();
            both.add(band);
            let cost = both.cost();
            if cost <= last_cost + own {
                (*last, last_cost) = (both, cost);
                group_of.push(groups.len() - 1);
                continue;
            }
        }
        last_cost = own;
        groups.push(band.clone());
        group_of.push(groups.len() - 1);
    }
    (group_of, groups)
}

fn write_image(bits: &mut BitWriter, pixels: &[Pixel], width: usize, height: usize) {
    // About 64 bands at most.
    let band_bits = (height as u32 / 64).max(1).ilog2().max(MIN_BAND_BITS).min(9);
    let (group_of, groups) = group_bands(pixels, width, height, band_bits);
    // No colour cache.
    bits.write(0, 1);
    bits.write(u64::from(groups.len() > 1), 1);
    if groups.len() > 1 {
        bits.write(u64::from(band_bits) - 2, 3);
        let columns = (width - 1 >> band_bits) + 1;
        let map: Vec<Pixel> = group_of.iter().flat_map(|&g| vec![[0, g as u8, 0, 255]; columns]).collect();
        bits.write(0, 1);
        write_tokens(bits, &map, |_| 0, &[histograms_of(&map)]);
    }
    write_tokens(bits, pixels, |i| group_of[i / width >> band_bits], &groups);
}

fn histograms_of(pixels: &[Pixel]) -> Histograms {
    let mut histograms = Histograms::EMPTY;
    for_each_token(pixels, |_, token| histograms.count(&token));
    histograms
}

/// The codes of all groups, then the tokens.
fn write_tokens(bits: &mut BitWriter, pixels: &[Pixel], group: impl Fn(usize) -> usize, groups: &[Histograms]) {
    let write_codes = |histograms: &Histograms| {
        let green = Code::write(bits, &histograms.green);
        let others = histograms.others.each_ref().map(|counts| Code::write(bits, counts));
        // All distances are 1, the pixel to the left: code 2 of the short distances, whose prefix is 1.
        write_single(bits, 1);
        (green, others)
    };
    let codes: Vec<(Code, [Code; 3])> = groups.iter().map(write_codes).collect();
    for_each_token(pixels, |i, token| {
        let (green, [red, blue, alpha]) = &codes[group(i)];
        match token {
            Token::Literal([r, g, b, a]) => {
                for (code, value) in [(green, g), (red, r), (blue, b), (alpha, a)] {
                    code.put(bits, usize::from(value));
                }
            }
            Token::Run(length) => {
                let (symbol, extra, value) = length_prefix(length);
                green.put(bits, 256 + symbol);
                bits.write(value, extra);
            }
        }
    });
}
