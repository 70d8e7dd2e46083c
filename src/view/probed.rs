//! What a pixel of the picture last drawn is made of.

use anyhow::Result;
use glam::Vec3;

use crate::model::GEOMETRY_ROW;
use crate::render::{Contribution, Probe};
use crate::scene::sigmoid;

use super::stage::Stage;

/// A pixel taken apart.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Probed {
    pub pixel: (u32, u32),
    /// The colour on the screen.
    pub shown: [u8; 3],
    pub alpha: f32,
    /// Mean depth along the view, in the scene's units.
    pub depth: Option<f64>,
    /// Gaussians that contribute.
    pub count: u32,
    /// Those with the largest share of it.
    pub hits: Vec<Hit>,
}

/// A Gaussian's part in a pixel.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hit {
    /// Its place in the scene, from 0.
    pub index: u32,
    /// Alpha there times the transmittance in front of it.
    pub weight: f32,
    /// Along the view, in the scene's units.
    pub depth: f64,
    /// Of the Gaussian itself.
    pub opacity: f32,
    /// Standard deviations along its axes, in the scene's units.
    pub scale: Vec3,
}

impl Stage {
    /// Takes a pixel of the picture last drawn apart; `most` Gaussians are listed.
    ///
    /// # Errors
    /// What the device reports.
    pub fn probe(&mut self, (x, y): (u32, u32), most: usize) -> Result<Probed> {
        let Some(model) = self.model.as_ref().filter(|_| x < self.size.0 && y < self.size.1) else {
            return Ok(Probed::default());
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
            let row = self.gpu.read_range(&model.rows.geometry, GEOMETRY_ROW * part.index as usize, GEOMETRY_ROW)?;
            anyhow::Ok(Hit {
                index: part.index,
                weight: part.weight,
                depth: f64::from(part.depth) * unit,
                opacity: sigmoid(row[0].w),
                scale: row[2].truncate().exp() * unit as f32,
            })
        };
        let hits = listed.iter().map(hit).collect::<Result<_>>()?;
        let alpha = 1.0 - parts.transmittance;
        Ok(Probed {
            pixel: (x, y),
            shown: self.presenter.read_pixel((x, y))?,
            alpha,
            depth: (alpha > 0.0).then(|| f64::from(parts.depth / alpha) * unit),
            count: parts.count,
            hits,
        })
    }
}
