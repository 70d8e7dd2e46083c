//! `.splatv` of antimatter15's splaTV (docs/formats.md 1.9): a texture of 64 bytes per Gaussian, mostly half precision.
//!
//! Layout: `u32` 0x674b, `u32` length of a JSON text, the text, and the texture's `u32`s, row-major.

use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use glam::Vec3;
use half::f16;
use serde_json::{Value, json};

use super::bounded::{CUT_SHORT, read_file, slice};
use super::quantise::{byte, log_scale, logit, unit_quaternion};
use super::spacetime::{Moving, Reading};
use super::{Format, Loaded, write_atomically};
use crate::scene::{Scene, sigmoid};

pub(super) const MAGIC: u32 = 0x674b;
/// Texels of four `u32` in a row of the texture, and those of a Gaussian.
const WIDTH: usize = 4096;
const TEXELS: usize = 4;
const WORDS: usize = 4 * TEXELS;

/// Writes a scene, sorted by size and opacity in descending order.
///
/// # Errors
/// A scene that is not finite, or a failed write.
pub fn write(path: &Path, scene: &Scene) -> Result<()> {
    scene.validate().with_context(|| format!("cannot write {}", path.display()))?;
    let height = (TEXELS * scene.len()).div_ceil(WIDTH);
    let chunk = json!([{
        "type": "splat", "size": height * WIDTH * 16, "texwidth": WIDTH, "texheight": height, "cameras": [camera(scene)],
    }]);
    let text = chunk.to_string();
    let order = by_importance(scene);
    write_atomically(path, |file| {
        file.write_all(&MAGIC.to_le_bytes())?;
        file.write_all(&(text.len() as u32).to_le_bytes())?;
        file.write_all(text.as_bytes())?;
        for &i in &order {
            file.write_all(bytemuck::cast_slice(&encode(scene, i as usize)))?;
        }
        let padding = height * WIDTH * 16 - scene.len() * WORDS * 4;
        file.write_all(&vec![0; padding])
    })
}

/// Indices in descending order of size and opacity.
pub(super) fn by_importance(scene: &Scene) -> Vec<u32> {
    let importance = |i: u32| sigmoid(scene.logits[i as usize]).ln() + scene.log_scales[i as usize].element_sum();
    let mut order: Vec<u32> = (0..scene.len() as u32).collect();
    order.sort_by(|&a, &b| importance(b).total_cmp(&importance(a)));
    order
}

/// The first camera of viewers, in front of the scene's median: INRIA's form, OpenCV axes.
fn camera(scene: &Scene) -> Value {
    let n = scene.len().max(1) as f32;
    let middle = scene.means.iter().sum::<Vec3>() / n;
    let spread = (scene.means.iter().map(|mean| mean.distance_squared(middle)).sum::<f32>() / n).sqrt();
    let position = (middle - Vec3::Z * (3.0 * spread).max(1e-3)).to_array();
    json!({
        "id": 0, "img_name": "front", "width": 1280, "height": 720, "position": position,
        "rotation": [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]], "fy": 1000.0, "fx": 1000.0,
    })
}

/// Packs two half-precision numbers, the first in the lower bits; overflow saturates.
fn halves(a: f32, b: f32) -> u32 {
    let half = |v: f32| u32::from(f16::from_f32(v.clamp(-65504.0, 65504.0)).to_bits());
    half(a) | half(b) << 16
}

fn encode(scene: &Scene, i: usize) -> [u32; WORDS] {
    let moving = Moving::of(scene, i, unit_quaternion(scene.quaternions[i]));
    let (q, spin) = (moving.quaternion, moving.spin);
    let scale = scene.log_scales[i].to_array().map(f32::exp);
    let [v, a, c] = moving.path;
    let rgba = [moving.rgb[0], moving.rgb[1], moving.rgb[2], sigmoid(scene.logits[i])].map(|c| byte(c * 255.0));
    let mut words = [0; WORDS];
    words[..3].copy_from_slice(&scene.means[i].to_array().map(f32::to_bits));
    words[3..8].copy_from_slice(&[
        halves(q[0], q[1]),
        halves(q[2], q[3]),
        halves(scale[0], scale[1]),
        halves(scale[2], 0.0),
        u32::from_le_bytes(rgba),
    ]);
    words[8..15].copy_from_slice(&[
        halves(v.x, v.y),
        halves(v.z, a.x),
        halves(a.y, a.z),
        halves(c.x, c.y),
        halves(c.z, 0.0),
        halves(spin[0], spin[1]),
        halves(spin[2], spin[3]),
    ]);
    words[15] = halves(moving.centre, moving.log_scale.exp());
    words
}

