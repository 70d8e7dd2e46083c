//! What a format cannot hold is split, left out or refused before it is written, and said.

use std::borrow::Cow;

use anyhow::Result;
use glam::{DVec3, Vec3};

use super::kind::Format;
use super::{spacetime, spz_fit};
use crate::edit::Similarity;
use crate::scene::Scene;

/// The cosine of the angle to −y at which a scene counts as upright.
const UPRIGHT: f32 = 0.999_99;

/// The length of a clip that nobody said.
const SECONDS: f64 = 1.0;

/// Prepares a scene for a format: partial gates become two Gaussians where the format has no gate, and Gaussians so far
/// out that they would coarsen all others are left out. For formats with y up a scene whose up is known is turned. Returns one sentence for each kind.
///
/// # Errors
/// A scene whose units the format has no numbers for, with the remedy.
pub fn fit(scene: &mut Scene, format: Format) -> Result<Vec<String>> {
    Ok(match format {
        Format::Spz => {
            spz_fit::check_sizes(scene)?;
            spz_fit::leave_out_strays(scene).into_iter().collect()
        }
        Format::SpacetimePly | Format::Splatv => spacetime::split_gates(scene).into_iter().collect(),
        Format::FtgsPly | Format::Tsog | Format::FourD => {
            let seconds = if format == Format::FtgsPly { None } else { default_length(scene) };
            spacetime::split_gates(scene).into_iter().chain(turn_upright(scene)).chain(seconds).collect()
        }
        Format::Html | Format::Glb | Format::Gltf | Format::Usda | Format::Usdz => {
            turn_upright(scene).into_iter().collect()
        }
        _ => Vec::new(),
    })
}

/// Gives a scene the paths that a format has for it, after [`fit`]. Says what that costs.
pub fn fit_paths(scene: &mut Scene, format: Format) -> Option<String> {
    match format {
        format if format.is_straight() => straighten(scene),
        Format::SpacetimePly | Format::Splatv => spacetime::unsteady_turns(scene),
        _ => None,
    }
}

/// Replaces each curved path by the line nearest to it, in the mean of squares over the time in which its Gaussian is seen, and a
/// turning rotation by that in the middle of this time. Says by how much that moves them.
pub fn straighten(scene: &mut Scene) -> Option<String> {
    let motion = scene.motion.as_mut()?;
    let middles: Vec<[f32; 2]> = (0..scene.means.len()).map(|i| motion.seen(i)).collect();
    for (i, [middle, _]) in middles.iter().enumerate() {
        scene.quaternions[i] = motion.turned(i, scene.quaternions[i], motion.centres[i] + middle);
    }
    let curves = motion.curves.take()?;
    let mut off = Vec::with_capacity(middles.len());
    for (i, (bend, [middle, width])) in curves.accelerations.iter().zip(middles).enumerate() {
        // Over a time of a width w about m, the line nearest to Δ² is 2mΔ − m² + w²/12; at the ends it is w²/6 away.
        motion.velocities[i] += bend * middle;
        scene.means[i] += 0.5 * bend * (width * width / 12.0 - middle * middle);
        off.push(bend.length() * width * width / 12.0);
    }
    off.sort_by(f32::total_cmp);
    let (median, most) = (off.get(off.len() / 2)?, off.get(off.len() * 99 / 100)?);
    Some(format!(
        "the format holds motion along lines only: paths become straight and Gaussians stop turning, which moves half of \
         them by up to {median:.2e} units while they are seen, and 99 of 100 by up to {most:.2e}; .dapple keeps all"
    ))
}

/// The turn that brings `up` to −y, from which writers of formats with y up start; `None` where it is there.
pub fn upright_turn(up: Vec3) -> Option<Similarity> {
    (up.dot(Vec3::NEG_Y) < UPRIGHT).then(|| Similarity::turn(up.as_dvec3(), DVec3::NEG_Y))
}

/// Turns a scene upright whose up is known.
fn turn_upright(scene: &mut Scene) -> Option<String> {
    let up = scene.up?;
    upright_turn(up)?.apply_to(scene);
    Some(format!("the scene is turned upright; its up was ({:.2}, {:.2}, {:.2})", up.x, up.y, up.z))
}

/// Gives a scene in motion whose clip has no known length one second.
fn default_length(scene: &mut Scene) -> Option<String> {
    if scene.motion.is_none() || scene.clip.seconds.is_some() {
        return None;
    }
    scene.clip.seconds = Some(SECONDS);
    Some("the length of the clip is not known; it plays in one second, or in --duration SECONDS".into())
}

/// The scene as [`fit`] leaves it; what it says is logged.
pub(super) fn fitted(scene: &Scene, format: Format) -> Result<Cow<'_, Scene>> {
    let moves = scene.motion.is_some() && format.holds_motion() && format != Format::Dapple;
    if scene.up.is_none() && !moves && format != Format::Spz {
        return Ok(Cow::Borrowed(scene));
    }
    let mut fitted = scene.clone();
    let straight = if format.is_straight() { straighten(&mut fitted) } else { None };
    for said in fit(&mut fitted, format)?.into_iter().chain(straight) {
        log::warn!("{said}");
    }
    Ok(Cow::Owned(fitted))
}
