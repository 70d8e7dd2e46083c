//! What is rendered, and how.

use glam::{Vec3, Vec4};

use crate::camera::Camera;
use crate::model::Model;

use super::lens::View;

/// What is composited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// Colour over the background.
    Color,
    /// Expected depth along the camera's axis, world units; 0 where nothing is.
    Depth,
    /// 1 − transmittance.
    Alpha,
    /// Unit normal, world axes, of the flattest sides of the Gaussians; zero where nothing is.
    Normal,
    /// Expected velocity, world axes and units per clip; zero where nothing is, and throughout a static scene.
    Velocity,
}

impl Channel {
    /// The constant that chooses the splats' features in the projection.
    pub(super) fn constant(self) -> (&'static str, u32) {
        let feature = match self {
            Self::Color | Self::Alpha => 0,
            Self::Depth => 1,
            Self::Normal => 2,
            Self::Velocity => 3,
        };
        ("FEATURE", feature)
    }

    /// Turns composited features into the channel's values.
    pub(super) fn finish(self, pixels: &mut [Vec4]) {
        for pixel in pixels {
            let alpha = 1.0 - pixel.w;
            let value = match self {
                Self::Color => pixel.truncate(),
                Self::Alpha => Vec3::splat(alpha),
                Self::Depth | Self::Velocity if alpha > 0.0 => pixel.truncate() / alpha,
                Self::Depth | Self::Velocity => Vec3::ZERO,
                Self::Normal => pixel.truncate().normalize_or_zero(),
            };
            *pixel = value.extend(pixel.w);
        }
    }
}

/// How a model is rendered.
#[derive(Clone, Copy, Debug)]
pub struct RenderOptions {
    pub background: Vec3,
    pub channel: Channel,
    /// Active degree of the spherical harmonics; at most the model's.
    pub sh_degree: u32,
    /// Compensate opacity for the low-pass filter.
    pub antialiased: bool,
    /// Near plane: Gaussians whose mean is nearer are not drawn. World units.
    pub near: f32,
    /// Time within the clip, 0 to 1. A static scene looks the same at all times.
    pub time: f32,
}

impl RenderOptions {
    /// The view of a model through a camera.
    pub(super) fn view(&self, camera: &Camera, model: &Model) -> View {
        let background = if self.channel == Channel::Color { self.background } else { Vec3::ZERO };
        let view = View::new(camera, model.len(), self.near);
        view.with_colour(background, self.sh_degree, self.antialiased).at(self.time)
    }
}

/// A rendered image.
#[derive(Clone, Debug)]
pub struct Rendered {
    pub width: u32,
    pub height: u32,
    /// `[H * W]`: the channel's value in xyz (colour unclamped, over the background; a single value in all three), and the
    /// transmittance left in w.
    pub pixels: Vec<Vec4>,
}
