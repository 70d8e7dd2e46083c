//! Steps that an outside loss judges (docs/guide.md).

use anyhow::Result;
use glam::{Vec3, Vec4};

use crate::camera::Camera;
use crate::dataset::{Coverage, Photo};
use crate::gpu::Recorder;
use crate::render::{Channel, LensVariant, View};
use crate::train::guide::{GuidedView, Judgement};
use crate::train::loss::{HISTORY, LossWeights, Target};

use super::{NEAR, Trainer};

impl Trainer {
    /// Whether the guide judges the next step.
    pub(super) fn is_guided(&self) -> bool {
        self.guide.as_ref().is_some_and(|guide| guide.is_due(self.step))
    }

    /// One step by the guide's judgement, in a view that it asked for, or that of the photo whose turn it is. The device is
    /// waited for before and after.
    pub(super) fn guided_step(&mut self) -> Result<()> {
        self.finish_steps()?;
        let step = self.step;
        self.make_room_for_growth(step)?;
        let shown = self.guided_view(step)?;
        let background = self.schedule.background(step);
        let camera = self.normalisation.camera(shown.camera);
        let view = View::new(&camera, self.model.len(), NEAR).at(shown.time);
        let view = view.with_colour(background, self.schedule.sh_degree(step), self.config.antialiased);
        let image = self.shown(&view)?;
        let Some(guide) = &mut self.guide else { return Ok(()) };
        let answer = guide.judge(step, &shown, background, &image)?;
        let mut recorder = Recorder::new(&self.gpu, false);
        match answer.judgement {
            Judgement::Gradient(gradient) => {
                self.gpu.write(self.renderer.frame().image_gradient(), 0, &gradient);
                self.backward(&mut recorder, &view)?;
            }
            Judgement::Target { pixels, has_opacity } => {
                let lens = shown.camera.lens;
                let photo = quantised((lens.width, lens.height), &pixels, has_opacity);
                let target = Target::upload(&self.gpu, &photo)?;
                self.loss.set_target(&target, LossWeights::of(&self.config), background, step)?;
                let frame = self.renderer.frame();
                self.loss.record(&mut recorder, &target, frame.image(), frame.image_gradient());
                self.backward(&mut recorder, &view)?;
            }
            Judgement::Nothing => {}
        }
        self.record_population(&mut recorder, step);
        recorder.finish()?;
        self.step += 1;
        self.finish_steps()?;
        self.note_loss(step, answer.loss)
    }

    fn guided_view(&mut self, step: u32) -> Result<GuidedView> {
        if let Some(view) = self.guide.as_ref().and_then(|guide| guide.wanted()) {
            // The guide's lens may be none of the capture's.
            self.optimiser.prepare(LensVariant::PINHOLE)?;
            self.renderer.prepare(&self.model, LensVariant::PINHOLE)?;
            return Ok(view);
        }
        let number = self.schedule.shot(step);
        let shot = &self.capture.shots[number];
        let (width, height) = self.schedule.size(step, (shot.camera.lens.width, shot.camera.lens.height));
        // Where training has it by now.
        let pose = self.normalisation.undo_camera(self.camera(number)).pose;
        let camera = Camera { lens: shot.camera.lens.resized(width, height), pose };
        Ok(GuidedView { camera, time: shot.time.unwrap_or(0.0) })
    }

    /// The image of a view, which stays on the device for the way back: `[H * W]` colours over the background, and
    /// transmittance.
    fn shown(&mut self, view: &View) -> Result<Vec<Vec4>> {
        loop {
            let mut recorder = Recorder::new(&self.gpu, false);
            self.renderer.set_view(view, &self.model)?;
            self.renderer.record_forward(&mut recorder, &self.model, view, Channel::Color);
            recorder.finish()?;
            if self.renderer.frame_mut().read_status()?.overflowed == 0 {
                break;
            }
        }
        let (width, height) = view.size();
        let pixels = width as usize * height as usize;
        Ok(self.gpu.read_range(self.renderer.frame().image(), 0, pixels)?)
    }

    /// Records the way back from the image's gradient, and the optimiser's step.
    fn backward(&mut self, recorder: &mut Recorder, view: &View) -> Result<()> {
        self.optimiser.set_step(&self.constants(self.step));
        self.renderer.record_backward(recorder, view);
        self.optimiser.record(recorder, &self.model, self.renderer.frame(), view);
        Ok(())
    }

    /// Puts the guide's own loss in the place of the step's, as an L1 and an SSIM that add up to it.
    fn note_loss(&mut self, step: u32, loss: Option<f32>) -> Result<()> {
        if let Some(loss) = loss.filter(|loss| loss.is_finite()) {
            let mut history = self.loss.history()?;
            history[step as usize % HISTORY] = Vec4::new(loss, 1.0 - loss, 0.0, 0.0);
            self.loss.restore_history(&history);
        }
        Ok(())
    }
}

/// A photo of 8 bits a channel.
fn quantised((width, height): (u32, u32), pixels: &[Vec4], has_opacity: bool) -> Photo {
    let byte = |value: f32| (value.clamp(0.0, 1.0) * 255.0).round() as u8;
    let colour = |pixel: &Vec4| {
        let [r, g, b] = pixel.truncate().max(Vec3::ZERO).to_array().map(byte);
        [r, g, b, byte(pixel.w)]
    };
    let coverage = if has_opacity { Coverage::Alpha } else { Coverage::Opaque };
    Photo { width, height, pixels: pixels.iter().map(colour).collect(), coverage }
}
