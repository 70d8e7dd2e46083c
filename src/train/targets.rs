//! The target images of steps and their optical flow, on the way from the capture to the device.

use std::collections::HashMap;

use anyhow::Result;

use crate::dataset::{Item, PhotoCache};
use crate::gpu::Gpu;

use super::flow;
use super::loss::Target;
use super::schedule::Schedule;
use super::supervision::FlowSupervision;
use super::surroundings::CellMasks;

/// Shots decoded ahead of the step that needs them.
const PREFETCH: u32 = 8;

/// The targets of a capture's shots, at the size that the schedule gives them. They stay on the device while the budget lasts; others are uploaded at each use.
pub struct Targets {
    gpu: Gpu,
    cache: PhotoCache,
    kept: HashMap<usize, Target>,
    /// Bytes of device memory left for keeping more, targets of flow included.
    room: u64,
    supervision: Option<FlowSupervision>,
    /// What the photos of a block show of it.
    masks: Option<CellMasks>,
}

impl Targets {
    /// No targets yet, of which `room` bytes may be kept.
    pub fn new(
        gpu: &Gpu,
        cache: PhotoCache,
        room: u64,
        supervision: Option<FlowSupervision>,
        masks: Option<CellMasks>,
    ) -> Self {
        Self { gpu: gpu.clone(), cache, kept: HashMap::new(), room, supervision, masks }
    }

    /// Flow supervision, if the run has it.
    pub fn supervision(&self) -> Option<&FlowSupervision> {
        self.supervision.as_ref()
    }

    /// The target image of a step, which is on `shot`.
    ///
    /// # Errors
    /// An image that cannot be decoded, or a device without memory for it.
    pub fn image(&mut self, schedule: &Schedule, step: u32, shot: usize) -> Result<Target> {
        let lens = self.cache.capture().shots[shot].camera.lens;
        let (width, height) = schedule.size(step, (lens.width, lens.height));
        if let Some(target) = self.kept.get(&shot) {
            if (target.width, target.height) == (width, height) {
                return Ok(target.clone());
            }
            self.room += target.bytes();
            self.kept.remove(&shot);
        }
        self.cache.prefetch_items(&self.items_ahead(schedule, step));
        let picture = self.cache.get(shot)?;
        let picture = self.masks.as_ref().map_or(picture.clone(), |masks| masks.apply(shot, &picture).into());
        let mut target = if (width, height) == (picture.width, picture.height) {
            Target::upload(&self.gpu, &picture)?
        } else {
            Target::upload(&self.gpu, &picture.reduced(width, height))?
        };
        if self.masks.is_some() {
            // A photo weighs by how much of it shows the block, as all its pixels would together.
            target.counted = f64::from(width) * f64::from(height);
        }
        if target.bytes() <= self.room {
            self.room -= target.bytes();
            self.kept.insert(shot, target.clone());
        }
        Ok(target)
    }

    /// The target flow of a step, set up for the frame recorded next; `None` for a step without flow supervision.
    ///
    /// # Errors
    /// As [`Targets::image`].
    pub fn flow(&mut self, schedule: &Schedule, step: u32, shot: usize) -> Result<Option<flow::Target>> {
        let (Some(supervision), Some(weight)) = (&mut self.supervision, schedule.flow_weight(step)) else {
            return Ok(None);
        };
        let Some(direction) = supervision.direction(step, shot) else { return Ok(None) };
        let lens = self.cache.capture().shots[shot].camera.lens;
        let size = schedule.size(step, (lens.width, lens.height));
        let target = supervision.target(&self.cache, (shot, direction), size, &mut self.room)?;
        if let Some(target) = &target {
            // An error in reduced pixels stands for a larger one.
            let reduction = f64::from(lens.width) / f64::from(size.0);
            supervision.set_target(target, weight * reduction)?;
        }
        Ok(target)
    }

    /// The images and flows that the next steps need.
    fn items_ahead(&self, schedule: &Schedule, first: u32) -> Vec<Item> {
        let mut items = Vec::new();
        for (step, shot) in (first..).zip(schedule.shots_from(first, PREFETCH)) {
            items.push(Item::Photo(shot));
            let supervised = self.supervision.as_ref().filter(|_| schedule.flow_weight(step).is_some());
            items.extend(
                supervised
                    .and_then(|supervision| supervision.direction(step, shot))
                    .map(|direction| Item::Flow(shot, direction)),
            );
        }
        items
    }
}
