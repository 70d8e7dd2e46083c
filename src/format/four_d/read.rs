//! Reading `.4dgs`.

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use glam::Vec3;

use super::bytes::Reader;
use super::stream::Stream;
use super::{AXES, CHANNELS, GRIDS, HARMONICS, Life, MAGIC, MODEL, Steps, Y_UP, id, opcode, support};
use crate::format::bounded::{CUT_SHORT, check_claim, limit, read_exactly, read_file};
use crate::format::quantise::{dc_of, logit, unit_quaternion, with_largest};
use crate::format::{Format, Loaded, upright};
use crate::scene::{ALPHA_MIN, Clip, Motion, Scene};

/// The gate of a Gaussian that never fades.
const OPEN: f32 = 1.0;
/// The value of [`AXES`] for z up.
const Z_UP: &str = "z-up-right-handed";

/// Reads a scene.
///
/// # Errors
/// Names the file, the record and the fault.
pub fn read(path: &Path) -> Result<Loaded> {
    read_file(path).and_then(|bytes| decode(&bytes)).with_context(|| path.display().to_string())
}

/// What the records before the chunks say.
#[derive(Default)]
struct Facts<'a> {
    seconds: f64,
    count: u64,
    cutoff: f64,
    degree: u32,
    attributes: Vec<(&'a str, &'a str)>,
    steps: Option<Steps>,
    windows: Vec<(f64, f64)>,
    /// The axis that a coordinate frame calls up: 0 to 5 for +x, +y, +z, −x, −y, −z.
    up: Option<u8>,
    left_out: Vec<&'static str>,
}

fn decode(bytes: &[u8]) -> Result<Loaded> {
    let body = bytes.strip_prefix(&MAGIC).context("not a .4dgs file of major version 1")?;
    let mut body =
        Reader(body.strip_suffix(&MAGIC).with_context(|| format!("cut short: it lacks its end; {CUT_SHORT}"))?);
    let mut facts = Facts::default();
    let mut parts = Vec::new();
    let mut first = true;
    while !body.0.is_empty() {
        let (kind, content) = body.record()?;
        ensure!(!first || kind == opcode::HEADER, "its first record is no header; {CUT_SHORT}");
        first = false;
        match kind {
            opcode::CHUNK | opcode::BAND => parts.push((kind, content)),
            _ => facts.take(kind, content).with_context(|| format!("record {kind:#04x}"))?,
        }
    }
    ensure!(!first, "it holds no records; {CUT_SHORT}");
    check_claim(facts.count, facts.degree, 0, bytes.len() as u64)?;
    let steps = facts.steps.context("it has no record of its grids")?;
    let mut found = Found { scene: Scene { sh_degree: facts.degree, ..Scene::default() }, ..Found::default() };
    for (kind, content) in parts {
        match kind {
            opcode::CHUNK => found.chunk(content, &facts, &steps).context("a chunk")?,
            _ => found.band(content).context("a record of harmonics")?,
        }
    }
    ensure!(
        found.scene.len() as u64 == facts.count,
        "its chunks hold {} Gaussians, its header says {}; {CUT_SHORT}",
        found.scene.len(),
        facts.count
    );
    Ok(facts.finish(found))
}

impl<'a> Facts<'a> {
    fn take(&mut self, kind: u8, mut content: Reader<'a>) -> Result<()> {
        match kind {
            opcode::HEADER => self.header(content),
            opcode::QUANTIZATION => self.grids(content),
            opcode::WINDOWS => {
                let count = content.u32()?;
                ensure!(u64::from(count) * 16 <= content.0.len() as u64, "{count} windows; {CUT_SHORT}");
                for _ in 0..count {
                    let [from, to] = content.numbers()?;
                    self.windows.push((from, to));
                }
                Ok(())
            }
            opcode::FRAME => {
                content.text()?;
                let (_, up) = (content.byte()?, content.byte()?);
                self.up = Some(up);
                Ok(())
            }
            opcode::DELTA_CHUNK => bail!("it has frames as differences (keyframe-delta), which are not read"),
            _ => {
                let what = if opcode::SOUND.contains(&kind) {
                    "sound"
                } else if opcode::OBJECTS.contains(&kind) {
                    "objects"
                } else {
                    return Ok(());
                };
                if !self.left_out.contains(&what) {
                    self.left_out.push(what);
                }
                Ok(())
            }
        }
    }

