//! The trainer: steps are recorded and submitted one after the other; the device is looked at only now and then.

mod guided;
mod measure;
mod state;
pub mod statistics;

use std::sync::Arc;

use anyhow::{Context, Result};

use crate::camera::{self, Camera};
use crate::dataset::{Capture, PhotoCache, Split};
use crate::gpu::{Gpu, Recorder, StageTimes};
use crate::model::{Model, ModelForm, MotionKind};
use crate::render::{Channel, FrameStatus, LensVariant, RenderOptions, Rendered, Renderer, View};
use crate::scene::{ALPHA_MIN, Normalisation, Scene, sigmoid};

use super::appearance::{Appearance, Appearances, Shown};
use super::config::{Config, Precision, Subgroups};
use super::frame::normalisation;
use super::guide::Guide;
use super::loss::{LossPass, LossWeights};
use super::metrics;
use super::moments::Moments;
use super::poses::Refinement;
use super::run::checkpoint::Checkpoint;
use super::schedule::{EXTENT, Schedule};
use super::supervision::FlowSupervision;
use super::surroundings::{CellMasks, Surroundings};
use super::targets::Targets;
use super::update::{Optimiser, Step};
use super::{init, strategy};

/// Steps between two looks at the device. After an overflow at most this many are repeated.
const LOOK_EVERY: u32 = 16;

/// Near plane in the frame of training.
const NEAR: f32 = 0.01 * EXTENT as f32;

/// Trains one capture on one device.
pub struct Trainer {
    gpu: Gpu,
    capture: Arc<Capture>,
    /// As the user gave it.
    config: Config,
    schedule: Schedule,
    normalisation: Normalisation,
    renderer: Renderer,
    model: Model,
    optimiser: Optimiser,
    loss: LossPass,
    appearance: Appearance,
    guide: Option<Guide>,
    poses: Option<Refinement>,
    population_kernels: strategy::Kernels,
    targets: Targets,
    /// Steps submitted, and steps known to have been carried out.
    step: u32,
    finished: u32,
    /// Population at the last look and after each growth submitted since: (steps done by then, Gaussians).
    populations: Vec<(u32, usize)>,
    /// First step that the next statistics cover.
    reported: u32,
    non_finite: u64,
    /// The first Gaussians, of this number, are neither relocated nor copied: what is around a block.
    around: usize,
    /// Weight of the regularisers: the mean share of the photos that shows a block, whose Gaussians so weigh against its
    /// pixels as those of the whole would against all; 1 without a block.
    share: f64,
}

impl Trainer {
    /// A trainer at step 0.
    ///
    /// # Errors
    /// No training images, initial points that do not fit, images that cannot be read, a device that is too small.
    pub fn new(gpu: &Gpu, capture: Arc<Capture>, config: Config) -> Result<Self> {
        let surroundings = Surroundings::of(&capture, &config)?;
        let mut trainer = Self::assemble(gpu, capture, config, surroundings.as_ref())?;
        let scene = init::first(&trainer.capture, &trainer.config, &trainer.normalisation, surroundings)?;
        trainer
            .make_room(scene.len())
            .and_then(|()| trainer.model.load(&trainer.gpu, &scene))
            .context("the first Gaussians, as --init and the --init-* options make them")?;
        trainer.populations = vec![(0, scene.len())];
        trainer.guide = Guide::start(&trainer.config, 0)?;
        Ok(trainer)
    }

    /// A trainer that goes on where a checkpoint was taken.
    pub fn resume(gpu: &Gpu, capture: Arc<Capture>, checkpoint: Checkpoint) -> Result<Self> {
        let surroundings = Surroundings::of(&capture, &checkpoint.config)?;
        let mut trainer = Self::assemble(gpu, capture, checkpoint.config.clone(), surroundings.as_ref())?;
        checkpoint.check_capture(&trainer.capture)?;
        trainer.set_frame(checkpoint.normalisation);
        trainer.restore(&checkpoint)?;
        trainer.guide = Guide::start(&trainer.config, trainer.step)?;
        Ok(trainer)
    }

