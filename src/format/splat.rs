//! antimatter15's `.splat` (docs/formats.md 1.3): 32 bytes per Gaussian, no header, no spherical harmonics above degree
//! 0.

use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use glam::Vec3;
use rayon::prelude::*;

use super::bounded::{CUT_SHORT, read_file};
use super::quantise::{self, Gaussian, byte, colour, dc_of, floats, unit_quaternion};
use super::{Format, Loaded, write_atomically};
use crate::scene::{Scene, sigmoid};

/// Bytes per Gaussian.
const RECORD: usize = 32;
/// Records per encoded block.
const BLOCK: usize = 1 << 16;

/// Reads a `.splat` file; order and axes are kept.
///
/// # Errors
/// Names the file and the fault.
pub fn read(path: &Path) -> Result<Loaded> {
    let scene = read_file(path).and_then(|bytes| decode(&bytes)).with_context(|| format!("{}", path.display()))?;
    let mut loaded = Loaded::new(scene, Format::Splat);
    if loaded.scene.is_empty() {
        loaded
            .warnings
            .push("the file is empty: a scene without Gaussians, or one that was not written to its end".into());
    }
    Ok(loaded)
}

fn decode(bytes: &[u8]) -> Result<Scene> {
    ensure!(
        bytes.len().is_multiple_of(RECORD),
        "not a whole number of records of {RECORD} bytes: {} are left over after {}; cut short, or no .splat; {CUT_SHORT}",
        bytes.len() % RECORD,
        bytes.len() / RECORD
    );
    let scene = quantise::build(bytes.len() / RECORD, 0, |i, sh| {
        let record = &bytes[i * RECORD..][..RECORD];
        for (channel, value) in sh.iter_mut().enumerate() {
            *value = dc_of(f32::from(record[24 + channel]) / 255.0);
        }
        let component = |k: usize| (f32::from(record[28 + k]) - 128.0) / 128.0;
        Gaussian {
            mean: Vec3::from_array(floats(record, 0)),
            log_scale: quantise::log_scale(Vec3::from_array(floats(record, 12))),
            logit: quantise::logit(f32::from(record[27]) / 255.0),
            quaternion: unit_quaternion([0, 1, 2, 3].map(component)),
        }
    });
    Ok(scene)
}

/// Writes the Gaussians sorted by importance, because viewers of this format show them as they arrive.
///
/// # Errors
/// A scene that is not finite, or a failed write.
pub fn write(path: &Path, scene: &Scene) -> Result<()> {
    scene.validate().with_context(|| format!("cannot write {}", path.display()))?;
    let order = by_importance(scene);
    write_atomically(path, |file| {
        for block in order.chunks(BLOCK) {
            let records: Vec<[u8; RECORD]> = block.par_iter().map(|&i| encode(scene, i as usize)).collect();
            file.write_all(records.as_flattened())?;
        }
        Ok(())
    })
}

/// Indices in descending order of volume × opacity.
pub(super) fn by_importance(scene: &Scene) -> Vec<u32> {
    let importance = |i: usize| sigmoid(scene.logits[i]).ln() + scene.log_scales[i].element_sum();
    let mut keyed: Vec<(f32, u32)> = (0..scene.len()).into_par_iter().map(|i| (importance(i), i as u32)).collect();
    keyed.par_sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    keyed.into_iter().map(|(_, i)| i).collect()
}

fn encode(scene: &Scene, i: usize) -> [u8; RECORD] {
    let mut record = [0; RECORD];
    // An exponent beyond 88 would be infinite.
    let scale = scene.log_scales[i].min(Vec3::splat(88.0)).exp();
    let numbers = scene.means[i].to_array().into_iter().chain(scale.to_array());
    for (place, number) in record.chunks_exact_mut(4).zip(numbers) {
        place.copy_from_slice(&number.to_le_bytes());
    }
    let sh = &scene.sh[i * scene.sh_stride()..];
    for channel in 0..3 {
        record[24 + channel] = byte(colour(sh[channel]) * 255.0);
    }
    record[27] = byte(sigmoid(scene.logits[i]) * 255.0);
    let quaternion = unit_quaternion(scene.quaternions[i]);
    for (k, component) in quaternion.into_iter().enumerate() {
        record[28 + k] = byte(component * 128.0 + 128.0);
    }
    record
}
