//! Numbers of a file that mean nothing: Gaussians with them are left out or mended, counted and said.

use glam::Vec3;
use rayon::prelude::*;

use super::Loaded;
use super::quantise::{logit, unit_quaternion};
use crate::scene::Scene;

/// Logarithm of a flat Gaussian's thickness, relative to its smaller width.
pub(super) const LOG_THICKNESS: f32 = -6.9;
/// The logarithm of no size at all, as of a linear scale of 0.
const LOG_NOTHING: f32 = -46.0;
/// The squared lengths of quaternions that single precision normalises well.
const LENGTHS: std::ops::Range<f64> = 1e-24..1e24;

/// What is wrong with a Gaussian.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fault {
    None,
    NotANumber,
    Infinite,
    NoRotation,
}

/// Numbers of Gaussians that were mended or left out, by kind.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cleaned {
    flat: usize,
    not_a_number: usize,
    infinite: usize,
    no_rotation: usize,
}

impl Cleaned {
    /// One sentence for each kind.
    pub fn warnings(&self) -> Vec<String> {
        let kinds = [
            (self.flat, "is flat (a scale of 0); it gets a thousandth of its width as thickness", FLAT),
            (self.not_a_number, "holds a NaN and is left out", "hold a NaN and are left out"),
            (self.infinite, "holds an infinity and is left out", "hold an infinity and are left out"),
            (self.no_rotation, "has a quaternion of 0 and is left out", "have a quaternion of 0 and are left out"),
        ];
        let said = kinds.into_iter().filter(|(n, ..)| *n > 0);
        said.map(|(n, one, many)| if n == 1 { format!("1 Gaussian {one}") } else { format!("{n} Gaussians {many}") })
            .collect()
    }
}

impl std::ops::AddAssign for Cleaned {
    fn add_assign(&mut self, other: Self) {
        self.flat += other.flat;
        self.not_a_number += other.not_a_number;
        self.infinite += other.infinite;
        self.no_rotation += other.no_rotation;
    }
}

/// Cleans what was read, with a warning for each kind.
///
/// The lengths of the scene's arrays must agree.
pub(super) fn clean(loaded: &mut Loaded) {
    let cleaned = clean_scene(&mut loaded.scene);
    loaded.warnings.extend(cleaned.warnings());
}

/// Mends what has a meaning: infinite logits, scales of 0 (flat Gaussians), and quaternions so long or short that single
/// precision cannot normalise them. Leaves out the Gaussians with other numbers that are not finite, and those without a
/// rotation whose shape needs one.
///
/// The lengths of the scene's arrays must agree.
pub(super) fn clean_scene(scene: &mut Scene) -> Cleaned {
    scene.logits.par_iter_mut().filter(|v| v.is_infinite()).for_each(|v| *v = logit(if *v > 0.0 { 1.0 } else { 0.0 }));
    let flat = scene.log_scales.par_iter_mut().map(flatten).filter(|&flat| flat).count();
    let faults: Vec<Fault> = (0..scene.len()).into_par_iter().map(|i| fault(scene, i)).collect();
    let count = |kind: Fault| faults.iter().filter(|&&fault| fault == kind).count();
    let cleaned = Cleaned {
        flat,
        not_a_number: count(Fault::NotANumber),
        infinite: count(Fault::Infinite),
        no_rotation: count(Fault::NoRotation),
    };
    if count(Fault::None) < faults.len() {
        scene.retain(|_, i| faults[i] == Fault::None);
    }
    let odd = |q: &[f32; 4]| !LENGTHS.contains(&q.iter().map(|&v| f64::from(v) * f64::from(v)).sum::<f64>());
    scene.quaternions.par_iter_mut().filter(|q| odd(q)).for_each(|q| *q = unit_quaternion(*q));
    cleaned
}

const FLAT: &str = "are flat (a scale of 0); they get a thousandth of their width as thickness";

/// Gives a thickness to scales of −∞, the logarithm of 0; returns whether there were any.
fn flatten(scale: &mut Vec3) -> bool {
    let none = scale.cmpeq(Vec3::NEG_INFINITY);
    if none.any() && !none.all() {
        let width = Vec3::select(none, Vec3::INFINITY, *scale).min_element();
        *scale = Vec3::select(none, Vec3::splat(width + LOG_THICKNESS), *scale);
    } else if none.all() {
        *scale = Vec3::splat(LOG_NOTHING);
    }
    none.any()
}

fn fault(scene: &Scene, i: usize) -> Fault {
    let (mut nan, mut infinite) = (false, false);
    let mut look = |values: &[f32]| {
        for value in values {
            nan |= value.is_nan();
            infinite |= value.is_infinite();
        }
    };
    look(&scene.means[i].to_array());
    look(&scene.quaternions[i]);
    look(&scene.log_scales[i].to_array());
    look(&[scene.logits[i]]);
    look(&scene.sh[i * scene.sh_stride()..][..scene.sh_stride()]);
    if let Some(motion) = &scene.motion {
        look(&motion.velocities[i].to_array());
        look(&[motion.centres[i], motion.log_durations[i], motion.gates[i]]);
        if let Some(curves) = &motion.curves {
            look(&curves.accelerations[i].to_array());
            look(&curves.angular_velocities[i].to_array());
        }
    }
    let scale = scene.log_scales[i];
    match (nan, infinite) {
        (true, _) => Fault::NotANumber,
        (_, true) => Fault::Infinite,
        // A ball looks the same however it is turned.
        _ if scene.quaternions[i] == [0.0; 4] && scale.min_element() != scale.max_element() => Fault::NoRotation,
        _ => Fault::None,
    }
}