    /// A trainer without Gaussians.
    fn assemble(gpu: &Gpu, capture: Arc<Capture>, config: Config, surroundings: Option<&Surroundings>) -> Result<Self> {
        let gpu = if config.subgroups == Subgroups::Off { gpu.without_subgroups() } else { gpu.clone() };
        // What does not fit the device is refused before anything is read or allocated for it.
        let motion = config.motion_kind(&capture);
        let form = ModelForm { motion, packed: config.precision == Precision::Packed };
        let around = surroundings.map_or(0, |surroundings| surroundings.outside.len());
        let most = config.cap() + around;
        drop((Model::empty(&gpu, most, config.degree(), form)?, Moments::zeros(&gpu, most, config.degree(), form)?));
        let model = Model::empty(&gpu, 0, config.degree(), form)?;
        let mut optimiser = Optimiser::new(&gpu, 0, config.degree(), form)?;
        let budget = (config.cache_gb * f64::from(1u32 << 30)) as usize;
        let cache = PhotoCache::checked(capture, budget, config.strict)?;
        let capture = cache.capture().clone();
        let mut renderer = Renderer::for_training(&gpu)?;
        let supervision = match motion {
            MotionKind::Static => None,
            _ => FlowSupervision::new(&gpu, &capture, &config, motion)?,
        };
        for lens in LensVariant::distinct(capture.shots.iter().map(|shot| &shot.camera.lens)) {
            optimiser.prepare(lens)?;
            renderer.prepare(&model, lens)?;
            if let Some(supervision) = &supervision {
                renderer.prepare_flow(supervision.form(), lens)?;
            }
        }
        let masks = surroundings.map(|surroundings| surroundings.masks(&gpu, &capture)).transpose()?;
        let share = masks.as_ref().map_or(1.0, CellMasks::mean_share);
        let shots: Vec<usize> = match &masks {
            Some(masks) => masks.shots(),
            None => (0..capture.shots.len()).filter(|&i| capture.shots[i].split == Split::Train).collect(),
        };
        shots.iter().try_for_each(|&shot| metrics::check_size(&capture, shot))?;
        let schedule = Schedule::new(&config.resolved(capture.is_cut_out()), shots);
        let schedule = schedule.in_time(motion, init::time_gap(&capture));
        let mut trainer = Self {
            normalisation: normalisation(&capture),
            poses: Refinement::new(&gpu, &capture, &config.scaled(), form)?,
            appearance: Appearance::new(&gpu, &capture, &config.scaled())?,
            capture,
            renderer,
            model,
            optimiser,
            loss: LossPass::new(&gpu)?,
            guide: None,
            population_kernels: schedule.strategy().kernels(&gpu, form)?,
            targets: Targets::new(&gpu, cache, budget as u64, supervision, masks),
            schedule,
            step: 0,
            finished: 0,
            populations: vec![(0, 0)],
            reported: 0,
            non_finite: 0,
            around,
            share,
            config,
            gpu,
        };
        trainer.set_frame(trainer.normalisation);
        Ok(trainer)
    }

    /// Sets the frame of training.
    fn set_frame(&mut self, frame: Normalisation) {
        self.normalisation = frame;
        if let Some(poses) = &mut self.poses {
            poses.set_frame(&self.capture, &frame);
        }
    }

    /// Steps submitted.
    pub fn step_index(&self) -> u32 {
        self.step
    }

    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The capture as it is trained on: without the images that cannot be decoded.
    pub fn capture(&self) -> &Arc<Capture> {
        &self.capture
    }

    /// The model as it is trained, in memory that is shared, and the frame that it is in. Whoever draws it sees it between
    /// two steps, until it outgrows that memory: then its capacity is another.
    pub fn shared_model(&self) -> (Model, Normalisation) {
        (self.model.sharing(), self.normalisation)
    }

    /// Gaussians that the model has room for without another memory.
    pub fn capacity(&self) -> usize {
        self.model.capacity()
    }

    /// Waits until the submitted steps are done; the number of Gaussians then.
    pub fn wait(&mut self) -> Result<usize> {
        self.finish_steps()?;
        Ok(self.model.len())
    }

