//! What is around a block: the coarse scene of the whole, whose Gaussians outside of the block are trained with it and left
//! out of the merge, and whose depth says which pixels of a photo show the block.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use glam::{Vec3, Vec4, dvec2};

use super::config::Config;
use crate::camera::{Camera, fit_within};
use crate::dataset::{Capture, Cell, Coverage, Photo, Split};
use crate::format;
use crate::gpu::Gpu;
use crate::render::{Channel, SceneView};
use crate::scene::Scene;

/// Longest side of the coarse scene's depth, pixels.
const SIDE: u32 = 256;
/// Transmittance above which a pixel shows no surface of the coarse scene.
const OPEN: f32 = 0.5;
/// Photos of which less than this share shows the block are not trained on.
const LEAST_SHARE: f64 = 0.02;

/// The coarse scene of the whole, cut at the border of what a block trains.
pub struct Surroundings {
    cell: Cell,
    /// Gaussians beyond the block's margin.
    pub outside: Scene,
    pub inside: Scene,
}

impl Surroundings {
    /// Reads the coarse scene of a block; `None` for a capture that is no block, or the whole.
    ///
    /// # Errors
    /// A coarse scene that is not there yet, or was trained otherwise than the block is.
    pub fn of(capture: &Capture, config: &Config) -> Result<Option<Self>> {
        let Some((cell, run)) = capture.block.as_ref().and_then(|block| block.cell.as_ref()) else { return Ok(None) };
        let missing = || format!("a block needs the coarse scene of the whole, {}; {}", run.display(), remedy(run));
        ensure!(run.exists(), missing());
        let scene = format::read_scene(run).with_context(missing)?;
        ensure!(
            scene.antialiased == config.antialiased && scene.motion.is_none(),
            "{}: the coarse scene is not of the block's kind; train both with --antialiased or both without",
            run.display()
        );
        let (mut outside, mut inside) = (scene.clone(), scene);
        outside.retain(|scene, i| !cell.reaches(scene.means[i].as_dvec3()));
        inside.retain(|scene, i| cell.reaches(scene.means[i].as_dvec3()));
        Ok(Some(Self { cell: *cell, outside, inside }))
    }

    /// What the training photos show of the block, by the depth of the coarse scene.
    ///
    /// # Errors
    /// A device that is too small, or photos of which none shows the block.
    pub fn masks(&self, gpu: &Gpu, capture: &Capture) -> Result<CellMasks> {
        let mut scene = self.outside.clone();
        crate::edit::append(&mut scene, self.inside.clone())?;
        let cameras = capture.cameras();
        let mut view = SceneView::new(gpu, scene, &cameras, Vec3::ZERO, Channel::Depth)?;
        let mut masks = Vec::with_capacity(cameras.len());
        for shot in &capture.shots {
            let mut mask = None;
            if shot.split == Split::Train {
                let (mut camera, lens) = (shot.camera, shot.camera.lens);
                let (width, height) = fit_within(lens.width, lens.height, Some(SIDE));
                camera.lens = lens.resized(width, height);
                let rendered = view.render(&camera, 0.0)?;
                mask = Some(Mask::of(&self.cell, &camera, &rendered.pixels));
            }
            masks.push(mask);
        }
        let masks = CellMasks { masks };
        let (kept, all) = (masks.shots().len(), masks.masks.iter().flatten().count());
        ensure!(kept > 0, "no photo shows the block in the coarse scene; partition into fewer blocks");
        if kept < all {
            log::info!(
                "{} of {all} photos show the block in less than 2 % of their pixels, by the coarse scene; left out",
                all - kept
            );
        }
        Ok(masks)
    }
}

/// The command that makes a coarse scene which is not there.
fn remedy(run: &Path) -> String {
    match run.parent().and_then(Path::parent) {
        Some(plan) => format!(
            "train it first: dapple train {0}/coarse --config {0}/coarse/train.toml --out {0}/runs/coarse",
            plan.display()
        ),
        None => "train it first".into(),
    }
}

/// The pixels of a photo that show the block, a bit each.
struct Mask {
    width: u32,
    height: u32,
    used: Vec<u8>,
    share: f64,
}

