//! `meta.json` of a `.tsog`, and what it must be.

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use serde_json::Value;

use super::{PROFILE, VERSION};
use crate::format::SOG_META;

/// The most frames of a discrete timeline.
const MOST_FRAMES: u32 = 65_536;
/// The numbers that a codebook may have.
const CODEBOOK: std::ops::RangeInclusive<usize> = 1..=256;

/// Members that are not here are ignored.
#[derive(Deserialize)]
pub struct Meta {
    pub count: usize,
    pub model: Option<String>,
    /// Dapple's own: the direction that is up, and the name of the axes.
    pub up: Option<[f64; 3]>,
    pub axes: Option<Value>,
    pub means: Bounds<[f32; 3], 2>,
    pub scales: Book,
    pub quats: Files,
    pub sh0: Book,
    #[serde(rename = "shN")]
    pub sh_n: Option<Harmonics>,
    pub timeline: Option<Timeline>,
    pub temporal: Option<Temporal>,
    pub playback: Option<Playback>,
    pub audio: Option<Value>,
}

#[derive(Deserialize)]
pub struct Bounds<T, const N: usize> {
    pub mins: T,
    pub maxs: T,
    #[serde(with = "files")]
    pub files: [String; N],
}

#[derive(Deserialize)]
pub struct Book {
    pub codebook: Vec<f32>,
    pub files: [String; 1],
}

#[derive(Deserialize)]
pub struct Files {
    pub files: [String; 1],
}

#[derive(Deserialize)]
pub struct Harmonics {
    pub bands: u32,
    pub count: usize,
    pub codebook: Vec<f32>,
    pub files: [String; 2],
}

#[derive(Deserialize)]
pub struct Timeline {
    #[serde(rename = "type")]
    pub kind: u32,
    #[serde(rename = "N")]
    pub frames: Option<u32>,
    pub delta: Option<u32>,
    pub mins: Option<[f32; 2]>,
    pub maxs: Option<[f32; 2]>,
    pub files: [String; 2],
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Temporal {
    pub means: Velocities,
}

#[derive(Deserialize)]
pub struct Velocities {
    pub mins: [[f32; 3]; 1],
    pub maxs: [[f32; 3]; 1],
    /// One image of bytes, or one of low and one of high bytes.
    pub files: Vec<String>,
}

#[derive(Deserialize)]
pub struct Playback {
    pub duration: Option<f64>,
    pub fps: Option<f64>,
}

/// Arrays of any length, which serde does not have.
mod files {
    use serde::de::{Deserialize, Deserializer, Error};

    pub fn deserialize<'de, D: Deserializer<'de>, const N: usize>(from: D) -> Result<[String; N], D::Error> {
        let names = Vec::<String>::deserialize(from)?;
        let found = names.len();
        names.try_into().map_err(|_| D::Error::custom(format!("{found} files, expected {N}")))
    }
}

impl Meta {
    /// # Errors
    /// Names the member that is wrong.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let value: Value =
            serde_json::from_slice(bytes).map_err(|error| anyhow::anyhow!("{SOG_META} is no JSON: {error}"))?;
        let version = &value["version"];
        ensure!(version.as_u64() == Some(VERSION), "TSOG version {version} is not known; {VERSION} is read");
        if let Some(profile) = value.get("profile") {
            let known = profile["id"] == PROFILE.0 && profile["version"] == PROFILE.1;
            ensure!(known, "the profile {profile} is not known; {} {} is", PROFILE.0, PROFILE.1);
        }
        for member in ["playback", "timeline", "temporal", "audio", "shN"] {
            ensure!(value.get(member) != Some(&Value::Null), "{SOG_META}: {member} is null");
        }
        let meta: Self = serde_json::from_value(value)
            .map_err(|error| anyhow::anyhow!("{SOG_META} is not the description of a TSOG: {error}"))?;
        meta.check().context(SOG_META)?;
        Ok(meta)
    }

