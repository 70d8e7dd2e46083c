//! A scene as a page carries it: columns of bytes that a few lines of script take apart, described in JSON and compressed
//! as a whole.
//!
//! A column is one number of every Gaussian. Those that span octaves or must be fine (means, time centres, what moves and turns) have
//! 16 bits between two ends, of the number itself or of sign · ln(1 + |number|), all high bytes before all low ones; all
//! others are indices into codebooks of 256 numbers. Means, sizes and velocities are in the frame of the description.

use std::io::Read;

use anyhow::{Context, Result, bail, ensure};
use flate2::Compression;
use flate2::read::{DeflateDecoder, DeflateEncoder};
use serde::{Deserialize, Serialize};

use super::bounded::{CUT_SHORT, check_claim, limit, read_at_most};
use super::codebook::Codebook;
use super::quantise::unit_quaternion;
use crate::edit::{morton_order, permute};
use crate::scene::{Clip, Curves, Motion, MotionKind, Normalisation, Scene, sh_coefficients};

/// The largest index of a number between two ends.
const MOST: f64 = 65_535.0;

/// How a column's bytes become numbers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Coding {
    /// One byte: an index into a codebook.
    Book(usize),
    /// Two bytes: from the first number to the second.
    Even(f64, f64),
    /// Two bytes: sign · ln(1 + |number|), from the first to the second.
    Log(f64, f64),
}

impl Coding {
    fn bytes(self) -> usize {
        if matches!(self, Self::Book(_)) { 1 } else { 2 }
    }
}

/// A column: the field that it is a part of, and which part.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Column {
    field: String,
    part: usize,
    coding: Coding,
}

/// What a packed scene's bytes mean.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Description {
    version: u32,
    pub gaussians: usize,
    pub sh_degree: u32,
    pub antialiased: bool,
    up: Option<[f32; 3]>,
    /// From the scene's own frame to that of the numbers.
    frame: Normalisation,
    columns: Vec<Column>,
    books: Vec<Vec<f32>>,
}

/// A scene's description and compressed bytes.
pub struct Packed {
    pub description: Description,
    pub bytes: Vec<u8>,
}

const VERSION: u32 = 1;

/// A field of a scene: its name, the number of its parts and of parts that share a codebook, and its coding without ends.
struct Field {
    name: &'static str,
    parts: usize,
    coding: Coding,
}

const EVEN: Coding = Coding::Even(0.0, 0.0);
const LOG: Coding = Coding::Log(0.0, 0.0);
const BOOK: Coding = Coding::Book(0);

/// How the scene of columns moves.
fn motion_of(columns: &[Column]) -> MotionKind {
    let has = |name| columns.iter().any(|column| column.field == name);
    match (has("velocity"), has("acceleration")) {
        (false, _) => MotionKind::Static,
        (true, false) => MotionKind::Linear,
        (true, true) => MotionKind::Curved,
    }
}

/// Fields in the order of their columns. Each has a codebook of its own where it has one.
fn fields(sh_degree: u32, motion: MotionKind) -> Vec<Field> {
    let field = |name, parts, coding| Field { name, parts, coding };
    let mut fields = vec![
        field("mean", 3, LOG),
        field("logit", 1, BOOK),
        field("quaternion", 4, BOOK),
        field("log_scale", 3, BOOK),
        field("colour", 3, BOOK),
    ];
    let bands = ["band_1", "band_2", "band_3"];
    fields.extend((1..=sh_degree).map(|band| field(bands[band as usize - 1], 3 * (2 * band as usize + 1), BOOK)));
    if motion != MotionKind::Static {
        fields.extend([field("velocity", 3, LOG), field("centre", 1, EVEN)]);
        fields.extend([field("log_duration", 1, BOOK), field("gate", 1, BOOK)]);
    }
    if motion == MotionKind::Curved {
        fields.extend([field("acceleration", 3, LOG), field("angular_velocity", 3, LOG)]);
    }
    fields
}

/// Harmonics of a Gaussian before the band of a field's name.
fn first_of_band(name: &str) -> Option<usize> {
    let band: u32 = name.strip_prefix("band_")?.parse().ok()?;
    Some(3 * sh_coefficients(band - 1))
}

