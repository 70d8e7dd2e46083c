//! How much each Gaussian shows in a view.

use anyhow::Result;
use glam::Vec4;

use super::layout::{SLOT, SplatRow};
use super::lens::View;
use super::options::{Channel, RenderOptions};
use super::renderer::Renderer;
use crate::camera::Camera;
use crate::gpu::Recorder;
use crate::gpu::wgsl::constant;
use crate::model::Model;

/// Where a slot has the gradient of red, which is the weight where each pixel's is 1.
const RED: usize = constant("layout/slot", "SLOT_RED") as usize;

impl Renderer {
    /// Adds to `sums`, one a Gaussian, its blending weights α·T over the pixels of a view. The renderer must be one
    /// [`Renderer::for_training`].
    ///
    /// # Errors
    /// A view that the device has no room for.
    pub fn add_weights(
        &mut self,
        model: &Model,
        camera: &Camera,
        options: &RenderOptions,
        sums: &mut [f64],
    ) -> Result<()> {
        let view = View::new(camera, model.len(), options.near).with_colour(
            options.background,
            options.sh_degree,
            options.antialiased,
        );
        self.prepare(model, view.lens_variant())?;
        self.set_view(&view, model)?;
        let (width, height) = view.size();
        let ones = vec![Vec4::X; width as usize * height as usize];
        self.gpu().write(self.frame().image_gradient(), 0, &ones);
        loop {
            let mut recorder = Recorder::new(self.gpu(), false);
            self.record_forward(&mut recorder, model, &view, Channel::Color);
            self.record_backward(&mut recorder, &view);
            recorder.finish()?;
            if self.frame_mut().read_status()?.overflowed == 0 {
                break;
            }
        }
        let frame = self.frame().buffers();
        let splats = self.gpu().read_range(frame.splats, 0, model.len())?;
        let own = |splat: &SplatRow| splat.first_slot as usize..(splat.first_slot + splat.slot_count) as usize;
        let used = || splats.iter().enumerate().filter(|(_, splat)| splat.slot_count > 0);
        let end = used().map(|(_, splat)| own(splat).end).max().unwrap_or(0);
        let slots = self.gpu().read_range(frame.slot_gradients, 0, end * SLOT)?;
        for (i, splat) in used() {
            sums[i] += own(splat).map(|slot| f64::from(slots[slot * SLOT + RED])).sum::<f64>();
        }
        Ok(())
    }
}
