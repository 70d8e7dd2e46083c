//! mkkellogg's `.ksplat` (docs/formats.md 1.6), reading only: sections of buckets at three compression levels.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use glam::Vec3;

use super::bounded::{read_file, slice};
use super::quantise::{self, Gaussian, dc_of, floats, halves, logit, u16_at, u32_at, unit_quaternion};
use super::{Format, Loaded};
use crate::scene::{Scene, sh_coefficients};

const MAIN_HEADER: usize = 4096;
const SECTION_HEADER: usize = 1024;

/// Sizes in bytes of one coefficient at each level, and of a record without its coefficients.
const LEVELS: [(usize, usize); 3] = [(4, 44), (2, 24), (1, 24)];

struct Section<'a> {
    count: usize,
    sh_degree: u32,
    /// Gaussians before the partial buckets, and their number in each full bucket.
    full: usize,
    capacity: usize,
    /// Index of the first Gaussian after each partial bucket.
    partial_ends: Vec<usize>,
    centres: &'a [u8],
    /// Half a bucket's side in quantisation steps, and what a step is in world units.
    range: f32,
    step: f32,
    records: &'a [u8],
}

/// Reads a file of compression level 0, 1 or 2.
///
/// # Errors
/// Names the file, the place in it and the fault.
pub fn read(path: &Path) -> Result<Loaded> {
    let bytes = read_file(path).with_context(|| format!("{}", path.display()))?;
    decode(&bytes).with_context(|| format!("{}", path.display()))
}

fn decode(bytes: &[u8]) -> Result<Loaded> {
    let header = slice(bytes, 0, MAIN_HEADER, "the header")?;
    let (major, minor) = (header[0], header[1]);
    ensure!(major == 0 && minor >= 1, "ksplat version {major}.{minor} is not known; versions from 0.1 on are read");
    let level = usize::from(u16_at(header, 20));
    ensure!(level < LEVELS.len(), "compression level {level} is not known; 0, 1 and 2 are");
    // Some writers leave the number of sections in use at 0; those that are not in use are empty.
    let most = u32_at(header, 4) as usize;
    slice(bytes, MAIN_HEADER, SECTION_HEADER.saturating_mul(most), "the section headers")?;
    let mut at = MAIN_HEADER + SECTION_HEADER * most;
    let mut sections = Vec::new();
    for i in 0..most {
        let section = section(bytes, MAIN_HEADER + SECTION_HEADER * i, level, &mut at);
        sections.push(section.with_context(|| format!("section {i}"))?);
    }
    // The bounds of the harmonics' bytes, which are 0 where the default is meant.
    let [low, high] = floats(header, 36);
    let bounds = (if low == 0.0 { -1.5 } else { low }, if high == 0.0 { 1.5 } else { high });
    let scene = unpack(&sections, level, bounds);
    let mut loaded = Loaded { version: format!("{major}.{minor}"), ..Loaded::new(scene, Format::Ksplat) };
    if sections.iter().any(|section| section.sh_degree == 3) {
        loaded.warnings.push("tools disagree on degree 3 of this format; the third band may be wrong".into());
    }
    Ok(loaded)
}

