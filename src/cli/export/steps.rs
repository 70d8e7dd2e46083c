//! The steps of `dapple export` that look at each Gaussian by itself.

use anyhow::Result;
use glam::{DVec3, Vec3};
use indicatif::HumanCount;

use super::args::{Args, SkyUse};
use super::sky::Near;
use crate::cli::steps::{TransformStep, UpAxis};
use crate::edit::{self, Similarity};
use crate::scene::{ALPHA_MIN, Scene};

/// Numbers of Gaussians that were left out, and why, in the order of the steps.
#[derive(Default)]
pub(super) struct LeftOut(Vec<(&'static str, usize)>);

impl LeftOut {
    pub fn add(&mut self, n: usize, why: &'static str) {
        match self.0.iter_mut().find(|(known, _)| *known == why) {
            Some((_, sum)) => *sum += n,
            None => self.0.push((why, n)),
        }
    }

    /// Says what has been left out, one line a reason.
    pub fn say(&self) {
        for (why, n) in self.0.iter().filter(|(_, n)| *n > 0) {
            println!("left out {} that {why}", HumanCount(*n as u64));
        }
    }
}

/// What of the scene is near the cameras of its runs, after the transform; `None` where the options do not ask.
///
/// # Errors
/// Those of [`Near::of`].
pub(super) fn near(args: &Args) -> Result<Option<Near>> {
    let near = args.sky.map(|_| Near::of(&args.inputs)).transpose()?;
    Ok(near.map(|near| near.moved(|spheres| transform(args, spheres))))
}

/// Applies the steps up to `--max-size`, and `--sh-degree`. `near` is what of the scene is no sky, after the transform.
pub(super) fn edit_each(args: &Args, near: Option<&Near>, scene: &mut Scene, left_out: &mut LeftOut) {
    let mut retain = |scene: &mut Scene, why, keep: &dyn Fn(&Scene, usize) -> bool| {
        let before = scene.len();
        scene.retain(keep);
        left_out.add(before - scene.len(), why);
    };
    retain(scene, "can never be seen", &|scene, i| edit::peak_opacity(scene, i) >= ALPHA_MIN);
    transform(args, scene);
    if let (Some(SkyUse::Drop), Some(near)) = (args.sky, near) {
        retain(scene, "are sky", &|scene, i| near.holds(scene.means[i]));
    }
    if !args.crop.is_empty() {
        let is_sky = |mean: Vec3| near.is_some_and(|near| !near.holds(mean));
        retain(scene, "lie outside the crop", &|scene, i| {
            is_sky(scene.means[i]) || edit::seen_within(scene, i, &args.crop)
        });
    }
    if let Some(least) = args.min_opacity {
        retain(scene, "are too transparent", &|scene, i| edit::peak_opacity(scene, i) >= least);
    }
    if let Some(most) = args.max_size {
        retain(scene, "are too large", &|scene, i| scene.log_scales[i].max_element().exp() <= most);
    }
    if let Some(degree) = args.sh_degree {
        edit::cap_degree(scene, degree);
    }
}

/// Turns the scene upright, then takes the steps of the transform; those between two flips are one, and round once.
fn transform(args: &Args, scene: &mut Scene) {
    if let Some(UpAxis(axis)) = args.up {
        // Known better.
        scene.up = scene.up.map(|_| axis.as_vec3());
    }
    let mut pending = args.up.map_or(Similarity::IDENTITY, |UpAxis(axis)| Similarity::turn(axis, DVec3::NEG_Y));
    for step in &args.transform {
        match step {
            TransformStep::Move(similarity) => pending = pending.then(similarity),
            TransformStep::Flip(axis) => {
                std::mem::replace(&mut pending, Similarity::IDENTITY).apply_to(scene);
                edit::flip(scene, *axis);
            }
        }
    }
    pending.apply_to(scene);
}
