//! Pictures of two scenes from the same cameras, and how alike they are.

use anyhow::Result;
use glam::Vec3;

use crate::camera::Camera;
use crate::gpu::Gpu;
use crate::render::path::resize;
use crate::render::{Channel, Rendered, SceneView, orbit};
use crate::scene::Scene;
use crate::train::metrics::{Score, Target, score};

/// Two scenes seen from the same cameras, on black.
pub struct Pictures {
    /// The agreement in each view.
    pub views: Vec<Score>,
    /// Decibels over the pixels of all views; infinite where all are equal.
    pub psnr: f64,
    /// The mean of the views.
    pub ssim: f64,
    /// Index of the view with the lowest PSNR, and what the two scenes show in it.
    pub worst: usize,
    pub pair: [Rendered; 2],
    /// The share of the pixels in which the first scene shows anything.
    pub covered: f64,
}

/// Cameras for `count` pictures of a scene, `width` pixels wide: evenly chosen ones of a capture, else around the scene.
pub fn cameras(scene: &Scene, capture: &[Camera], count: u32, width: u32) -> Vec<Camera> {
    let chosen: Vec<Camera> = match capture.len() {
        0 => orbit::around(scene, &[], count),
        n => (0..(count as usize).min(n)).map(|k| capture[k * n / (count as usize).min(n)]).collect(),
    };
    let sized = |camera: Camera| {
        let (w, h) = (f64::from(camera.lens.width), f64::from(camera.lens.height));
        let height = (f64::from(width) * h / w).round().max(1.0) as u32;
        Camera { lens: resize(&camera.lens, width, height), ..camera }
    };
    chosen.into_iter().map(sized).collect()
}

impl Pictures {
    /// Renders both scenes through every camera at a time within the clip.
    ///
    /// # Errors
    /// No cameras, or a scene that the adapter cannot hold.
    pub fn take(gpu: &Gpu, scenes: [Scene; 2], cameras: &[Camera], time: f32) -> Result<Self> {
        let [a, b] = scenes;
        let open = |scene: Scene| SceneView::new(gpu, scene, cameras, Vec3::ZERO, Channel::Color);
        let (mut first, mut second) = (open(a)?, open(b)?);
        let (mut views, mut squares, mut pixels, mut covered) = (Vec::new(), 0.0, 0, 0);
        let mut worst: Option<(usize, [Rendered; 2])> = None;
        for camera in cameras {
            let pair = [first.render(camera, time)?, second.render(camera, time)?];
            let shown = |pixel: &glam::Vec4| pixel.truncate().clamp(Vec3::ZERO, Vec3::ONE);
            let target = Target {
                width: pair[0].width,
                height: pair[0].height,
                colours: pair[0].pixels.iter().map(shown).collect(),
                mask: None,
            };
            let compared = target.colours.iter().zip(&pair[1].pixels);
            squares += compared.map(|(a, b)| a.as_dvec3().distance_squared(shown(b).as_dvec3())).sum::<f64>();
            pixels += target.colours.len();
            covered += pair[0].pixels.iter().filter(|pixel| pixel.w < 0.99).count();
            let found = score(&target, &pair[1].pixels);
            if worst.as_ref().is_none_or(|(k, _): &(usize, _)| found.psnr < views_psnr(&views, *k)) {
                worst = Some((views.len(), pair));
            }
            views.push(found);
        }
        let (worst, pair) = worst.ok_or_else(|| anyhow::anyhow!("there is no camera to take pictures with"))?;
        let ssim = views.iter().map(|view| view.ssim).sum::<f64>() / views.len() as f64;
        let psnr = -10.0 * (squares / (3 * pixels) as f64).log10();
        Ok(Self { views, psnr, ssim, worst, pair, covered: covered as f64 / pixels as f64 })
    }

    /// Decibels of the worst view.
    pub fn worst_psnr(&self) -> f64 {
        views_psnr(&self.views, self.worst)
    }
}

fn views_psnr(views: &[Score], view: usize) -> f64 {
    views.get(view).map_or(f64::INFINITY, |view| view.psnr)
}

/// Decibels for people.
pub fn decibels(psnr: f64) -> String {
    if psnr < crate::train::metrics::MAX_PSNR { format!("{psnr:.1} dB") } else { "no difference".into() }
}