impl Mask {
    /// From the coarse scene's depth and transmittance. A pixel shows the block where the surface lies in it, and every pixel
    /// does where the camera stands in it: what is made wrongly in the air before the camera must not go unseen.
    fn of(cell: &Cell, camera: &Camera, pixels: &[Vec4]) -> Self {
        let (width, height) = (camera.lens.width, camera.lens.height);
        let (origin, forward) = (camera.pose.centre(), camera.pose.forward());
        let from_inside = cell.reaches(origin);
        let mut used = vec![0; pixels.len().div_ceil(8)];
        let mut count = 0;
        for (i, pixel) in pixels.iter().enumerate() {
            let (x, y) = (i as u32 % width, i as u32 / width);
            let ray = camera.ray(dvec2(f64::from(x) + 0.5, f64::from(y) + 0.5));
            let ahead = ray.dot(forward);
            let place = origin + ray * (f64::from(pixel.x) / ahead);
            let open = pixel.w > OPEN || ahead <= 0.0;
            let shown = from_inside || if open { cell.is_crossed(origin, ray) } else { cell.reaches(place) };
            used[i / 8] |= u8::from(shown) << (i % 8);
            count += usize::from(shown);
        }
        Self { width, height, used, share: count as f64 / pixels.len().max(1) as f64 }
    }

    fn get(&self, x: u32, y: u32) -> bool {
        let i = (y * self.width + x) as usize;
        self.used[i / 8] >> (i % 8) & 1 == 1
    }
}

/// What each photo of a block shows of it.
pub struct CellMasks {
    /// By shot; `None` for those held out.
    masks: Vec<Option<Mask>>,
}

impl CellMasks {
    /// The shots that show enough of the block to be trained on.
    pub fn shots(&self) -> Vec<usize> {
        let enough = |i: &usize| self.masks[*i].as_ref().is_some_and(|mask| mask.share >= LEAST_SHARE);
        (0..self.masks.len()).filter(enough).collect()
    }

    /// Mean share of a photo's pixels that shows the block, 0 to 1.
    pub fn mean_share(&self) -> f64 {
        let shots = self.shots();
        let sum: f64 = shots.iter().filter_map(|&shot| self.masks[shot].as_ref()).map(|mask| mask.share).sum();
        sum / shots.len().max(1) as f64
    }

    /// A photo of which only the pixels that show the block count. One with transparency is composited on black.
    pub fn apply(&self, shot: usize, photo: &Photo) -> Photo {
        let masked = photo.coverage == Coverage::Mask;
        let mut photo = Photo { coverage: Coverage::Mask, ..photo.clone() };
        photo.pixels.iter_mut().filter(|_| !masked).for_each(|pixel| pixel[3] = 255);
        if let Some(mask) = &self.masks[shot] {
            for (i, pixel) in photo.pixels.iter_mut().enumerate() {
                let (x, y) = (i as u32 % photo.width, i as u32 / photo.width);
                if !mask.get(x * mask.width / photo.width, y * mask.height / photo.height) {
                    pixel[3] = 0;
                }
            }
        }
        photo
    }
}

#[cfg(test)]
mod tests {
    use glam::{DVec2, DVec3, vec4};

    use super::*;
    use crate::camera::{Lens, Pose};

    /// A camera two units before a block of two units, which looks through its middle.
    #[test]
    fn a_pixel_shows_the_block_where_its_surface_or_its_camera_is_there() {
        let (low, high, margin) = (DVec2::NEG_ONE, DVec2::ONE, DVec2::ZERO);
        let cell = Cell { axes: [DVec3::X, DVec3::Z], low, high, margin, rim_low: [false; 2], rim_high: [false; 2] };
        let pose = Pose::look_at(DVec3::new(0.0, 0.0, -3.0), DVec3::ZERO, DVec3::Y);
        let lens = Lens::pinhole(DVec2::splat(100.0), DVec2::splat(0.5), (1, 1));
        let shown = |depth: f32, transmittance: f32| {
            Mask::of(&cell, &Camera { pose, lens }, &[vec4(depth, 0.0, 0.0, transmittance)]).get(0, 0)
        };
        assert!(shown(3.0, 0.0), "a surface in the block");
        assert!(!shown(1.5, 0.0) && !shown(5.0, 0.0), "one before it, one behind it");
        assert!(shown(1.5, 0.9), "no surface");
        let away = Pose::look_at(DVec3::new(0.0, 0.0, -3.0), DVec3::new(0.0, 0.0, -4.0), DVec3::Y);
        let passed = Mask::of(&cell, &Camera { pose: away, lens }, &[vec4(20.0, 0.0, 0.0, 0.0)]);
        assert!(!passed.get(0, 0), "a surface beside the block");
        let inside = Pose { translation: DVec3::ZERO, ..pose };
        let ahead = Mask::of(&cell, &Camera { pose: inside, lens }, &[vec4(20.0, 0.0, 0.0, 0.0)]);
        assert!(ahead.get(0, 0), "a surface beyond the block, from within");
    }
}
