//! What of a scene is sky: what lies far beyond the cameras of the run that made it.

use std::path::Path;

use anyhow::{Context, Result};
use glam::{DVec3, Vec3};

use crate::scene::{Clip, Scene};
use crate::train::run::folder::folder_of;
use crate::train::run::manifest::{Frame, MANIFEST, Manifest};
use crate::train::sky;

/// The sphere within which the scene is, as one Gaussian: so it goes through the same transforms.
pub(super) struct Near(Scene);

impl Near {
    /// What is near the cameras of the runs that scenes are from.
    ///
    /// # Errors
    /// A scene that is of no run, or of one that does not say where its cameras are.
    pub fn of(inputs: &[std::path::PathBuf]) -> Result<Self> {
        let mut spheres = Scene { sh_degree: 0, clip: Clip::default(), ..Scene::default() };
        for path in inputs {
            let Frame { centre, reach } = frame_of(path)?;
            spheres.means.push(DVec3::from(centre).as_vec3());
            spheres.quaternions.push([1.0, 0.0, 0.0, 0.0]);
            spheres.log_scales.push(Vec3::splat((sky::FAR * reach).ln() as f32));
            spheres.logits.push(0.0);
            spheres.sh.extend([0.0; 3]);
        }
        Ok(Self(spheres))
    }

    /// The same after what `transform` does to scenes.
    pub fn moved(mut self, transform: impl Fn(&mut Scene)) -> Self {
        transform(&mut self.0);
        self
    }

    pub fn holds(&self, point: Vec3) -> bool {
        let Self(spheres) = self;
        spheres.means.iter().zip(&spheres.log_scales).any(|(centre, size)| point.distance(*centre) <= size.x.exp())
    }
}

fn frame_of(path: &Path) -> Result<Frame> {
    let folder = folder_of(path);
    let manifest = Manifest::read(folder)?;
    manifest.and_then(|manifest| manifest.frame).with_context(|| {
        format!(
            "{}: --sky needs a run, whose {MANIFEST} says where its cameras are; to drop what is far, use --crop \
             sphere=X,Y,Z,RADIUS",
            path.display()
        )
    })
}