    /// Submits one optimisation step; every few steps waits for the device and repeats what did not fit.
    pub fn step(&mut self) -> Result<()> {
        if self.is_guided() {
            return self.guided_step();
        }
        let step = self.step;
        self.submit_step()?;
        let moves = self.poses.as_ref().is_some_and(|poses| poses.is_due(step));
        if moves || self.step - self.finished >= LOOK_EVERY {
            self.finish_steps()?;
        }
        if let Some(poses) = self.poses.as_mut().filter(|_| moves) {
            poses.update(step, self.schedule.shot(step))?;
        }
        Ok(())
    }

    fn submit_step(&mut self) -> Result<()> {
        if self.appearance.is_judged_at(self.step) {
            self.finish_steps()?;
            self.appearance.judge()?;
        }
        let mut recorder = Recorder::new(&self.gpu, false);
        self.record_step(&mut recorder)?;
        recorder.submit();
        self.step += 1;
        Ok(())
    }

    fn record_step(&mut self, recorder: &mut Recorder) -> Result<()> {
        let step = self.step;
        self.make_room_for_growth(step)?;
        let shot = self.schedule.shot(step);
        let target = self.targets.image(&self.schedule, step, shot)?;
        let background = self.schedule.background(step);
        let view =
            self.view(step, shot).with_colour(background, self.schedule.sh_degree(step), self.config.antialiased);
        self.renderer.set_view(&view, &self.model)?;
        self.loss.set_target(&target, LossWeights::of(&self.config), background, step)?;
        let lens = &self.capture.shots[shot].camera.lens;
        self.appearance.set_photo(step, shot, lens, &target, background);
        let flow = self.targets.flow(&self.schedule, step, shot)?;
        let supervision = self.targets.supervision().zip(flow.as_ref());
        let constants = self.constants(step);
        self.optimiser.set_step(&match supervision {
            Some((supervision, _)) => constants.with_flow(supervision.form().all),
            None => constants,
        });
        if let Some(flow) = &flow {
            let target = self.view(step, flow.to);
            self.renderer.set_flow_target(&view, &target);
        }
        let (renderer, frame) = (&self.renderer, self.renderer.frame());
        match supervision {
            Some(_) => renderer.record_flow_forward(recorder, &self.model, &view),
            None => renderer.record_forward(recorder, &self.model, &view, Channel::Color),
        }
        let rendered = Shown { image: frame.image(), gradient: frame.image_gradient() };
        let shown = self.appearance.record(recorder, rendered, &target);
        self.loss.record(recorder, &target, shown.image, shown.gradient);
        self.appearance.record_backward(recorder, rendered, self.optimiser.step(), frame.buffers().status);
        match supervision {
            Some((supervision, flow)) => {
                supervision.record(recorder, flow, frame, &self.loss);
                renderer.record_flow_backward(recorder, &self.model, &view);
            }
            None => renderer.record_backward(recorder, &view),
        }
        if let Some(poses) = self.poses.as_ref().filter(|poses| poses.is_due(step)) {
            poses.record(recorder, &self.model, frame, &view);
        }
        self.optimiser.record(recorder, &self.model, frame, &view);
        self.record_population(recorder, step);
        Ok(())
    }

    /// The constants of a step without flow supervision.
    fn constants(&self, step: u32) -> Step {
        self.schedule.step(step, self.model.len() - self.around).regularised(self.share)
    }

    /// Makes room for what a step may add.
    fn make_room_for_growth(&mut self, step: u32) -> Result<()> {
        let strategy = self.schedule.strategy();
        if !strategy.due(step) {
            return Ok(());
        }
        self.make_room(self.around + strategy.grown(self.model.len() - self.around))
    }

    /// Makes room for a population, and for some growth where there is none.
    fn make_room(&mut self, gaussians: usize) -> Result<()> {
        if gaussians > self.model.capacity() {
            let capacity = (gaussians + gaussians / 2).min(self.config.cap() + self.around).max(gaussians);
            self.model.make_room(&self.gpu, capacity)?;
            self.optimiser.moments.make_room(&self.gpu, capacity)?;
        }
        Ok(())
    }

