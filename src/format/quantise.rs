//! Conversions of quantised numbers, and the parallel loop that builds a scene from them.

use glam::Vec3;
use rayon::prelude::*;

use crate::scene::{SH_C0, Scene, logit_within, sh_coefficients};

/// The least number of Gaussians per task of a parallel loop.
pub(super) const GRAIN: usize = 4096;

/// One Gaussian without its spherical harmonics.
pub(super) struct Gaussian {
    pub mean: Vec3,
    pub quaternion: [f32; 4],
    pub log_scale: Vec3,
    pub logit: f32,
}

/// Builds a scene of `n` Gaussians in parallel: `gaussian(i, sh)` returns the i-th and fills its row of [`Scene::sh`],
/// which is zero before. Callers must have checked that the file is large enough for `n` Gaussians.
pub(super) fn build(n: usize, sh_degree: u32, gaussian: impl Fn(usize, &mut [f32]) -> Gaussian + Sync) -> Scene {
    let stride = 3 * sh_coefficients(sh_degree);
    let mut scene = Scene {
        means: vec![Vec3::ZERO; n],
        quaternions: vec![[0.0; 4]; n],
        log_scales: vec![Vec3::ZERO; n],
        logits: vec![0.0; n],
        sh: vec![0.0; n * stride],
        sh_degree,
        ..Scene::default()
    };
    let geometry = scene.means.par_iter_mut().zip(&mut scene.quaternions);
    let shape = scene.log_scales.par_iter_mut().zip(&mut scene.logits);
    let rows = geometry.zip(shape).zip(scene.sh.par_chunks_exact_mut(stride));
    rows.enumerate().with_min_len(GRAIN).for_each(|(i, (((mean, quaternion), (log_scale, logit)), sh))| {
        let made = gaussian(i, sh);
        (*mean, *quaternion, *log_scale, *logit) = (made.mean, made.quaternion, made.log_scale, made.logit);
    });
    scene
}

/// Logit of an opacity clamped to 10⁻⁶..=1 − 10⁻⁶: quantised files hold 0 and 1, whose logits are infinite, and the clamped
/// values fall into the same quantisation steps.
pub(super) fn logit(opacity: f32) -> f32 {
    logit_within(opacity, 1e-6, 1.0 - 1e-6)
}

/// Logarithm of a linear scale; a scale of 0 or less, which some tools write for "very small", becomes 10⁻²⁰.
pub(super) fn log_scale(linear: Vec3) -> Vec3 {
    let positive = |v: f32| if v.is_nan() { v } else { v.max(1e-20) };
    Vec3::from_array(linear.to_array().map(|v| positive(v).ln()))
}

/// The unit quaternion in the direction of `q`; the identity where it has none.
pub(super) fn unit_quaternion(q: [f32; 4]) -> [f32; 4] {
    // In double precision, whose range holds the square of any single.
    let norm = q.iter().map(|&v| f64::from(v) * f64::from(v)).sum::<f64>().sqrt();
    // Components that are not finite stay so, for the check of the scene to find.
    if norm == 0.0 { [1.0, 0.0, 0.0, 0.0] } else { q.map(|v| (f64::from(v) / norm) as f32) }
}

/// The unit vector of three numbers; `None` for other counts, and for numbers without a direction.
pub(super) fn direction(numbers: impl Iterator<Item = Option<f64>>) -> Option<Vec3> {
    let numbers: Vec<f64> = numbers.collect::<Option<_>>()?;
    let [x, y, z] = numbers.try_into().ok()?;
    glam::DVec3::new(x, y, z).try_normalize().map(|v| v.as_vec3())
}

/// The nearest of 0..=255 to `v`.
pub(super) fn byte(v: f32) -> u8 {
    // `as` saturates.
    (v + 0.5).floor() as u8
}

/// Display-referred colour of a zeroth coefficient, before the higher bands and clamping.
pub(super) fn colour(dc: f32) -> f32 {
    SH_C0 * dc + 0.5
}

/// The inverse of [`colour`].
pub(super) fn dc_of(colour: f32) -> f32 {
    (colour - 0.5) / SH_C0
}

/// Index of the component of largest magnitude; the first of equal ones.
pub(super) fn largest(q: [f32; 4]) -> usize {
    (1..4).fold(0, |best, i| if q[i].abs() > q[best].abs() { i } else { best })
}

/// The unit quaternion whose components other than `largest` are `others`, in order.
pub(super) fn with_largest(largest: usize, others: [f32; 3]) -> [f32; 4] {
    let mut q = [0.0; 4];
    let places = (0..4).filter(|&i| i != largest);
    for (place, value) in places.zip(others) {
        q[place] = value;
    }
    q[largest] = (1.0 - others.iter().map(|v| v * v).sum::<f32>()).max(0.0).sqrt();
    q
}

/// `N` little-endian floats at `at`.
pub(super) fn floats<const N: usize>(bytes: &[u8], at: usize) -> [f32; N] {
    std::array::from_fn(|i| f32::from_bits(u32_at(bytes, at + 4 * i)))
}

/// `N` little-endian half floats at `at`.
pub(super) fn halves<const N: usize>(bytes: &[u8], at: usize) -> [f32; N] {
    std::array::from_fn(|i| half::f16::from_bits(u16_at(bytes, at + 2 * i)).to_f32())
}

pub(super) fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

pub(super) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) | u64::from(u32_at(bytes, at + 4)) << 32
}
