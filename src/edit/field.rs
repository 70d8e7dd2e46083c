//! A distance between two scenes that does not depend on how they are parameterised (docs/formats.md 4): what both hold
//! at points on the Gaussians' surfaces of equal density.

use std::collections::HashMap;

use glam::{DVec3, DVec4, Mat3, Vec3};
use rayon::prelude::*;

use super::shape::{axes, root};
use super::spherical_harmonics::sh_basis;
use crate::scene::{ALPHA_MIN, Scene, sigmoid};

/// The surface whose density is that of this many standard deviations.
const SURFACE: f64 = 1.0;
/// Standard deviations from where on a Gaussian counts for nothing.
const REACH: f64 = 3.0;
/// A thickness below this share of the width is taken for it: it cannot be seen.
const THINNEST: f64 = 0.05;
/// Differences of the field below this are rounding.
const ROUNDING: f64 = 1e-4;
/// The most Gaussians of a scene that are sampled, and the points on each.
const SAMPLED: usize = 20_000;
const POINTS: usize = 12;

/// How different what two scenes hold is, as a share of full scale: 0 for equal scenes, and at most about 1. The order of
/// the Gaussians, the signs of quaternions and the order of axes count nothing, and split Gaussians little. Motion is not
/// looked at. The result does not depend on the number of threads.
pub fn field_distance(a: &Scene, b: &Scene) -> f64 {
    let samples = [samples(a), samples(b)];
    let of_a = Field::new(a).at_all(&samples);
    let of_b = Field::new(b).at_all(&samples);
    let mut mean = 0.0;
    for ((samples, of_a), of_b) in samples.iter().zip(of_a).zip(of_b) {
        let (mut sum, mut weights) = (0.0, 0.0);
        for ((sample, a), b) in samples.iter().zip(of_a).zip(of_b) {
            let error = ((a - b).abs() - ROUNDING).max(DVec4::ZERO);
            sum += sample.weight * error.length_squared() / 4.0;
            weights += sample.weight;
        }
        mean += if weights > 0.0 { sum / weights / 2.0 } else { 0.0 };
    }
    mean.sqrt()
}

/// A point on a Gaussian's surface, and the direction that it is seen from.
struct Sample {
    point: DVec3,
    direction: usize,
    weight: f64,
}

/// Directions evenly over the sphere: the corners of an icosahedron.
fn directions() -> [DVec3; POINTS] {
    let golden = (1.0 + 5.0_f64.sqrt()) / 2.0;
    std::array::from_fn(|k| {
        let sign = |bit: usize| if k >> bit & 1 == 0 { 1.0 } else { -1.0 };
        let mut corner = [0.0; 3];
        corner[(k / 4 + 1) % 3] = sign(0);
        corner[(k / 4 + 2) % 3] = sign(1) * golden;
        DVec3::from_array(corner).normalize()
    })
}

/// The samples of a scene. Gaussians are chosen by their own values, not by their place in the scene.
fn samples(scene: &Scene) -> Vec<Sample> {
    let key = |i: usize| {
        let mean = scene.means[i].to_array().map(|v| u64::from((v + 0.0).to_bits()));
        mix(mean.into_iter().chain([scene.logits[i].to_bits().into()]))
    };
    let visible = |&i: &usize| sigmoid(scene.logits[i]) >= ALPHA_MIN;
    let mut chosen: Vec<(u64, usize)> = (0..scene.len()).into_par_iter().filter(visible).map(|i| (key(i), i)).collect();
    chosen.par_sort_unstable();
    chosen.truncate(SAMPLED);
    let directions = directions();
    let of_gaussian = |(_, i): (u64, usize)| {
        let (mean, root) = (scene.means[i].as_dvec3(), root(&axes(scene, i, THINNEST)));
        let weight = sigmoid(scene.logits[i]).into();
        let sample = |direction| Sample { point: mean + root * directions[direction] * SURFACE, direction, weight };
        (0..POINTS).map(sample).collect::<Vec<_>>()
    };
    chosen.into_par_iter().flat_map_iter(of_gaussian).collect()
}

/// A number that looks like chance, from numbers.
fn mix(values: impl Iterator<Item = u64>) -> u64 {
    values.fold(0x9e37_79b9_7f4a_7c15, |state, value| {
        let state = (state ^ value).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        (state ^ state >> 29).wrapping_mul(0x94d0_49bb_1331_11eb) ^ state >> 32
    })
}

/// A scene as a function of space.
struct Field<'a> {
    scene: &'a Scene,
    /// `[N]` S⁻¹ Rᵀ, which takes an offset from the mean to standard deviations.
    inverses: Vec<Mat3>,
    /// Gaussians by the cells that they reach into, cell after cell, and each cell's part of them by its key. A Gaussian
    /// is in cells of about its own size, whose sides are 2 to the power of a level.
    members: Vec<u32>,
    cells: HashMap<u64, std::ops::Range<u32>>,
    levels: Vec<i32>,
}