/// The section whose header is at `header` and whose data start at `at`, which moves behind them.
fn section<'a>(bytes: &'a [u8], header: usize, level: usize, at: &mut usize) -> Result<Section<'a>> {
    let header = slice(bytes, header, SECTION_HEADER, "its header")?;
    let field = |at: usize| u32_at(header, at) as usize;
    let (count, most, capacity, buckets) = (field(0), field(4), field(8), field(12));
    let ([block], centre_size) = (floats(header, 16), usize::from(u16_at(header, 20)));
    let range = if field(24) == 0 { if level == 0 { 1 } else { 32_767 } } else { field(24) } as f32;
    let (full_buckets, partial_buckets) = (field(32), field(36));
    let sh_degree = u32::from(u16_at(header, 40));
    ensure!(sh_degree <= 3, "spherical harmonics of degree {sh_degree}; 0 to 3 are known");
    ensure!(count <= most, "the header claims {count} Gaussians, but there is room for {most}");
    ensure!(
        full_buckets.saturating_add(partial_buckets) <= buckets,
        "more full and partial buckets than the {buckets} of the section"
    );
    let mut take = |size: usize, each: usize, what: &str| {
        let part = slice(bytes, *at, size.saturating_mul(each), what)?;
        *at += part.len();
        Ok::<_, anyhow::Error>(part)
    };
    let lengths = take(partial_buckets, 4, "the lengths of its partial buckets")?;
    ensure!(buckets == 0 || centre_size == 12, "buckets of {centre_size} bytes are not known");
    let centres = take(buckets, 12, "the centres of its buckets")?;
    let (coefficient, plain) = LEVELS[level];
    let record = plain + coefficient * 3 * (sh_coefficients(sh_degree) - 1);
    let records = take(most, record, "its records")?;
    let full = full_buckets.saturating_mul(capacity);
    let partial_ends: Vec<usize> = lengths
        .chunks_exact(4)
        .scan(full, |end, length| {
            *end = end.saturating_add(u32_at(length, 0) as usize);
            Some(*end)
        })
        .collect();
    let held = partial_ends.last().copied().unwrap_or(full);
    ensure!(level == 0 || count <= held, "{count} Gaussians, of which its buckets hold {held}");
    let step = block / 2.0 / range;
    Ok(Section { count, sh_degree, full, capacity, partial_ends, centres, range, step, records })
}

impl Section<'_> {
    /// Bytes of a record.
    fn record(&self, level: usize) -> usize {
        LEVELS[level].1 + LEVELS[level].0 * 3 * (sh_coefficients(self.sh_degree) - 1)
    }

    /// The centre of the bucket that the i-th Gaussian is in.
    fn centre(&self, i: usize) -> Vec3 {
        let bucket = if i < self.full {
            i / self.capacity
        } else {
            self.full / self.capacity.max(1) + self.partial_ends.partition_point(|&end| end <= i)
        };
        Vec3::from_array(floats(self.centres, 12 * bucket))
    }

    fn gaussian(&self, i: usize, level: usize, (low, high): (f32, f32), sh: &mut [f32]) -> Gaussian {
        let size = self.record(level);
        let record = &self.records[i * size..][..size];
        let (mean, scale, quaternion) = if level == 0 {
            (floats(record, 0), floats(record, 12), floats(record, 24))
        } else {
            let centre = self.centre(i).to_array();
            let axis = |k: usize| (f32::from(u16_at(record, 2 * k)) - self.range) * self.step + centre[k];
            ([0, 1, 2].map(axis), halves(record, 6), halves(record, 12))
        };
        let (plain, each) = (LEVELS[level].1, LEVELS[level].0);
        let color = &record[plain - 4..plain];
        for (value, &stored) in sh.iter_mut().zip(&color[..3]) {
            *value = dc_of(f32::from(stored) / 255.0);
        }
        let coefficient = |at: usize| match level {
            0 => floats::<1>(record, plain + each * at)[0],
            1 => halves::<1>(record, plain + each * at)[0],
            _ => low + f32::from(record[plain + at]) / 255.0 * (high - low),
        };
        // Each band is channel-major.
        for band in 1..=self.sh_degree {
            let (start, width) = (sh_coefficients(band - 1), 2 * band as usize + 1);
            for (channel, m) in (0..3).flat_map(|channel| (0..width).map(move |m| (channel, m))) {
                sh[3 * (start + m) + channel] = coefficient(3 * (start - 1) + channel * width + m);
            }
        }
        Gaussian {
            mean: Vec3::from_array(mean),
            log_scale: quantise::log_scale(Vec3::from_array(scale)),
            quaternion: unit_quaternion(quaternion),
            logit: logit(f32::from(color[3]) / 255.0),
        }
    }
}

fn unpack(sections: &[Section], level: usize, bounds: (f32, f32)) -> Scene {
    let degree = sections.iter().map(|section| section.sh_degree).max().unwrap_or(0);
    let ends: Vec<usize> = sections
        .iter()
        .scan(0, |end, section| {
            *end += section.count;
            Some(*end)
        })
        .collect();
    quantise::build(ends.last().copied().unwrap_or(0), degree, |i, sh| {
        let which = ends.partition_point(|&end| end <= i);
        let section = &sections[which];
        section.gaussian(i + section.count - ends[which], level, bounds, sh)
    })
}