    fn header(&mut self, mut content: Reader<'a>) -> Result<()> {
        let _profile_and_library = (content.text()?, content.text()?);
        [self.seconds] = content.numbers()?;
        self.count = content.u64()?;
        [self.cutoff] = content.numbers()?;
        let model = content.text()?;
        ensure!(model == MODEL, "its temporal model is {model:?}; {MODEL} is read");
        let _bounds: [f64; 6] = content.numbers()?;
        self.degree = content.byte()?.into();
        let _flags = content.byte()?;
        self.attributes = content.map()?;
        ensure!(self.degree <= 3, "harmonics of degree {}; 0 to 3 are known", self.degree);
        ensure!(self.seconds.is_finite() && self.seconds >= 0.0, "a clip of {} seconds", self.seconds);
        ensure!(self.cutoff > 0.0 && self.cutoff <= 1.0, "its cutoff {} is not in 0 to 1", self.cutoff);
        Ok(())
    }

    fn grids(&mut self, mut content: Reader) -> Result<()> {
        let name = content.text()?;
        ensure!(name == GRIDS, "its grids are {name:?}; {GRIDS} is read");
        let origin: [f64; 3] = content.numbers()?;
        let [position, scale, rotation, colour, opacity, motion, time, sigma] = content.numbers()?;
        let all = [position, scale, rotation, colour, opacity, motion, time, sigma];
        ensure!(all.iter().all(|step| step.is_finite() && *step > 0.0), "a step is not above 0");
        ensure!(origin.iter().all(|v| v.is_finite()), "its origin is not finite");
        let support = support(self.cutoff);
        self.steps = Some(Steps { origin, position, scale, rotation, colour, opacity, motion, time, sigma, support });
        Ok(())
    }

    /// Puts the scene upright and says what was left out.
    fn finish(&self, found: Found) -> Loaded {
        let mut scene = found.scene;
        let still = found.motion.gates.iter().all(|&gate| gate == OPEN)
            && found.motion.velocities.iter().all(|velocity| *velocity == Vec3::ZERO);
        scene.motion = (!still).then_some(found.motion);
        scene.clip = if still { Clip::default() } else { Clip::of(Some(self.seconds), None) };
        let mut loaded = Loaded { version: "1".into(), ..Loaded::new(scene, Format::FourD) };
        let named = self.attributes.iter().find(|(key, _)| *key == AXES).map(|(_, value)| *value);
        let up = match named {
            Some(Y_UP) => Some(1),
            Some(Z_UP) => Some(2),
            _ => self.up,
        };
        match up {
            None => loaded.warnings.push("its axes are not named and are taken as those of its capture".into()),
            Some(1) => {
                upright::half_turn(&mut loaded.scene);
                (loaded.scene.up, loaded.axes) = (Some(Vec3::NEG_Y), "y up".into());
            }
            Some(axis) => {
                // Adding zero takes the sign off another.
                let sign = if axis < 3 { 1.0 } else { -1.0 };
                loaded.scene.up = Vec3::AXES.get(usize::from(axis) % 3).map(|&axis| sign * axis + Vec3::ZERO);
            }
        }
        if self.cutoff > f64::from(ALPHA_MIN) {
            let percent = 100.0 * self.cutoff;
            loaded.warnings.push(format!("its Gaussians end where they fade to {percent:.1} %; here they fade on"));
        }
        if found.windowed > 0 {
            loaded
                .warnings
                .push(format!("{} Gaussians are cut to windows of time, which are left out", found.windowed));
        }
        loaded.warnings.extend(self.left_out.iter().map(|what| format!("its {what} is left out")));
        loaded
    }
}

/// Scene and motion as they are gathered.
#[derive(Default)]
struct Found {
    scene: Scene,
    motion: Motion,
    /// Gaussians that windows cut.
    windowed: usize,
    /// The first Gaussian of the last chunk.
    start: usize,
}

impl Found {
    fn chunk(&mut self, mut content: Reader, facts: &Facts, steps: &Steps) -> Result<()> {
        let ([_, _], _level, count): ([f64; 2], _, _) = (content.numbers()?, content.u32()?, content.u32()? as usize);
        let (compression, size, length) = (content.text()?, content.u64()?, content.u64()?);
        let packed = content.take(length)?;
        let room = (facts.count as usize).saturating_sub(self.scene.len());
        ensure!(count <= room, "{count} Gaussians are more than the header says; {CUT_SHORT}");
        ensure!(size <= limit(length), "{length} bytes cannot hold {size}; {CUT_SHORT}");
        let unpacked = match compression {
            "" => packed.to_vec(),
            "deflate" => read_exactly(flate2::read::ZlibDecoder::new(packed), size as usize, "its streams")?,
            "zstd" => read_exactly(zstd::stream::read::Decoder::new(packed)?, size as usize, "its streams")?,
            other => bail!("its compression {other:?} is not known"),
        };
        let mut streams: [Option<Vec<i64>>; CHANNELS.len()] = Default::default();
        let mut rest = Reader(&unpacked);
        while !rest.0.is_empty() {
            let stream = Stream::read(&mut rest)?;
            if let Some(place) = streams.get_mut(usize::from(stream.id)) {
                *place = Some(stream.decode(count, CHANNELS[usize::from(stream.id)])?);
            }
        }
        let absent = streams.iter().position(Option::is_none);
        ensure!(absent.is_none(), "stream {} is absent", absent.unwrap_or_default());
        let streams = streams.map(Option::unwrap_or_default);
        self.start = self.scene.len();
        for i in 0..count {
            self.push(&Bins { streams: &streams, i }, facts, steps)?;
        }
        Ok(())
    }