impl<'a> Field<'a> {
    fn new(scene: &'a Scene) -> Self {
        let mut entries: Vec<(u64, u32)> = (0..scene.len())
            .into_par_iter()
            .flat_map_iter(|i| cells_of(scene, i).into_iter().map(move |key| (key, i as u32)))
            .collect();
        entries.par_sort_unstable();
        let mut cells = HashMap::new();
        let mut start = 0;
        for cell in entries.chunk_by(|a, b| a.0 == b.0) {
            let end = start + cell.len() as u32;
            cells.insert(cell[0].0, start..end);
            start = end;
        }
        let inverse = |i: usize| {
            let (rotation, scale) = axes(scene, i, THINNEST);
            (glam::DMat3::from_diagonal(scale.recip()) * rotation.transpose()).as_mat3()
        };
        let mut levels: Vec<i32> = (0..scene.len()).into_par_iter().map(|i| level(extent(scene, i))).collect();
        levels.par_sort_unstable();
        levels.dedup();
        Self {
            scene,
            inverses: (0..scene.len()).into_par_iter().map(inverse).collect(),
            members: entries.into_iter().map(|(_, i)| i).collect(),
            cells,
            levels,
        }
    }

    /// What is at each of the samples.
    fn at_all(&self, samples: &[Vec<Sample>; 2]) -> [Vec<DVec4>; 2] {
        // The side of a Gaussian that faces a direction is seen along its opposite.
        let bases = directions().map(|direction| sh_basis(-direction).map(|v| v as f32));
        let at = |sample: &Sample| self.at(sample.point, &bases[sample.direction]);
        [0, 1].map(|k| samples[k].par_iter().map(at).collect())
    }

    /// Colour times density, and density, at a point.
    fn at(&self, point: DVec3, basis: &[f32; 16]) -> DVec4 {
        let edge = (-0.5 * REACH * REACH).exp();
        let (mut through, mut sum, mut colour) = (1.0, 0.0, DVec3::ZERO);
        for &level in &self.levels {
            let Some(range) = self.cells.get(&key(level, cell(level, point))) else { continue };
            for &i in &self.members[range.start as usize..range.end as usize] {
                let i = i as usize;
                let offset = (point - self.scene.means[i].as_dvec3()).as_vec3();
                let squared = f64::from((self.inverses[i] * offset).length_squared());
                if squared < REACH * REACH {
                    // Falls to 0 at the reach, so that nothing depends on the last bit there.
                    let falloff = ((-0.5 * squared).exp() - edge) / (1.0 - edge);
                    let alpha = f64::from(sigmoid(self.scene.logits[i])) * falloff;
                    through *= 1.0 - alpha;
                    sum += alpha;
                    colour += alpha * seen(self.scene, i, basis).as_dvec3();
                }
            }
        }
        let density = 1.0 - through;
        if sum > 0.0 { (colour * (density / sum)).extend(density) } else { DVec4::ZERO }
    }
}

/// The colour of a Gaussian in the direction of a basis.
fn seen(scene: &Scene, i: usize, basis: &[f32; 16]) -> Vec3 {
    let sh = &scene.sh[i * scene.sh_stride()..][..scene.sh_stride()];
    let terms = sh.chunks_exact(3).zip(basis).map(|(c, y)| Vec3::new(c[0], c[1], c[2]) * *y);
    (terms.sum::<Vec3>() + 0.5).max(Vec3::ZERO)
}

/// Half the sides of the box around what a Gaussian reaches.
fn extent(scene: &Scene, i: usize) -> DVec3 {
    let (rotation, scale) = axes(scene, i, THINNEST);
    let across = rotation * glam::DMat3::from_diagonal(scale);
    DVec3::from_array([0, 1, 2].map(|axis| across.row(axis).length() * REACH))
}

/// The level of a box: sides of at least half the box's longest.
fn level(extent: DVec3) -> i32 {
    extent.max_element().max(f64::MIN_POSITIVE).log2().ceil() as i32
}

fn cell(level: i32, point: DVec3) -> [i64; 3] {
    (point / 2.0_f64.powi(level)).to_array().map(|v| v.floor() as i64)
}

fn key(level: i32, cell: [i64; 3]) -> u64 {
    mix([i64::from(level)].into_iter().chain(cell).map(|v| v as u64))
}

/// Keys of the cells that a Gaussian reaches into; none of one that nobody sees.
fn cells_of(scene: &Scene, i: usize) -> Vec<u64> {
    if sigmoid(scene.logits[i]) < ALPHA_MIN {
        return Vec::new();
    }
    let (mean, extent) = (scene.means[i].as_dvec3(), extent(scene, i));
    let level = level(extent);
    let (low, high) = (cell(level, mean - extent), cell(level, mean + extent));
    let mut keys = Vec::new();
    for (x, y) in (low[0]..=high[0]).flat_map(|x| (low[1]..=high[1]).map(move |y| (x, y))) {
        keys.extend((low[2]..=high[2]).map(|z| key(level, [x, y, z])));
    }
    keys
}
