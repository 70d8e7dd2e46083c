//! Joining scenes, and capping their spherical-harmonic degree.

use anyhow::{Result, ensure};

use crate::scene::{Curves, Motion, Scene};

/// Drops the bands of spherical harmonics above `degree`.
pub fn cap_degree(scene: &mut Scene, degree: u32) {
    scene.set_sh_degree(degree.min(scene.sh_degree));
}

/// Appends the Gaussians of `other` to `scene`. The result has the higher degree of the two; if only one is dynamic, the
/// Gaussians of the other are at rest.
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
    scene.up = scene.up.or(other.up);
    scene.clip = scene.clip.or(other.clip);
    let degree = scene.sh_degree.max(other.sh_degree);
    scene.set_sh_degree(degree);
    other.set_sh_degree(degree);
    if scene.motion.is_some() || other.motion.is_some() {
        let mut motion = scene.motion.take().unwrap_or_else(|| at_rest(scene.len()));
        let added = other.motion.take().unwrap_or_else(|| at_rest(other.len()));
        if motion.curves.is_some() || added.curves.is_some() {
            let mut curves = motion.curves.take().unwrap_or_else(|| Curves::straight(scene.len()));
            let more = added.curves.unwrap_or_else(|| Curves::straight(other.len()));
            curves.accelerations.extend(more.accelerations);
            curves.angular_velocities.extend(more.angular_velocities);
            motion.curves = Some(curves);
        }
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

/// The motion of Gaussians that neither move nor fade: their static share is 1 − 2·10⁻⁹.
fn at_rest(n: usize) -> Motion {
    Motion::still(vec![0.5; n], 1.0, 1.0)
}
