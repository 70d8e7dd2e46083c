//! The quantised attributes of `.spz`, one array each.

use anyhow::Result;
use glam::Vec3;
use rayon::prelude::*;

use super::axis_flips::AxisFlips;
use super::bounded::slice;
use super::quantise::{self, GRAIN, Gaussian, byte, halves, largest, logit, u32_at, unit_quaternion};
use crate::scene::{Scene, sh_coefficients, sigmoid};

/// Scale of the colours: byte = f_dc · 0.15 · 255 + 127.5.
const COLOUR: f32 = 0.15;

/// Bytes per Gaussian in each array, in file order: positions, alphas, colours, scales, rotations, harmonics.
pub(super) struct Sizes([usize; 6]);

impl Sizes {
    pub fn new(version: u32, sh_degree: u8) -> Self {
        let positions = if version == 1 { 6 } else { 9 };
        let rotations = if version < 3 { 3 } else { 4 };
        Self([positions, 1, 3, 3, rotations, 3 * (sh_coefficients(u32::from(sh_degree)) - 1)])
    }

    /// Bytes of one Gaussian.
    pub fn total(&self) -> usize {
        self.0.iter().sum()
    }

    /// Bytes of each array for `count` Gaussians.
    pub fn of_streams(&self, count: usize) -> [usize; 6] {
        self.0.map(|size| size * count)
    }

    /// Cuts the body of a version before 4 into its arrays.
    pub fn split<'a>(&self, body: &'a [u8], count: usize) -> Result<Packed<'a>> {
        let mut at = 0;
        let mut arrays = Vec::new();
        for size in self.of_streams(count) {
            arrays.push(slice(body, at, size, "an array of attributes")?);
            at += size;
        }
        Ok(Packed::from_streams(&arrays))
    }
}

/// The arrays of a file.
pub(super) struct Packed<'a> {
    positions: &'a [u8],
    alphas: &'a [u8],
    colours: &'a [u8],
    scales: &'a [u8],
    rotations: &'a [u8],
    sh: &'a [u8],
}