    fn check(&self) -> Result<()> {
        ensure!(self.count > 0, "no Gaussians");
        ordered("means", &self.means.mins, &self.means.maxs)?;
        book("scales", &self.scales.codebook)?;
        book("sh0", &self.sh0.codebook)?;
        if let Some(sh_n) = &self.sh_n {
            book("shN", &sh_n.codebook)?;
            ensure!((1..=3).contains(&sh_n.bands), "shN: {} bands; 1 to 3 are known", sh_n.bands);
            ensure!((1..=65_536).contains(&sh_n.count), "shN: a palette of {} sets", sh_n.count);
        }
        self.check_time()?;
        for group in self.groups() {
            for (i, name) in group.iter().enumerate() {
                ensure!(is_plain(name), "{name:?} is no name of a file in the archive");
                ensure!(!group[..i].contains(name), "two images are {name:?}");
            }
        }
        Ok(())
    }

    fn check_time(&self) -> Result<()> {
        let playback = self.playback.as_ref();
        let numbers = playback.into_iter().flat_map(|playback| [playback.duration, playback.fps]).flatten();
        for number in numbers {
            ensure!(number.is_finite() && number > 0.0, "playback: {number} is not above 0");
        }
        ensure!(self.temporal.is_none() || self.timeline.is_some(), "velocities without a timeline");
        if let Some(Temporal { means }) = &self.temporal {
            ordered("temporal.means", &means.mins[0], &means.maxs[0])?;
            ensure!(
                (1..=2).contains(&means.files.len()),
                "temporal.means: {} files, expected 1 or 2",
                means.files.len()
            );
        }
        let Some(timeline) = &self.timeline else { return Ok(()) };
        match timeline.kind {
            0 => {
                let frames = timeline.frames.filter(|n| (1..=MOST_FRAMES).contains(n));
                let frames = frames.context("timeline: N is not in 1 to 65536")?;
                ensure!(timeline.delta == Some(MOST_FRAMES / frames), "timeline: delta is not 65536 / N");
            }
            1 => {
                let (mins, maxs) = timeline.bounds()?;
                ordered("timeline", &mins, &maxs)?;
                ensure!(mins[1] > 0.0, "timeline: the shortest duration is not above 0");
            }
            kind => bail!("timeline: type {kind} is not known; 0 and 1 are"),
        }
        Ok(())
    }

    /// The names of the images, by what they belong to.
    fn groups(&self) -> Vec<&[String]> {
        let mut groups: Vec<&[String]> =
            vec![&self.means.files, &self.scales.files, &self.quats.files, &self.sh0.files];
        groups.extend(self.sh_n.as_ref().map(|sh_n| &sh_n.files[..]));
        groups.extend(self.timeline.as_ref().map(|timeline| &timeline.files[..]));
        groups.extend(self.temporal.as_ref().map(|temporal| &temporal.means.files[..]));
        groups
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.groups().into_iter().flatten().map(String::as_str)
    }
}

impl Timeline {
    /// Least and greatest centre and duration.
    pub fn bounds(&self) -> Result<([f32; 2], [f32; 2])> {
        self.mins.zip(self.maxs).context("timeline: no mins or maxs")
    }
}

fn ordered(what: &str, mins: &[f32], maxs: &[f32]) -> Result<()> {
    let right = |(low, high): (&f32, &f32)| low.is_finite() && high.is_finite() && low <= high;
    ensure!(mins.iter().zip(maxs).all(right), "{what}: its mins and maxs are no ranges");
    Ok(())
}

fn book(what: &str, numbers: &[f32]) -> Result<()> {
    ensure!(CODEBOOK.contains(&numbers.len()), "{what}: a codebook of {} numbers; 1 to 256 are known", numbers.len());
    ensure!(numbers.iter().all(|number| number.is_finite()), "{what}: its codebook is not finite");
    Ok(())
}

/// Whether a name leads to a file in the archive and nowhere else.
fn is_plain(name: &str) -> bool {
    let odd = |c: char| matches!(c, '\\' | ':' | '?' | '#') || c.is_control();
    !name.contains(odd) && name != SOG_META && name.split('/').all(|part| !matches!(part, "" | "." | ".."))
}
