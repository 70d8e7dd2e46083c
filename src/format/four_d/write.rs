//! Writing `.4dgs`.

use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use glam::DVec3;
use rayon::prelude::*;

use super::bytes::Writer;
use super::plan::{Part, Plan};
use super::{AXES, CHANNELS, GRIDS, HARMONICS, Life, MAGIC, MODEL, Y_UP, id, opcode, stream};
use crate::format::quantise::{byte, colour, largest, unit_quaternion};
use crate::format::{upright, write_atomically};
use crate::scene::{ALPHA_MIN, Scene, sigmoid};

/// Indices of the Gaussians in file order.
pub fn order(scene: &Scene) -> Vec<u32> {
    Plan::of(scene).parts(scene).into_iter().flat_map(|part| part.members).collect()
}

/// Writes a scene in the order of `order`. The Gaussians of a static scene never fade.
///
/// # Errors
/// A scene that is not finite or empty, a number that is too large for its grid, or a failed write.
pub fn write(path: &Path, scene: &Scene) -> Result<()> {
    let bytes = encode(scene).with_context(|| format!("cannot write {}", path.display()))?;
    write_atomically(path, |file| file.write_all(&bytes))
}

fn encode(scene: &Scene) -> Result<Vec<u8>> {
    scene.validate()?;
    ensure!(!scene.is_empty(), ".4dgs cannot hold a scene without Gaussians");
    let parts = Plan::of(scene).parts(scene);
    let scene = &upright::half_turned(scene);
    let plan = Plan::of(scene);
    let mut file = Writer::default();
    file.0.extend(MAGIC);
    let box_of = bounds(&plan);
    file.record(opcode::HEADER, &header(scene, &plan, box_of));
    file.record(opcode::QUANTIZATION, &grids(&plan));
    let (from, to) = plan.window();
    file.record(opcode::WINDOWS, &Writer::default().u32(1).numbers(&[from, to]).0);
    let mut index = Vec::new();
    for part in &parts {
        index.push(chunk(&mut file, scene, &plan, part)?);
    }
    let summary = file.0.len();
    index.iter().for_each(|entry| {
        file.record(opcode::INDEX, entry);
    });
    let mut statistics = Writer::default();
    statistics.u64(scene.len() as u64).u32(parts.len() as u32).numbers(&[plan.seconds]).numbers(&box_of);
    file.record(opcode::STATISTICS, &statistics.0);
    let mut sum = flate2::Crc::new();
    sum.update(&file.0[summary..]);
    file.record(opcode::FOOTER, &Writer::default().u64(summary as u64).u64(0).u32(sum.sum()).0);
    file.0.extend(MAGIC);
    Ok(file.0)
}

/// Least and greatest coordinates of the positions.
fn bounds(plan: &Plan) -> [f64; 6] {
    let positions = || plan.timed.iter().map(|one| one.position);
    let (low, high) =
        (positions().fold(DVec3::INFINITY, DVec3::min), positions().fold(DVec3::NEG_INFINITY, DVec3::max));
    [low.x, low.y, low.z, high.x, high.y, high.z]
}

fn header(scene: &Scene, plan: &Plan, bounds: [f64; 6]) -> Vec<u8> {
    let mut out = Writer::default();
    out.text("").text(concat!("Dapple ", env!("CARGO_PKG_VERSION")));
    out.numbers(&[plan.seconds]).u64(scene.len() as u64).numbers(&[ALPHA_MIN.into()]).text(MODEL).numbers(&bounds);
    let attributes =
        [("color_space", "srgb-rec709-display".into()), (AXES, Y_UP.into()), ("visibility_profile", "gaussian".into())];
    out.byte(scene.sh_degree as u8).byte(0).map(&attributes);
    out.0
}

fn grids(plan: &Plan) -> Vec<u8> {
    let steps = &plan.steps;
    let mut out = Writer::default();
    out.text(GRIDS).numbers(&steps.origin).numbers(&[steps.position, steps.scale, steps.rotation, steps.colour]);
    out.numbers(&[steps.opacity, steps.motion, steps.time, steps.sigma]).byte(1);
    let half = |step: f64| format!("{:e}", 0.5 * step);
    let relative = |step: f64| format!("{:e}", (0.5 * step).exp_m1());
    out.map(&[
        ("alpha", half(steps.opacity)),
        ("motion", half(steps.motion)),
        ("pos", half(steps.position)),
        ("rgb", half(steps.colour)),
        ("rot", half(steps.rotation)),
        ("scale_rel", relative(steps.scale)),
        ("sh", "0".into()),
        ("sigma_rel", relative(steps.sigma)),
        ("time", half(steps.time)),
    ]);
    out.0
}