impl<'a> Packed<'a> {
    /// From arrays in file order; those that are absent are empty.
    pub fn from_streams(streams: &[&'a [u8]]) -> Self {
        let stream = |i: usize| streams.get(i).copied().unwrap_or_default();
        Self {
            positions: stream(0),
            alphas: stream(1),
            colours: stream(2),
            scales: stream(3),
            rotations: stream(4),
            sh: stream(5),
        }
    }
}

/// The scene of `count` Gaussians whose arrays have the sizes of [`Sizes`].
pub(super) fn unpack(
    packed: &Packed,
    count: usize,
    version: u32,
    sh_degree: u8,
    fractional_bits: u8,
    flips: AxisFlips,
) -> Scene {
    let stored = sh_coefficients(u32::from(sh_degree)) - 1;
    let degree = u32::from(sh_degree).min(3);
    let step = (-f32::from(fractional_bits)).exp2();
    let signs = flips.sh();
    quantise::build(count, degree, |i, sh| {
        let position = if version == 1 {
            halves(packed.positions, 6 * i)
        } else {
            [0, 1, 2].map(|axis| i24(&packed.positions[9 * i + 3 * axis..]) as f32 * step)
        };
        let (dc, rest) = sh.split_at_mut(3);
        for (value, &stored) in dc.iter_mut().zip(&packed.colours[3 * i..]) {
            *value = (f32::from(stored) / 255.0 - 0.5) / COLOUR;
        }
        let row = packed.sh.get(3 * stored * i..).unwrap_or_default();
        for (k, (value, &stored)) in rest.iter_mut().zip(row).enumerate() {
            *value = (f32::from(stored) - 128.0) / 128.0 * signs[1 + k / 3];
        }
        let scale = [0, 1, 2].map(|axis| f32::from(packed.scales[3 * i + axis]) / 16.0 - 10.0);
        let quaternion = if version < 3 {
            first_three(&packed.rotations[3 * i..])
        } else {
            smallest_three(u32_at(packed.rotations, 4 * i))
        };
        Gaussian {
            mean: flips.mean(Vec3::from_array(position)),
            quaternion: flips.quaternion(quaternion),
            log_scale: Vec3::from_array(scale),
            logit: logit(f32::from(packed.alphas[i]) / 255.0),
        }
    })
}

/// The signed 24-bit number at the start of `bytes`.
fn i24(bytes: &[u8]) -> i32 {
    // Shifted up and down again, which repeats the sign bit.
    i32::from_le_bytes([0, bytes[0], bytes[1], bytes[2]]) >> 8
}

/// Versions 1 and 2: x, y and z as bytes, w what is left of the unit length.
fn first_three(bytes: &[u8]) -> [f32; 4] {
    let [x, y, z] = [0, 1, 2].map(|k| f32::from(bytes[k]) / 127.5 - 1.0);
    let w = (1.0 - (x * x + y * y + z * z)).max(0.0).sqrt();
    unit_quaternion([w, x, y, z])
}

/// Versions 3 and 4: of (x, y, z, w) the place of the largest in bits 30 and 31, and the others as sign and 9 bits.
fn smallest_three(packed: u32) -> [f32; 4] {
    let place = (packed >> 30) as usize;
    let other = |i: u32| {
        let field = packed >> (10 * (2 - i));
        let magnitude = (field & 511) as f32 / 511.0 * std::f32::consts::FRAC_1_SQRT_2;
        if field >> 9 & 1 == 1 { -magnitude } else { magnitude }
    };
    let [x, y, z, w] = quantise::with_largest(place, [0, 1, 2].map(other));
    unit_quaternion([w, x, y, z])
}

/// The inverse of [`smallest_three`] for a unit quaternion.
fn pack_rotation([w, x, y, z]: [f32; 4]) -> u32 {
    let q = [x, y, z, w];
    let place = largest(q);
    (0..4).filter(|&i| i != place).fold(place as u32, |packed, i| {
        let magnitude = (511.0 * q[i].abs() * std::f32::consts::SQRT_2 + 0.5) as u32;
        let negative = u32::from((q[i] < 0.0) != (q[place] < 0.0));
        packed << 10 | negative << 9 | magnitude.min(511)
    })
}

/// The arrays of a scene, in file order; `sh_steps` are those of [`spz_fit::sh_steps`].
///
/// [`spz_fit::sh_steps`]: super::spz_fit::sh_steps
pub(super) fn pack(scene: &Scene, fractional_bits: u8, sh_steps: [f32; 2], flips: AxisFlips) -> [Vec<u8>; 6] {
    let one = f32::from(fractional_bits).exp2();
    let rest = scene.sh_stride() - 3;
    let (signs, stride) = (flips.sh(), scene.sh_stride());
    let each = |size: usize, fill: &(dyn Fn(usize, &mut [u8]) + Sync)| {
        let mut bytes = vec![0; size * scene.len()];
        // A size of 0 has no chunks.
        let chunks = bytes.par_chunks_exact_mut(size.max(1)).enumerate();
        chunks.with_min_len(GRAIN).for_each(|(i, bytes)| fill(i, bytes));
        bytes
    };
    let positions = each(9, &|i, bytes| {
        let mean = flips.mean(scene.means[i]).to_array();
        for (place, value) in bytes.chunks_exact_mut(3).zip(mean) {
            place.copy_from_slice(&((value * one).round() as i32).to_le_bytes()[..3]);
        }
    });
    let alphas = each(1, &|i, bytes| bytes[0] = byte(sigmoid(scene.logits[i]) * 255.0));
    let colours = each(3, &|i, bytes| {
        for (place, dc) in bytes.iter_mut().zip(&scene.sh[stride * i..]) {
            *place = byte(dc * (COLOUR * 255.0) + 127.5);
        }
    });
    let scales = each(3, &|i, bytes| {
        for (place, scale) in bytes.iter_mut().zip(scene.log_scales[i].to_array()) {
            *place = byte((scale + 10.0) * 16.0);
        }
    });
    let rotations = each(4, &|i, bytes| {
        let quaternion = flips.quaternion(unit_quaternion(scene.quaternions[i]));
        bytes.copy_from_slice(&pack_rotation(quaternion).to_le_bytes());
    });
    let sh = each(rest, &|i, bytes| {
        for (k, (place, value)) in bytes.iter_mut().zip(&scene.sh[stride * i + 3..]).enumerate() {
            // Rounded to multiples, of which 256 is out of reach.
            let step = sh_steps[usize::from(k >= 9)];
            let value = value * signs[1 + k / 3] * 128.0 + 128.0;
            *place = ((value / step).round() * step) as u8;
        }
    });
    [positions, alphas, colours, scales, rotations, sh]
}
