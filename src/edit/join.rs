//! Scenes of different degrees: capped, and put together.

use anyhow::{Result, ensure};
use glam::Vec3;

use crate::scene::{Motion, Scene, sh_coefficients};

/// Leaves out the bands of spherical harmonics above `degree`.
pub fn cap_degree(scene: &mut Scene, degree: u32) {
    if degree >= scene.sh_degree {
        return;
    }
    let (from, to) = (scene.sh_stride(), 3 * sh_coefficients(degree));
    for i in 0..scene.len() {
        scene.sh.copy_within(i * from..i * from + to, i * to);
    }
    scene.sh.truncate(scene.len() * to);
    scene.sh_degree = degree;
}

/// Adds bands of zeros up to `degree`.
fn raise_degree(scene: &mut Scene, degree: u32) {
    let (from, to) = (scene.sh_stride(), 3 * sh_coefficients(degree));
    if to <= from {
        return;
    }
    scene.sh.resize(scene.len() * to, 0.0);
    // From the end, so that no row is written over before it has moved.
    for i in (0..scene.len()).rev() {
        scene.sh.copy_within(i * from..(i + 1) * from, i * to);
        scene.sh[i * to + from..(i + 1) * to].fill(0.0);
    }
    scene.sh_degree = degree;
}

/// Puts the Gaussians of `other` behind those of `scene`. The higher degree of the two becomes that of both, and if one
/// is in motion, the other stands still in it.
///
/// # Errors
/// Scenes of which one was trained with anti-aliasing and the other was not: no file can hold both.
pub fn append(scene: &mut Scene, mut other: Scene) -> Result<()> {
    if scene.is_empty() {
        *scene = other;
        return Ok(());
    }
    ensure!(
        scene.antialiased == other.antialiased || other.is_empty(),
        "one of the scenes was trained with anti-aliasing and another without; they cannot be put in one file"
    );
    raise_degree(&mut other, scene.sh_degree);
    raise_degree(scene, other.sh_degree);
    if scene.motion.is_some() || other.motion.is_some() {
        let mut motion = scene.motion.take().unwrap_or_else(|| at_rest(scene.len()));
        let added = other.motion.take().unwrap_or_else(|| at_rest(other.len()));
        motion.velocities.extend(added.velocities);
        motion.centres.extend(added.centres);
        motion.log_durations.extend(added.log_durations);
        motion.gates.extend(added.gates);
        scene.motion = Some(motion);
    }
    scene.means.append(&mut other.means);
    scene.quaternions.append(&mut other.quaternions);
    scene.log_scales.append(&mut other.log_scales);
    scene.logits.append(&mut other.logits);
    scene.sh.append(&mut other.sh);
    Ok(())
}

/// The motion of Gaussians that neither move nor fade.
fn at_rest(n: usize) -> Motion {
    Motion {
        velocities: vec![Vec3::ZERO; n],
        centres: vec![0.5; n],
        log_durations: vec![0.0; n],
        // A static share of 1 − 2·10⁻⁹.
        gates: vec![1.0; n],
    }
}
