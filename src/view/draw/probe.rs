//! Reading what a pixel of the picture is made of.

use anyhow::Result;

use crate::render::{Contribution, Probe};
use crate::scene::sigmoid;
use crate::view::state::probe::{Hit, ProbedPixel};

use super::scene_canvas::SceneCanvas;

impl SceneCanvas {
    /// Reads what makes a pixel of the picture drawn last; `most` Gaussians are listed.
    ///
    /// # Errors
    /// Errors of the device.
    pub fn probe(&mut self, (x, y): (u32, u32), most: usize) -> Result<ProbedPixel> {
        let Some(model) = self.model.as_ref().filter(|_| x < self.size.0 && y < self.size.1) else {
            return Ok(ProbedPixel::default());
        };
        let probe = match &mut self.probe {
            Some(probe) => probe,
            empty => empty.insert(Probe::new(&self.gpu)?),
        };
        let parts = probe.take(self.renderer.frame(), (x, y))?;
        let mut listed = parts.contributions;
        listed.sort_by(|a, b| b.weight.total_cmp(&a.weight));
        listed.truncate(most);
        let unit = 1.0 / self.frame.scale;
        let hit = |part: &Contribution| {
            let row = self.gpu.read_range(&model.rows.geometry, part.index as usize, 1)?[0];
            anyhow::Ok(Hit {
                index: part.index,
                weight: part.weight,
                depth: f64::from(part.depth) * unit,
                opacity: sigmoid(row.mean_logit.w),
                scale: row.log_scale.truncate().exp() * unit as f32,
            })
        };
        let hits = listed.iter().map(hit).collect::<Result<_>>()?;
        let alpha = 1.0 - parts.transmittance;
        Ok(ProbedPixel {
            pixel: (x, y),
            shown: self.presenter.read_pixel((x, y))?,
            alpha,
            depth: (alpha > 0.0).then(|| f64::from(parts.depth / alpha) * unit),
            count: parts.count,
            hits,
        })
    }
}