/// Reads a scene. Texels after the last Gaussian, which have no opacity and no size, are ignored.
///
/// # Errors
/// Names the file and the fault.
pub fn read(path: &Path) -> Result<Loaded> {
    read_file(path).and_then(|bytes| decode(&bytes)).with_context(|| path.display().to_string())
}

fn decode(bytes: &[u8]) -> Result<Loaded> {
    let word = |at: usize| slice(bytes, at, 4, "the header").map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]));
    ensure!(word(0)? == MAGIC, "not a .splatv file: it does not start as one does");
    let length = word(4)? as usize;
    let text = slice(bytes, 8, length, "the description")?;
    let chunks: Value = serde_json::from_slice(text).context("the description is no JSON")?;
    let mut at = 8 + length;
    let chunk = chunks.as_array().context("the description is no list of chunks")?.iter().find(|chunk| {
        let found = chunk["type"] == "splat";
        at = if found { at } else { at.saturating_add(chunk["size"].as_u64().unwrap_or(0) as usize) };
        found
    });
    let chunk = chunk.context("no chunk of type \"splat\" is in it")?;
    let size = chunk["size"].as_u64().context("its chunk has no size")? as usize;
    let texture = slice(bytes, at, size, "the texture")?;
    ensure!(size.is_multiple_of(WORDS * 4), "its texture of {size} bytes is no whole number of Gaussians; {CUT_SHORT}");
    let records = texture.as_chunks::<{ WORDS * 4 }>().0.iter();
    let records: Vec<[u32; WORDS]> = records.map(words_of).collect();
    let used = records.iter().rposition(|record| record.iter().any(|word| *word != 0)).map_or(0, |last| last + 1);

    let mut scene = Scene::default();
    let mut reading = Reading::default();
    for record in &records[..used] {
        let pair = |k: usize| [record[k] & 0xffff, record[k] >> 16].map(|h| f16::from_bits(h as u16).to_f32());
        let [[q0, q1], [q2, q3], [s0, s1], [s2, _]] = [3, 4, 5, 6].map(pair);
        let [r, g, b, a] = record[7].to_le_bytes().map(|c| f32::from(c) / 255.0);
        let [[vx, vy], [vz, ax], [ay, az], [cx, cy], [cz, _]] = [8, 9, 10, 11, 12].map(pair);
        let [[w0, w1], [w2, w3], [centre, duration]] = [13, 14, 15].map(pair);
        scene.means.push(Vec3::from_array([0, 1, 2].map(|k| f32::from_bits(record[k]))));
        scene.quaternions.push([q0, q1, q2, q3]);
        scene.log_scales.push(log_scale(Vec3::new(s0, s1, s2)));
        scene.logits.push(logit(a));
        let log_scale = duration.max(1e-4).ln();
        reading.push(&Moving {
            centre,
            log_scale,
            path: [Vec3::new(vx, vy, vz), Vec3::new(ax, ay, az), Vec3::new(cx, cy, cz)],
            quaternion: [q0, q1, q2, q3],
            spin: [w0, w1, w2, w3],
            rgb: [r, g, b],
        });
    }
    let warnings = reading.finish(&mut scene);
    Ok(Loaded { warnings, ..Loaded::new(scene, Format::Splatv) })
}

fn words_of(record: &[u8; WORDS * 4]) -> [u32; WORDS] {
    let mut words = [0; WORDS];
    words.iter_mut().zip(record.as_chunks().0).for_each(|(word, bytes)| *word = u32::from_le_bytes(*bytes));
    words
}