    /// Records the change of the population after a step, if one is due.
    fn record_population(&mut self, recorder: &mut Recorder, step: u32) {
        let (strategy, before) = (self.schedule.strategy(), self.model.len());
        if strategy.due(step) {
            let (kernels, moments, frame) = (&self.population_kernels, &self.optimiser.moments, self.renderer.frame());
            strategy.record(kernels, recorder, &mut self.model, moments, frame, (step, self.around));
            if self.model.len() != before {
                self.populations.push((step + 1, self.model.len()));
            }
        }
    }

    fn view(&self, step: u32, shot: usize) -> View {
        let mut camera = self.camera(shot);
        let shot = &self.capture.shots[shot];
        let (width, height) = self.schedule.size(step, (camera.lens.width, camera.lens.height));
        camera.lens = camera.lens.resized(width, height);
        View::new(&camera, self.model.len(), NEAR).at(shot.time.unwrap_or(0.0))
    }

    /// Waits for the device. Steps that did not fit its buffers, which then grow, are repeated until all submitted ones
    /// are done.
    fn finish_steps(&mut self) -> Result<()> {
        let goal = self.step;
        loop {
            let FrameStatus { overflowed, steps, non_finite, .. } = self.renderer.frame_mut().read_status()?;
            self.non_finite += u64::from(non_finite);
            if overflowed != 0 {
                self.step = self.finished + steps;
                let population = self.populations.iter().rev().find(|(step, _)| *step <= self.step);
                self.model.set_len(population.context("the first population is that of the last look")?.1);
            }
            self.finished = self.step;
            self.populations = vec![(self.step, self.model.len())];
            if self.step == goal {
                return Ok(());
            }
            while self.step < goal {
                self.submit_step()?;
            }
        }
    }

    /// The appearance of the photos, where it is trained: what the scene's colours do not hold.
    pub fn appearances(&mut self) -> Result<Option<Appearances>> {
        self.finish_steps()?;
        self.appearance.appearances(&self.capture)
    }

    /// The scene in the capture's frame, without Gaussians that cannot be seen.
    pub fn scene(&mut self) -> Result<Scene> {
        self.finish_steps()?;
        let mut scene = self.model.download(&self.gpu)?;
        scene.antialiased = self.config.antialiased;
        scene.retain(|scene, i| sigmoid(scene.logits[i]) >= ALPHA_MIN);
        scene.denormalise(&self.normalisation);
        let up = self.capture.up_by_gravity().or_else(|| camera::up(&self.capture.cameras()));
        scene.up = up.map(|up| up.as_vec3());
        if scene.motion.is_some() {
            scene.clip = self.capture().clip();
        }
        Ok(scene)
    }

    /// Renders through a camera in the capture's frame, at a time within the clip, over the run's background.
    pub fn render_view(&mut self, camera: &Camera, time: f32) -> Result<Rendered> {
        self.finish_steps()?;
        let options = RenderOptions {
            background: self.config.background.fixed(),
            channel: Channel::Color,
            sh_degree: self.schedule.sh_degree(self.step),
            antialiased: self.config.antialiased,
            near: NEAR,
            time,
        };
        self.renderer.render(&self.model, &self.normalisation.camera(*camera), &options)
    }

    /// Milliseconds of device time by stage, of the next step done once more for measuring: its effect is undone.
    pub fn stage_times(&mut self) -> Result<StageTimes> {
        let before = self.checkpoint()?;
        loop {
            let mut recorder = Recorder::new(&self.gpu, true);
            self.record_step(&mut recorder)?;
            let times = recorder.finish()?;
            let overflowed = self.renderer.frame_mut().read_status()?.overflowed;
            self.restore(&before)?;
            if overflowed == 0 {
                return Ok(times);
            }
        }
    }

    /// Bytes allocated on the device, by the label of the buffer.
    pub fn gpu_bytes(&self) -> Vec<(&'static str, u64)> {
        self.gpu.memory_stats().by_label()
    }
}