/// The number of a column.
fn number(scene: &Scene, name: &str, part: usize, i: usize) -> f32 {
    let moving = |value: fn(&Motion, usize, usize) -> f32| scene.motion.as_ref().map_or(0.0, |m| value(m, part, i));
    let curves = scene.motion.as_ref().and_then(|motion| motion.curves.as_ref());
    let curve = |value: fn(&Curves, usize, usize) -> f32| curves.map_or(0.0, |c| value(c, part, i));
    match name {
        "mean" => scene.means[i][part],
        "logit" => scene.logits[i],
        "quaternion" => scene.quaternions[i][part],
        "log_scale" => scene.log_scales[i][part],
        "velocity" => moving(|m, part, i| m.velocities[i][part]),
        "centre" => moving(|m, _, i| m.centres[i]),
        "log_duration" => moving(|m, _, i| m.log_durations[i]),
        "gate" => moving(|m, _, i| m.gates[i]),
        "acceleration" => curve(|c, part, i| c.accelerations[i][part]),
        "angular_velocity" => curve(|c, part, i| c.angular_velocities[i][part]),
        _ => scene.sh[i * scene.sh_stride() + first_of_band(name).unwrap_or(0) + part],
    }
}

/// The place of a column's number.
fn place<'a>(scene: &'a mut Scene, name: &str, part: usize, i: usize) -> Option<&'a mut f32> {
    let stride = scene.sh_stride();
    let motion = scene.motion.as_mut();
    Some(match name {
        "mean" => &mut scene.means[i][part],
        "logit" => &mut scene.logits[i],
        "quaternion" => &mut scene.quaternions[i][part],
        "log_scale" => &mut scene.log_scales[i][part],
        "velocity" => &mut motion?.velocities[i][part],
        "centre" => &mut motion?.centres[i],
        "log_duration" => &mut motion?.log_durations[i],
        "gate" => &mut motion?.gates[i],
        "acceleration" => &mut motion?.curves.as_mut()?.accelerations[i][part],
        "angular_velocity" => &mut motion?.curves.as_mut()?.angular_velocities[i][part],
        _ => &mut scene.sh[i * stride + first_of_band(name).unwrap_or(0) + part],
    })
}

fn squeezed(value: f64) -> f64 {
    value.abs().ln_1p().copysign(value)
}

fn stretched(value: f64) -> f64 {
    value.abs().exp_m1().copysign(value)
}

/// Packs a scene. The Gaussians are sorted along a Morton curve.
///
/// # Errors
/// A scene that does not validate.
pub fn pack(scene: &Scene, frame: &Normalisation) -> Result<Packed> {
    scene.validate()?;
    let mut scene = scene.clone();
    let order = morton_order(&scene.means);
    permute(&mut scene, &order);
    scene.normalise(frame);
    for quaternion in &mut scene.quaternions {
        let unit = unit_quaternion(*quaternion);
        *quaternion = if unit[0] < 0.0 { unit.map(|part| -part) } else { unit };
    }
    let (mut columns, mut books, mut bytes) = (Vec::new(), Vec::new(), Vec::new());
    for Field { name, parts, coding } in fields(scene.sh_degree, MotionKind::of(scene.motion.as_ref())) {
        let n = scene.len();
        if coding == BOOK {
            let book = Codebook::of(n * parts, |k| number(&scene, name, k % parts, k / parts));
            for part in 0..parts {
                columns.push(Column { field: name.into(), part, coding: Coding::Book(books.len()) });
                bytes.extend((0..n).map(|i| book.index(number(&scene, name, part, i))));
            }
            books.push(book.numbers);
            continue;
        }
        for part in 0..parts {
            let values: Vec<f64> = (0..n).map(|i| f64::from(number(&scene, name, part, i))).collect();
            let (coding, indices) = between_ends(coding, &values);
            columns.push(Column { field: name.into(), part, coding });
            bytes.extend(indices.iter().map(|index| (index >> 8) as u8));
            bytes.extend(indices.iter().map(|index| *index as u8));
        }
    }
    let mut compressed = Vec::new();
    DeflateEncoder::new(bytes.as_slice(), Compression::best()).read_to_end(&mut compressed)?;
    let description = Description {
        version: VERSION,
        gaussians: scene.len(),
        sh_degree: scene.sh_degree,
        antialiased: scene.antialiased,
        up: scene.up.map(|up| up.to_array()),
        frame: *frame,
        columns,
        books,
    };
    Ok(Packed { description, bytes: compressed })
}

