//! How the scene is shown.

use glam::Vec3;

use crate::render::{Channel, Form, Shown};
use crate::scene::Scene;

/// How the scene is shown.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Look {
    pub shown: Shown,
    pub form: Form,
    pub background: [f32; 3],
    /// Highest band of the spherical harmonics in use; bounded by the scene's.
    pub sh_degree: u32,
    pub antialiased: bool,
    /// Factor on the splats' size.
    pub size: f32,
    /// Values at the ends of the colours of depth, count and velocity, in the scene's own units; `None` fits them.
    pub range: Option<(f32, f32)>,
    /// Time within the clip, and how much later flow leads to.
    pub time: f32,
    pub gap: f32,
    /// The crop box, in the scene's own frame, and whether what is outside is faint rather than gone.
    pub crop: Option<(Vec3, Vec3)>,
    pub ghost: bool,
}

impl Look {
    /// How a scene is rendered if nothing else is said.
    pub fn of(scene: &Scene, background: Vec3) -> Self {
        Self {
            shown: Shown::Color,
            form: Form::Splat,
            background: background.to_array(),
            sh_degree: scene.sh_degree,
            antialiased: scene.antialiased,
            size: 1.0,
            range: None,
            time: 0.0,
            gap: 0.05,
            crop: None,
            ghost: false,
        }
    }

    pub(super) fn channel(&self) -> Channel {
        match self.shown {
            Shown::Color => Channel::Color,
            Shown::Depth => Channel::Depth,
            Shown::Normal => Channel::Normal,
            Shown::Alpha | Shown::Count => Channel::Alpha,
            Shown::Velocity => Channel::Velocity,
            Shown::Flow => Channel::Color,
        }
    }

    /// Whether the Gaussians are shown as they are.
    pub(super) fn is_plain(&self) -> bool {
        self.form == Form::Splat && self.size == 1.0 && self.crop.is_none()
    }
}
