//! What a format costs: a scene against the file that it was written to.

use std::fmt;

use rayon::prelude::*;

use super::quantise::unit_quaternion;
use super::{Format, compressed_ply, four_d, lod, sog, splat, splatv};
use crate::scene::{ALPHA_MIN, SH_C0, Scene, sigmoid};

/// From here on a difference shows: positions in units of the Gaussian's largest standard deviation, logarithms of
/// scales, rotations in radians, and opacities and colours in units of full scale (5 steps of 8 bits).
const POSITION: f32 = 0.5;
const LOG_SCALE: f32 = 0.2;
const ANGLE: f32 = 0.1;
const LEVEL: f32 = 0.02;
/// The names of the parts, in the order of [`Loss::parts`].
const PARTS: [&str; 6] = ["positions", "scales", "rotations", "opacities", "colours", "colours by direction"];

/// The Gaussians of a scene that a file does not hold as they were.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Loss {
    /// Gaussians that were to be written, and those that are not in the file.
    pub gaussians: usize,
    pub left_out: usize,
    /// Gaussians of which a part differs so that it shows, and those for each of the parts.
    pub differ: usize,
    pub parts: [usize; 6],
    /// Whether the file has the very same numbers.
    pub exact: bool,
}

impl Loss {
    /// The share of the Gaussians that are left out or differ, in percent.
    pub fn percent(&self) -> f64 {
        100.0 * (self.left_out + self.differ) as f64 / self.gaussians.max(1) as f64
    }
}

impl fmt::Display for Loss {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        let percent = |n: usize| {
            let percent = 100.0 * n as f64 / self.gaussians.max(1) as f64;
            if n == 0 || percent >= 0.1 { format!("{percent:.1} %") } else { format!("{percent:.1e} %") }
        };
        if self.exact {
            return write!(out, "none; the file has the same numbers");
        }
        if self.left_out + self.differ == 0 {
            return write!(out, "nothing that shows");
        }
        write!(out, "{} of the Gaussians differ so that it shows", percent(self.differ))?;
        let parts: Vec<String> = PARTS
            .iter()
            .zip(self.parts)
            .filter(|(_, n)| *n > 0)
            .map(|(part, n)| format!("{part} {}", percent(n)))
            .collect();
        if !parts.is_empty() {
            write!(out, " ({})", parts.join(", "))?;
        }
        if self.left_out > 0 {
            write!(out, ", {} are left out", percent(self.left_out))?;
        }
        Ok(())
    }
}

/// Compares a scene with what was found in the file of `format` that it was written to. `left_out` Gaussians were left
/// out before.
pub fn loss(format: Format, scene: &Scene, found: &Scene, left_out: usize) -> Loss {
    let exact = left_out == 0 && found == scene;
    let order = order(format, scene);
    let place = |i: usize| order.as_ref().map_or(i, |order| order[i] as usize);
    let compared = found.len().min(scene.len());
    let count = |(mut parts, mut differ): ([usize; 6], usize), one: [bool; 6]| {
        parts.iter_mut().zip(one).for_each(|(n, differs)| *n += usize::from(differs));
        differ += usize::from(one.contains(&true));
        (parts, differ)
    };
    let sum = |a: ([usize; 6], usize), b: ([usize; 6], usize)| (std::array::from_fn(|k| a.0[k] + b.0[k]), a.1 + b.1);
    let (parts, differ) = (0..compared)
        .into_par_iter()
        .map(|i| differences(scene, place(i), found, i))
        .fold(|| ([0; 6], 0), count)
        .reduce(|| ([0; 6], 0), sum);
    let left_out = left_out + scene.len() - compared;
    Loss { gaussians: compared + left_out, left_out, differ, parts, exact }
}

/// Places of the file's Gaussians in the scene; `None` where they are the same.
fn order(format: Format, scene: &Scene) -> Option<Vec<u32>> {
    match format {
        Format::CompressedPly => Some(compressed_ply::best_order(scene)),
        Format::Sog | Format::Tsog | Format::Html => Some(sog::order(scene)),
        Format::Lod => Some(lod::order(scene)),
        Format::FourD => Some(four_d::order(scene)),
        Format::Splat => Some(splat::by_importance(scene)),
        Format::Splatv => Some(splatv::by_importance(scene)),
        _ => None,
    }
}

/// The largest distance of two Gaussians at the ends, the middle and the time of the first within the clip, while one of
/// them is seen, and the largest difference of their opacities.
fn in_time(a: &Scene, i: usize, b: &Scene, j: usize) -> (f32, f32) {
    let still = (a.means[i].distance(b.means[j]), (sigmoid(a.logits[i]) - sigmoid(b.logits[j])).abs());
    let Some(moving) = &a.motion else { return still };
    [0.0, 0.5, 1.0, moving.centres[i].clamp(0.0, 1.0)].into_iter().fold((0.0, 0.0), |worst: (f32, f32), time| {
        let at = |scene: &Scene, i: usize| {
            let (place, share) = match &scene.motion {
                Some(motion) => (scene.means[i] + motion.displacement(i, time), motion.visibility(i, time)),
                None => (scene.means[i], 1.0),
            };
            (place, share * sigmoid(scene.logits[i]))
        };
        let ((p, alpha), (q, beta)) = (at(a, i), at(b, j));
        let distance = if alpha.max(beta) > ALPHA_MIN { p.distance(q) } else { 0.0 };
        (worst.0.max(distance), worst.1.max((alpha - beta).abs()))
    })
}

/// Which of [`PARTS`] of Gaussian `i` of `a` and `j` of `b` differ so that it shows.
fn differences(a: &Scene, i: usize, b: &Scene, j: usize) -> [bool; 6] {
    let (size, other) = (a.log_scales[i], b.log_scales[j]);
    let (largest, smallest) = (size.max_element(), size.min_element());
    // A thickness counts only where it is not nothing beside the width.
    let relevant = |s: glam::Vec3| s.max(glam::Vec3::splat(largest - 3.0));
    let (p, q) = (unit_quaternion(a.quaternions[i]), unit_quaternion(b.quaternions[j]));
    let cosine = p.iter().zip(q).map(|(p, q)| p * q).sum::<f32>().abs().min(1.0);
    let (sh, found) = (&a.sh[i * a.sh_stride()..][..a.sh_stride()], &b.sh[j * b.sh_stride()..][..b.sh_stride()]);
    let squared = |k: usize| (sh[k] - found.get(k).copied().unwrap_or(0.0)).powi(2);
    // The mean over all directions of the square of the colour's error, the largest of the channels.
    let mean = |channel: usize| (3 + channel..sh.len()).step_by(3).map(squared).sum::<f32>() * (SH_C0 * SH_C0);
    let (position, opacity) = in_time(a, i, b, j);
    [
        position > POSITION * largest.exp(),
        (relevant(size) - relevant(other)).abs().max_element() > LOG_SCALE,
        2.0 * cosine.acos() > ANGLE && largest - smallest > LOG_SCALE,
        opacity > LEVEL,
        (0..3).any(|k| squared(k).sqrt() * SH_C0 > LEVEL),
        (0..3).any(|channel| mean(channel).sqrt() > LEVEL),
    ]
}
