//! Flow supervision: which steps have a flow loss, and the optical flow that it compares with.

use std::collections::HashMap;

use anyhow::Result;

use crate::dataset::{Capture, Direction, PhotoCache};
use crate::gpu::{Gpu, Recorder};
use crate::model::MotionKind;
use crate::render::{FlowForm, Frame};

use super::config::{Config, FlowShape, FlowSource, Switch};
use super::flow::{FlowPass, Target};
use super::loss::LossPass;

/// The optical flow of a capture, with its loss.
pub struct FlowSupervision {
    gpu: Gpu,
    pass: FlowPass,
    /// The directions in which a training shot has flow.
    directions: HashMap<usize, Vec<Direction>>,
    targets: HashMap<(usize, Direction), Target>,
    threshold: f32,
    robust: f64,
    every: u32,
    form: FlowForm,
}

impl FlowSupervision {
    /// `None` where the options disable it or the capture has no flow for training.
    pub fn new(gpu: &Gpu, capture: &Capture, config: &Config, motion: MotionKind) -> Result<Option<Self>> {
        let mut directions: HashMap<usize, Vec<Direction>> = HashMap::new();
        for (shot, direction) in capture.training_flow() {
            directions.entry(shot).or_default().push(direction);
        }
        if directions.is_empty() || config.flow == FlowSource::Off || config.flow_weight == 0.0 {
            return Ok(None);
        }
        let all = config.flow_all == Switch::On;
        Ok(Some(Self {
            gpu: gpu.clone(),
            pass: FlowPass::new(gpu, all)?,
            directions,
            targets: HashMap::new(),
            threshold: config.flow_threshold as f32,
            robust: config.flow_robust,
            every: config.flow_every,
            form: FlowForm { affine: config.flow_form == FlowShape::Affine, all, motion },
        }))
    }

    /// The form in which flow is rendered.
    pub fn form(&self) -> FlowForm {
        self.form
    }

    /// The direction of the flow that a step on `shot` is supervised with: both take turns.
    pub fn direction(&self, step: u32, shot: usize) -> Option<Direction> {
        let directions = self.directions.get(&shot)?;
        // By the epoch rather than the step, whose parity may be that of the shot.
        let turn = (step / self.every + step / (self.every * self.directions.len() as u32)) as usize;
        Some(directions[turn % directions.len()])
    }

    /// The flow of a shot on the device, of a photo of `size` (width, height) pixels; `room` is the memory left for keeping
    /// it there.
    pub fn target(
        &mut self,
        cache: &PhotoCache,
        key: (usize, Direction),
        size: (u32, u32),
        room: &mut u64,
    ) -> Result<Option<Target>> {
        if let Some(target) = self.targets.get(&key) {
            if target.width == size.0 {
                return Ok((target.counted > 0).then(|| target.clone()));
            }
            *room += target.bytes();
            self.targets.remove(&key);
        }
        let Some(flow) = cache.flow(key.0, key.1)? else { return Ok(None) };
        let lens = cache.capture().shots[key.0].camera.lens;
        let target = if size.0 == lens.width {
            Target::upload(&self.gpu, &flow, lens.width, self.threshold)?
        } else {
            let reduced = flow.reduced((lens.width, lens.height), size);
            Target::upload(&self.gpu, &reduced, size.0, self.threshold * size.0 as f32 / lens.width as f32)?
        };
        if target.bytes() <= *room {
            *room -= target.bytes();
            self.targets.insert(key, target.clone());
        }
        Ok((target.counted > 0).then_some(target))
    }

    /// Sets the target of the frame recorded next, and the weight of its loss.
    pub fn set_target(&mut self, target: &Target, weight: f64) -> Result<()> {
        Ok(self.pass.set_target(target, weight, self.robust)?)
    }

    /// Records the loss of the frame's flow and its gradients.
    pub fn record(&self, recorder: &mut Recorder, target: &Target, frame: &Frame, loss: &LossPass) {
        self.pass.record(recorder, target, frame, loss);
    }
}
