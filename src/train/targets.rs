//! The target images of steps and their optical flow, on the way from the capture to the device.

use std::collections::HashMap;

use anyhow::Result;

use crate::dataset::{Item, PhotoCache};
use crate::gpu::Gpu;

use super::flow;
use super::loss::Target;
use super::schedule::Schedule;
use super::supervision::FlowSupervision;

/// Shots decoded ahead of the step that needs them.
const PREFETCH: u32 = 8;

/// The targets of a capture's shots. They stay on the device while the budget lasts; others are uploaded at each use.
pub struct Targets {
    gpu: Gpu,
    cache: PhotoCache,
    kept: HashMap<usize, Target>,
    /// Bytes of device memory left for keeping more, targets of flow included.
    room: u64,
    supervision: Option<FlowSupervision>,
}

impl Targets {
    /// No targets yet, of which `room` bytes may be kept.
    pub fn new(gpu: &Gpu, cache: PhotoCache, room: u64, supervision: Option<FlowSupervision>) -> Self {
        Self { gpu: gpu.clone(), cache, kept: HashMap::new(), room, supervision }
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
        if let Some(target) = self.kept.get(&shot) {
            return Ok(target.clone());
        }
        self.cache.prefetch_items(&self.items_ahead(schedule, step));
        let picture = self.cache.get(shot)?;
        let target = Target::upload(&self.gpu, &picture)?;
        let bytes = 4 * picture.pixels.len() as u64;
        if bytes <= self.room {
            self.room -= bytes;
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
        let target = supervision.target(&self.cache, shot, direction, &mut self.room)?;
        if let Some(target) = &target {
            supervision.set_target(target, weight)?;
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
