//! Where a trainer measures from: poses that training has refined, and held-out cameras aligned by their own photos.

use anyhow::Result;

use crate::camera::Camera;
use crate::dataset::Split;
use crate::gpu::Recorder;
use crate::render::{Channel, View};
use crate::train::loss::{LossWeights, Target};
use crate::train::poses::{Alignment, Moved, Poses};

use super::{NEAR, Trainer};

impl Trainer {
    /// The camera of a shot in the frame of training, where training has it by now.
    pub(super) fn camera(&self, shot: usize) -> Camera {
        let camera = self.normalisation.camera(self.capture.shots[shot].camera);
        self.poses.as_ref().map_or(camera, |poses| poses.camera(shot, camera))
    }

    /// The poses of the training photos, and where `aligns` those of the held-out ones, each aligned by its own photo with
    /// the scene as it is; `None` where poses are taken as they are.
    ///
    /// # Errors
    /// A device that is lost or too small. A photo that cannot be decoded leaves its camera as it is.
    pub fn poses(&mut self, aligns: bool) -> Result<Option<Poses>> {
        self.finish_steps()?;
        if self.poses.is_none() {
            return Ok(None);
        }
        // Alignments leave their losses where a step does.
        let history = self.loss.history()?;
        let mut found = Poses::default();
        for shot in 0..self.capture.shots.len() {
            let trained = self.capture.shots[shot].split == Split::Train;
            if !trained && !aligns {
                continue;
            }
            let camera = if trained { self.camera(shot) } else { self.align(shot)? };
            let (before, frame) = (&self.capture.shots[shot], &self.normalisation);
            let moved = Moved::new(&before.camera.pose, &frame.undo_camera(camera).pose, frame.scale.recip());
            let side = if trained { &mut found.trained } else { &mut found.aligned };
            side.insert(before.name.clone(), moved);
        }
        self.loss.restore_history(&history);
        Ok(Some(found))
    }

    /// A camera, in the frame of training, where it fits its own photo best.
    fn align(&mut self, shot: usize) -> Result<Camera> {
        let mut alignment = Alignment::new(self.camera(shot));
        let time = self.capture.shots[shot].time.unwrap_or(0.0);
        let Ok(photo) = self.capture.load(shot) else { return Ok(alignment.camera()) };
        let target = Target::upload(&self.gpu, &photo)?;
        let (background, degree) = (self.config.background.fixed(), self.schedule.sh_degree(self.step));
        let weights = LossWeights::of(&self.config);
        while !alignment.is_done() {
            let Some(poses) = &self.poses else { break };
            let view = View::new(&alignment.camera(), self.model.len(), NEAR).at(time);
            let view = view.with_colour(background, degree, self.config.antialiased);
            self.renderer.set_view(&view, &self.model)?;
            self.loss.set_target(&target, weights, background, 0)?;
            let mut recorder = Recorder::new(&self.gpu, false);
            let frame = self.renderer.frame();
            self.renderer.record_forward(&mut recorder, &self.model, &view, Channel::Color);
            self.loss.record(&mut recorder, &target, frame.image(), frame.image_gradient());
            self.renderer.record_backward(&mut recorder, &view);
            poses.record(&mut recorder, &self.model, frame, &view);
            recorder.submit();
            if self.renderer.frame_mut().read_status()?.overflowed != 0 {
                continue;
            }
            let terms = self.loss.history()?[0];
            let loss = (1.0 - weights.ssim) * f64::from(terms.x) + weights.ssim * (1.0 - f64::from(terms.y));
            alignment.take(loss, poses.gradient()?);
        }
        Ok(alignment.best())
    }
}
