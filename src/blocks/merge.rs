//! Merging the trained blocks of a plan into one scene.

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};

use super::plan::{Plan, PlannedBlock};
use crate::edit;
use crate::format;
use crate::scene::Scene;
use crate::train::run::folder::config_of;
use crate::train::run::manifest::Manifest;

/// A merged scene, and how many of its Gaussians come from where.
pub struct Merged {
    pub plan: Plan,
    /// In the capture's frame: blocks in the plan's order.
    pub scene: Scene,
    /// Gaussians of each cell, in the plan's order.
    pub cells: Vec<usize>,
}

/// Takes of each block's scene the Gaussians whose means lie in its cell. The result depends on the runs alone. `told` hears
/// the name of each block before it is read.
///
/// # Errors
/// No plan; or a block that is not trained to its end, with the command that does it.
pub fn merge(path: &Path, told: &mut dyn FnMut(&str)) -> Result<Merged> {
    let (plan, folder) = Plan::read(path)?;
    // All at once, before any is read: a merge of an hour should not end with what could be said at its start.
    for block in [&plan.coarse].into_iter().chain(plan.cells.iter().map(|planned| &planned.block)) {
        check_trained(block, &folder)?;
    }
    let (mut scene, mut cells) = (Scene::default(), Vec::with_capacity(plan.cells.len()));
    for planned in &plan.cells {
        told(&planned.block.name);
        let mut own = format::read_scene(&folder.join(&planned.block.run))?;
        own.retain(|scene, i| planned.cell.contains(scene.means[i].as_dvec3()));
        cells.push(own.len());
        edit::append(&mut scene, own).with_context(|| format!("the block {}", planned.block.name))?;
    }
    ensure!(!scene.is_empty(), "{}: no block holds a Gaussian in its cell", folder.display());
    scene.up = Some(plan.up.as_vec3());
    Ok(Merged { plan, scene, cells })
}

/// # Errors
/// A block whose run is missing, or has not come to its last step.
fn check_trained(block: &PlannedBlock, folder: &Path) -> Result<()> {
    let run = folder.join(&block.run);
    let remedy = format!("train it with: {}", block.command(folder));
    let result =
        Manifest::read(&run)?.and_then(|manifest| Some((manifest.result?.step, manifest.options.step_count())));
    match result {
        Some((step, steps)) if step >= steps => Ok(()),
        Some((step, steps)) => bail!("the block {} is at step {step} of {steps}; {remedy}", block.name),
        None if config_of(&run)?.is_some() => bail!("the block {} has saved no scene yet; {remedy}", block.name),
        None => bail!("the block {} is not trained; {remedy}", block.name),
    }
}
