//! Options of readers and writers.

use std::str::FromStr;

use anyhow::{Context, Result};

use super::html::PageSetting;
use super::lod::Levels;

/// The axes of an SPZ file. Those of a PLY are right, down, front (RDF).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpzAxes {
    /// Right, up, back: the axes of the format's specification.
    Rub,
    /// Right, down, front, as in a PLY: some tools write them.
    Rdf,
}

/// Options of reading.
#[derive(Clone, Copy, Debug, Default)]
pub struct ReadOptions {
    /// The axes of SPZ files, whatever they say; if `None`, those that a file names, else RUB.
    pub spz_axes: Option<SpzAxes>,
}

/// Evenly spaced times within the clip, 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TimeSamples {
    pub first: f32,
    pub last: f32,
    /// At least 1.
    pub count: usize,
}

/// The most times; a slip of the keyboard must not fill the disk.
const MAX_TIMES: usize = 100_000;

impl FromStr for TimeSamples {
    type Err = anyhow::Error;

    /// Parses `T0:T1:N`.
    fn from_str(text: &str) -> Result<Self> {
        let parts: Vec<&str> = text.split(':').map(str::trim).collect();
        let parse = || {
            let &[first, last, count] = parts.as_slice() else { return None };
            let time = |text: &str| text.parse().ok().filter(|time: &f32| time.is_finite());
            let count = count.parse().ok().filter(|count| (1..=MAX_TIMES).contains(count))?;
            Some(Self { first: time(first)?, last: time(last)?, count })
        };
        parse().with_context(|| format!("\"{text}\" is not T0:T1:N, as in 0:1:60 for 60 times over the clip"))
    }
}

impl TimeSamples {
    /// The times, in order.
    pub fn times(self) -> impl Iterator<Item = f32> {
        let part = move |i: usize| i as f32 / self.count.saturating_sub(1).max(1) as f32;
        (0..self.count).map(move |i| self.first + (self.last - self.first) * part(i))
    }
}

/// Options of writing.
#[derive(Clone, Debug)]
pub struct WriteOptions {
    /// 3 or 4.
    pub spz_version: u32,
    pub spz_axes: SpzAxes,
    /// The times of the samples, for a format that samples motion ([`super::Format::samples_motion`]).
    pub times: Option<TimeSamples>,
    /// Levels of detail and the size of files, for streamed SOG.
    pub levels: Levels,
    /// What a page shows besides the scene: `.html`, and the one in a `.lod`.
    pub page: PageSetting,
}

impl Default for WriteOptions {
    fn default() -> Self {
        Self {
            spz_version: 4,
            spz_axes: SpzAxes::Rub,
            times: None,
            levels: Levels::default(),
            page: PageSetting::default(),
        }
    }
}
