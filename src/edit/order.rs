//! The order of the Gaussians in a scene.

use std::collections::BTreeMap;

use glam::Vec3;
use rayon::prelude::*;

use crate::scene::Scene;
use crate::scene::stats::percentile;

/// Indices of the Gaussians along a Morton curve through their means, 21 bits per axis over the bounds of the scene.
/// Gaussians in the same cell keep their order.
pub fn morton_order(means: &[Vec3]) -> Vec<u32> {
    let low = means.iter().copied().fold(Vec3::INFINITY, Vec3::min).as_dvec3();
    let high = means.iter().copied().fold(Vec3::NEG_INFINITY, Vec3::max).as_dvec3();
    let cells = ((1_u64 << 21) - 1) as f64 / (high - low);
    let code = |mean: &Vec3| {
        let [x, y, z] = ((mean.as_dvec3() - low) * cells).to_array().map(|v| spread(v as u64));
        x | y << 1 | z << 2
    };
    let mut keyed: Vec<(u64, u32)> = means.par_iter().enumerate().map(|(i, mean)| (code(mean), i as u32)).collect();
    keyed.par_sort_unstable();
    keyed.into_iter().map(|(_, i)| i).collect()
}

/// Indices of the Gaussians by the octave of their distance from the median of the means, the nearest first, and along a
/// Morton curve within each: a few far ones share no neighbourhood with the many near ones. Distances below the median
/// distance are one octave.
pub fn octave_order(means: &[Vec3]) -> Vec<u32> {
    let median =
        |values: &mut dyn Iterator<Item = f32>| percentile(values.map(f64::from), 50).unwrap_or_default() as f32;
    let middle = Vec3::from_array([0, 1, 2].map(|axis| median(&mut means.iter().map(|mean| mean[axis]))));
    let unit = median(&mut means.iter().map(|mean| mean.distance(middle))).max(f32::MIN_POSITIVE);
    let octave = |mean: &Vec3| (mean.distance(middle) / unit).max(1.0).log2() as u32;
    let mut octaves: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    means.iter().enumerate().for_each(|(i, mean)| octaves.entry(octave(mean)).or_default().push(i as u32));
    let sorted = octaves.into_values().flat_map(|members| {
        let inside: Vec<Vec3> = members.iter().map(|&i| means[i as usize]).collect();
        morton_order(&inside).into_iter().map(move |k| members[k as usize])
    });
    sorted.collect()
}

/// Inserts two zeros between each of the lowest 21 bits.
fn spread(bits: u64) -> u64 {
    let mut v = bits & 0x1f_ffff;
    for (shift, mask) in [
        (32, 0x001f_0000_0000_ffff),
        (16, 0x001f_0000_ff00_00ff),
        (8, 0x100f_00f0_0f00_f00f),
        (4, 0x10c3_0c30_c30c_30c3),
        (2, 0x1249_2492_4924_9249),
    ] {
        v = (v | v << shift) & mask;
    }
    v
}

/// The still scene of these Gaussians, in this order.
pub fn gather(scene: &Scene, members: &[u32]) -> Scene {
    let stride = scene.sh_stride();
    let rows = || members.iter().map(|&i| i as usize);
    Scene {
        means: rows().map(|i| scene.means[i]).collect(),
        quaternions: rows().map(|i| scene.quaternions[i]).collect(),
        log_scales: rows().map(|i| scene.log_scales[i]).collect(),
        logits: rows().map(|i| scene.logits[i]).collect(),
        sh: rows().flat_map(|i| &scene.sh[i * stride..(i + 1) * stride]).copied().collect(),
        sh_degree: scene.sh_degree,
        antialiased: scene.antialiased,
        up: scene.up,
        ..Scene::default()
    }
}

/// Moves Gaussian `order[i]` to index `i`; `order` is a permutation.
pub fn permute(scene: &mut Scene, order: &[u32]) {
    for (values, width) in scene.attributes_mut() {
        rows(values, width, order);
    }
}

/// Permutes rows of `width` values along the cycles of `order`, which takes no second array.
fn rows(data: &mut [f32], width: usize, order: &[u32]) {
    let mut placed = vec![false; order.len()];
    let mut held = Vec::with_capacity(width);
    for start in 0..order.len() {
        if placed[start] {
            continue;
        }
        held.clear();
        held.extend_from_slice(&data[start * width..(start + 1) * width]);
        let mut to = start;
        loop {
            placed[to] = true;
            let from = order[to] as usize;
            if from == start {
                break;
            }
            data.copy_within(from * width..(from + 1) * width, to * width);
            to = from;
        }
        data[to * width..(to + 1) * width].copy_from_slice(&held);
    }
}
