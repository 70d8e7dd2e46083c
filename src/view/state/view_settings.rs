//! How the scene is shown.

use glam::Vec3;

use crate::render::{Channel, DisplayMode, SplatStyle};
use crate::scene::Scene;

/// How the scene is shown.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ViewSettings {
    pub mode: DisplayMode,
    pub form: SplatStyle,
    pub background: [f32; 3],
    /// Highest degree of the spherical harmonics in use; bounded by the scene's.
    pub sh_degree: u32,
    pub antialiased: bool,
    /// Factor on the splats' size.
    pub splat_size: f32,
    /// Values at the ends of the colour map of depth, count, velocity and flow, in the scene's units; `None` fits them.
    pub range: Option<(f32, f32)>,
    /// Time within the clip, 0 to 1.
    pub time: f32,
    /// How much later flow leads to.
    pub flow_step: f32,
    /// The crop box, in the scene's own frame.
    pub crop: Option<(Vec3, Vec3)>,
    /// Whether what is outside the crop box is dimmed rather than hidden.
    pub dim_outside: bool,
}

impl ViewSettings {
    /// How a scene is rendered by default.
    pub fn of(scene: &Scene, background: Vec3) -> Self {
        Self {
            mode: DisplayMode::Color,
            form: SplatStyle::Splat,
            background: background.to_array(),
            sh_degree: scene.sh_degree,
            antialiased: scene.antialiased,
            splat_size: 1.0,
            range: None,
            time: 0.0,
            flow_step: 0.05,
            crop: None,
            dim_outside: false,
        }
    }

    /// What the renderer computes for the mode.
    pub fn channel(&self) -> Channel {
        match self.mode {
            DisplayMode::Color | DisplayMode::Flow => Channel::Color,
            DisplayMode::Depth => Channel::Depth,
            DisplayMode::Normal => Channel::Normal,
            DisplayMode::Alpha | DisplayMode::Count => Channel::Alpha,
            DisplayMode::Velocity => Channel::Velocity,
        }
    }

    /// Whether the mode maps numbers to colours.
    pub fn has_range(&self) -> bool {
        has_range(self.mode)
    }

    /// Whether the Gaussians are shown as they are.
    pub fn is_plain(&self) -> bool {
        self.form == SplatStyle::Splat && self.splat_size == 1.0 && self.crop.is_none()
    }
}

/// Whether a mode maps numbers to colours.
pub fn has_range(mode: DisplayMode) -> bool {
    matches!(mode, DisplayMode::Depth | DisplayMode::Count | DisplayMode::Velocity | DisplayMode::Flow)
}