    fn push(&mut self, bins: &Bins, facts: &Facts, steps: &Steps) -> Result<()> {
        let window = usize::try_from(bins.one(id::WINDOW)).ok().and_then(|k| facts.windows.get(k));
        let &(from, to) = window.with_context(|| format!("window {} is not there", bins.one(id::WINDOW)))?;
        self.windowed += usize::from(from > 0.0 || to < facts.seconds);
        let stays = bins.one(id::FLAGS) & 1 == 1;
        let life = if stays { Life::Stays(to - from) } else { Life::Fades(bins.one(id::SIGMA)) };
        let seconds = if facts.seconds > 0.0 { facts.seconds } else { 1.0 };
        let place = usize::try_from(bins.one(id::LARGEST)).ok().filter(|&place| place < 4);
        let place = place.with_context(|| format!("a rotation without component {}", bins.one(id::LARGEST)))?;
        let number = |bin: i64, step: f64| bin as f64 * step;
        let others = bins.three(id::ROTATION).map(|bin| number(bin, steps.rotation).clamp(-1.0, 1.0) as f32);
        let [x, y, z, w] = with_largest(place, others);
        let [g, r, b] = bins.three(id::COLOUR);
        let position = bins.three(id::POSITION);
        let scene = &mut self.scene;
        scene.means.push(Vec3::from_array(std::array::from_fn(|k| {
            (steps.origin[k] + number(position[k], steps.position)) as f32
        })));
        scene.quaternions.push(unit_quaternion([w, x, y, z]));
        scene.log_scales.push(Vec3::from_array(bins.three(id::SCALE).map(|bin| number(bin, steps.scale) as f32)));
        scene.logits.push(logit(number(bins.one(id::OPACITY), steps.opacity) as f32));
        let start = scene.sh.len();
        scene.sh.resize(start + scene.sh_stride(), 0.0);
        // A sum beyond 64 bits is none of a file that is as it should be.
        let rgb = [r.saturating_add(g), g, b.saturating_add(g)];
        scene.sh[start..start + 3].copy_from_slice(&rgb.map(|bin| dc_of(number(bin, steps.colour) as f32)));
        let motion = &mut self.motion;
        let step = steps.motion_of(life) * seconds;
        motion.velocities.push(Vec3::from_array(bins.three(id::MOTION).map(|bin| number(bin, step) as f32)));
        motion.centres.push((number(bins.one(id::TIME), steps.time_of(life)) / seconds) as f32);
        motion.log_durations.push(match life {
            Life::Fades(bin) => (number(bin, steps.sigma) - seconds.ln()) as f32,
            Life::Stays(_) => 0.0,
        });
        motion.gates.push(if stays { OPEN } else { Motion::NO_GATE });
        Ok(())
    }

    /// Harmonics of the chunk before, in the range of [`HARMONICS`].
    fn band(&mut self, mut content: Reader) -> Result<()> {
        let band = usize::from(content.byte()?);
        ensure!(
            (1..=self.scene.sh_degree as usize).contains(&band),
            "band {band} of a scene of degree {}",
            self.scene.sh_degree
        );
        let (width, count) = (2 * band + 1, self.scene.len() - self.start);
        let values = Stream::read(&mut content)?.decode(count, (3 * width) as u8)?;
        let stride = self.scene.sh_stride();
        for (i, row) in values.chunks_exact(3 * width).enumerate() {
            let sh = &mut self.scene.sh[(self.start + i) * stride..][..stride];
            for (k, &byte) in row.iter().enumerate() {
                ensure!((0..256).contains(&byte), "harmonics of {byte}, which is no byte");
                sh[3 * (band * band + k % width) + k / width] = HARMONICS.0 + byte as f32 * (HARMONICS.1 / 255.0);
            }
        }
        Ok(())
    }
}

/// The numbers of one Gaussian.
struct Bins<'a> {
    streams: &'a [Vec<i64>; CHANNELS.len()],
    i: usize,
}

impl Bins<'_> {
    fn one(&self, id: usize) -> i64 {
        self.streams[id][self.i]
    }

    fn three(&self, id: usize) -> [i64; 3] {
        std::array::from_fn(|k| self.streams[id][3 * self.i + k])
    }
}