/// The ends of a column, and its numbers as indices between them.
fn between_ends(coding: Coding, values: &[f64]) -> (Coding, Vec<u16>) {
    let log = matches!(coding, Coding::Log(..));
    let own = |value: &f64| if log { squeezed(*value) } else { *value };
    let low = values.iter().map(own).fold(f64::INFINITY, f64::min);
    let high = values.iter().map(own).fold(f64::NEG_INFINITY, f64::max);
    let unit = if high > low { MOST / (high - low) } else { 0.0 };
    let indices = values.iter().map(|value| ((own(value) - low) * unit).round() as u16).collect();
    (if log { Coding::Log(low, high) } else { Coding::Even(low, high) }, indices)
}

/// The scene of a description and its compressed bytes, in its own frame.
///
/// # Errors
/// A version that is not known, columns that are not a scene's, or bytes that are not as many as there should be.
pub fn unpack(description: &Description, compressed: &[u8]) -> Result<Scene> {
    let Description { gaussians: n, sh_degree, .. } = *description;
    match description.version {
        VERSION => {}
        other => bail!("a scene of version {other}; this Dapple reads version {VERSION}, use a newer one"),
    }
    ensure!(sh_degree <= 3, "spherical harmonics of degree {sh_degree} (0 to 3 are known)");
    let kind = motion_of(&description.columns);
    let wanted = fields(sh_degree, kind);
    let wanted = wanted.iter().flat_map(|field| (0..field.parts).map(move |part| (field.name, part)));
    let found = description.columns.iter().map(|column| (column.field.as_str(), column.part));
    ensure!(wanted.eq(found), "the scene's columns are not those of a scene of degree {sh_degree}; {CUT_SHORT}");
    let width: usize = description.columns.iter().map(|column| column.coding.bytes()).sum();
    let size = check_claim(n as u64, sh_degree, width, compressed.len() as u64)?;
    let bytes = read_at_most(DeflateDecoder::new(compressed), limit(compressed.len() as u64), "the scene")?;
    ensure!(bytes.len() == size, "the scene is cut short: {size} bytes expected, {} found; {CUT_SHORT}", bytes.len());
    let mut scene = blank(description, kind);
    let mut rest = bytes.as_slice();
    for column in &description.columns {
        let (own, behind) = rest.split_at(n * column.coding.bytes());
        rest = behind;
        let value = reader(column.coding, own, &description.books)?;
        for i in 0..n {
            if let Some(place) = place(&mut scene, &column.field, column.part, i) {
                *place = value(i);
            }
        }
    }
    let frame = &description.frame;
    ensure!(frame.centre.is_finite() && frame.scale.is_normal() && frame.scale > 0.0, "the scene's frame is damaged");
    scene.denormalise(frame);
    Ok(scene)
}

/// Reads the i-th number of a column.
fn reader<'a>(coding: Coding, own: &'a [u8], books: &'a [Vec<f32>]) -> Result<Box<dyn Fn(usize) -> f32 + 'a>> {
    let n = own.len() / 2;
    let between = move |low: f64, high: f64, i: usize| {
        low + (high - low) * f64::from(u16::from_be_bytes([own[i], own[n + i]])) / MOST
    };
    Ok(match coding {
        Coding::Book(book) => {
            let book = books.get(book).filter(|book| book.len() == 256).context("a codebook is absent or damaged")?;
            Box::new(move |i| book[usize::from(own[i])])
        }
        Coding::Even(low, high) => Box::new(move |i| between(low, high, i) as f32),
        Coding::Log(low, high) => Box::new(move |i| stretched(between(low, high, i)) as f32),
    })
}

fn blank(description: &Description, kind: MotionKind) -> Scene {
    let n = description.gaussians;
    let curves = (kind == MotionKind::Curved).then(|| Curves::straight(n));
    let motion = (kind != MotionKind::Static).then(|| Motion { curves, ..Motion::still(vec![0.0; n], 1.0, 0.0) });
    let up = description.up.and_then(|up| super::quantise::direction(up.iter().map(|part| Some(f64::from(*part)))));
    Scene {
        means: vec![Default::default(); n],
        quaternions: vec![[0.0; 4]; n],
        log_scales: vec![Default::default(); n],
        logits: vec![0.0; n],
        sh: vec![0.0; n * 3 * sh_coefficients(description.sh_degree)],
        sh_degree: description.sh_degree,
        antialiased: description.antialiased,
        motion,
        up,
        clip: Clip::default(),
    }
}