/// Appends a chunk and its harmonics; returns its entry of the index.
fn chunk(file: &mut Writer, scene: &Scene, plan: &Plan, part: &Part) -> Result<Vec<u8>> {
    let rows: Vec<Row> = part.members.par_iter().map(|&i| Row::of(scene, plan, i as usize)).collect();
    let streams: Vec<Vec<u8>> = (0..CHANNELS.len())
        .into_par_iter()
        .map(|id| {
            let values: Vec<i64> = rows.iter().flat_map(|row| row.numbers(id)).collect();
            stream::encode(id as u8, &values, CHANNELS[id].into())
        })
        .collect::<Result<_>>()?;
    let streams = streams.concat();
    let count = rows.len() as u32;
    let mut content = Writer::default();
    content.numbers(&[part.from, part.to]).u32(0).u32(count).text("");
    content.u64(streams.len() as u64).u64(streams.len() as u64);
    content.0.extend(streams);
    let offset = file.record(opcode::CHUNK, &content.0);
    let length = file.0.len() as u64 - offset;
    let bands: Vec<Vec<u8>> = (1..=scene.sh_degree as usize)
        .into_par_iter()
        .map(|band| {
            let values: Vec<i64> = part.members.iter().flat_map(|&i| harmonics(scene, i as usize, band)).collect();
            stream::encode(id::BAND, &values, 3 * (2 * band + 1))
        })
        .collect::<Result<_>>()?;
    let mut entry = Writer::default();
    entry.numbers(&[part.from, part.to]).u64(offset).u64(length).u32(count).u32(bands.len() as u32);
    for (k, stream) in bands.into_iter().enumerate() {
        let band = k as u8 + 1;
        let offset = file.record(opcode::BAND, &[vec![band], stream].concat());
        entry.byte(band).u64(offset).u64(file.0.len() as u64 - offset);
    }
    Ok(entry.0)
}

/// The coefficients of a band as bytes, channel by channel.
fn harmonics(scene: &Scene, i: usize, band: usize) -> impl Iterator<Item = i64> {
    let sh = &scene.sh[i * scene.sh_stride()..];
    let stored = |v: f32| i64::from(byte((v - HARMONICS.0) * (255.0 / HARMONICS.1)));
    (0..3).flat_map(move |channel| (band * band..(band + 1) * (band + 1)).map(move |k| stored(sh[3 * k + channel])))
}

/// A Gaussian on the grids.
struct Row {
    position: [i64; 3],
    scale: [i64; 3],
    largest: i64,
    rotation: [i64; 3],
    colour: [i64; 3],
    opacity: i64,
    motion: [i64; 3],
    time: i64,
    sigma: i64,
    stays: bool,
}

impl Row {
    fn of(scene: &Scene, plan: &Plan, i: usize) -> Self {
        let (steps, timed) = (&plan.steps, &plan.timed[i]);
        let bin = |value: f64, step: f64| (value / step).round() as i64;
        let step = steps.motion_of(timed.life);
        let motion = timed.velocity.to_array().map(|v| bin(v, step));
        let read = DVec3::from_array(motion.map(|v| v as f64 * step));
        // Exact where the clip is nearest to its time.
        let exact = timed.time.clamp(0.0, plan.seconds) - timed.time;
        let place = timed.position + (timed.velocity - read) * exact - DVec3::from_array(steps.origin);
        let [w, x, y, z] = unit_quaternion(scene.quaternions[i]);
        let q = [x, y, z, w];
        let place_of = largest(q);
        let sign = if q[place_of] < 0.0 { -1.0 } else { 1.0 };
        let mut others = (0..4).filter(|&k| k != place_of).map(|k| bin(f64::from(sign * q[k]), steps.rotation));
        let sh = &scene.sh[i * scene.sh_stride()..];
        let [r, g, b] = [0, 1, 2].map(|k| bin(f64::from(colour(sh[k]).clamp(0.0, 1.0)), steps.colour));
        Self {
            position: place.to_array().map(|v| bin(v, steps.position)),
            scale: scene.log_scales[i].to_array().map(|v| bin(v.into(), steps.scale)),
            largest: place_of as i64,
            rotation: std::array::from_fn(|_| others.next().unwrap_or(0)),
            colour: [g, r - g, b - g],
            opacity: bin(sigmoid(scene.logits[i]).into(), steps.opacity),
            motion,
            time: timed.time_bin,
            sigma: if let Life::Fades(sigma) = timed.life { sigma } else { 0 },
            stays: matches!(timed.life, Life::Stays(_)),
        }
    }

    /// The numbers of a stream.
    fn numbers(&self, stream: usize) -> impl Iterator<Item = i64> {
        let numbers = match stream {
            id::POSITION => self.position,
            id::SCALE => self.scale,
            id::ROTATION => self.rotation,
            id::COLOUR => self.colour,
            id::MOTION => self.motion,
            id::LARGEST => [self.largest, 0, 0],
            id::OPACITY => [self.opacity, 0, 0],
            id::TIME => [self.time, 0, 0],
            id::SIGMA => [self.sigma, 0, 0],
            id::FLAGS => [i64::from(self.stays), 0, 0],
            // There is one window.
            _ => [0; 3],
        };
        numbers.into_iter().take(CHANNELS[stream].into())
    }
}
