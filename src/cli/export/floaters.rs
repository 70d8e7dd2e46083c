//! What the cameras of a capture see of a scene, and what of it floats before them.

use std::path::Path;

use anyhow::{Result, ensure};
use glam::Vec3;
use indicatif::HumanCount;

use super::args::Args;
use crate::cli::progress;
use crate::dataset::{Capture, CaptureOptions};
use crate::edit;
use crate::gpu::Gpu;
use crate::render::blending_weights;
use crate::scene::Scene;

/// The sum of blending weights below which leaving a Gaussian out changes no pixel by a step of 8 bits.
const UNSEEN: f64 = 1.0 / 255.0;
/// The share of the Gaussians that no photo shows from which the frame is doubted.
const DOUBTFUL: f64 = 0.5;

/// What the cameras of a capture see.
pub(super) struct Seen {
    /// Where they stand, in the scene's frame.
    eyes: Vec<Vec3>,
    /// `[N]` blending weights of the Gaussians, summed over the pixels of all cameras.
    pub weights: Vec<f64>,
}

impl Seen {
    /// # Errors
    /// A scene in motion, a capture that cannot be opened, or errors of the device.
    pub fn of(scene: &Scene, capture: &Path, adapter: Option<&str>) -> Result<Self> {
        ensure!(scene.motion.is_none(), "--capture measures a still scene; choose a moment with --time");
        let cameras = Capture::open(capture, &CaptureOptions::cameras_only())?.cameras();
        let gpu = Gpu::open(adapter)?;
        let _stage = progress::spinner(format!("looking through {} cameras", cameras.len()));
        let weights = blending_weights(&gpu, scene, &cameras)?;
        Ok(Self { eyes: cameras.iter().map(|camera| camera.pose.centre().as_vec3()).collect(), weights })
    }

    fn total(&self) -> f64 {
        self.weights.iter().sum()
    }

    /// The share of all weights that those of some Gaussians are.
    fn share(&self, of: impl Fn(usize) -> bool) -> f64 {
        let sum = (0..self.weights.len()).filter(|&i| of(i)).fold(0.0, |sum, i| sum + self.weights[i]);
        sum / self.total().max(f64::MIN_POSITIVE)
    }
}

/// Leaves out small clusters that float, then what no photo of the capture shows, even with nothing that floats before it.
///
/// # Errors
/// Those of [`Seen::of`], and a capture whose cameras see nothing of the scene.
pub(super) fn drop(args: &Args, capture: &Path, scene: &mut Scene) -> Result<()> {
    let look = |scene: &Scene| Seen::of(scene, capture, args.adapter.as_deref());
    let seen = look(scene)?;
    let total = seen.total();
    ensure!(
        total > 0.0,
        "{}: its cameras see nothing of the scene; give the capture that the scene was trained on, in whose frame it still is",
        capture.display()
    );
    // What nobody sees must not tie a floater to the rest.
    let members: Vec<u32> = (0..scene.len()).filter(|&i| seen.weights[i] >= UNSEEN).map(|i| i as u32).collect();
    let mut floats = vec![false; scene.len()];
    for (i, floating) in members.iter().zip(edit::floating(&edit::gather(scene, &members), &seen.eyes)?) {
        floats[*i as usize] = floating;
    }
    let n = scene.len();
    let share = seen.share(|i| floats[i]);
    scene.retain(|_, i| !floats[i]);
    let before = scene.len();
    say(n - before, "float in small clusters with nothing near", share);
    let seen = if before < n { look(scene)? } else { seen };
    let share = seen.share(|i| seen.weights[i] < UNSEEN);
    scene.retain(|_, i| seen.weights[i] >= UNSEEN);
    let unseen = before - scene.len();
    say(unseen, "no photo of the capture shows", share);
    if unseen as f64 > DOUBTFUL * n as f64 {
        log::warn!("that is most of the scene; make sure that the scene is in the capture's frame");
    }
    Ok(())
}

fn say(n: usize, why: &str, share: f64) {
    println!("left out {} that {why}: {:.3} % of what the photos show", HumanCount(n as u64), 100.0 * share);
}
