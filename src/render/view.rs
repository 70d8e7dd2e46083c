//! The camera as the shaders see it.

use glam::{DVec2, Vec3, Vec4};

use crate::camera::Camera;
use crate::shared;

/// Side of a square tile, in pixels; `TILE` in `shaders/shared/view.wgsl`.
pub const TILE: u32 = 16;

shared! {
    /// One rendering's camera and settings; see `shaders/shared/view.wgsl`.
    pub struct View {
        pub row0: Vec4,
        pub row1: Vec4,
        pub row2: Vec4,
        pub centre: Vec4,
        pub lens: Vec4,
        pub bounds: Vec4,
        pub background: Vec4,
        pub size: [u32; 4],
        pub gaussians: u32,
        pub sh_degree: u32,
        pub antialiased: u32,
        pub time: f32,
    }
}

impl View {
    /// Width and height in pixels.
    pub fn size(&self) -> (u32, u32) {
        (self.size[0], self.size[1])
    }

    /// Number of tiles.
    pub fn tiles(&self) -> u32 {
        self.size[2] * self.size[3]
    }

    /// A view of `gaussians` Gaussians through `camera`. `near` is a depth in world units.
    pub fn new(camera: &Camera, gaussians: usize, near: f32) -> Self {
        let (pose, lens) = (&camera.pose, &camera.lens);
        let row = |i: usize| pose.rotation.row(i).as_vec3().extend(pose.translation[i] as f32);
        let size = DVec2::new(f64::from(lens.width), f64::from(lens.height));
        // Slopes X/Z seen by the image, and 15 % of the image's width more on either side.
        let low = -lens.principal / lens.focal - 0.15 * size / lens.focal;
        let high = (size - lens.principal) / lens.focal + 0.15 * size / lens.focal;
        Self {
            row0: row(0),
            row1: row(1),
            row2: row(2),
            centre: pose.centre().as_vec3().extend(near),
            lens: Vec4::new(lens.focal.x as f32, lens.focal.y as f32, lens.principal.x as f32, lens.principal.y as f32),
            bounds: Vec4::new(low.x as f32, high.x as f32, low.y as f32, high.y as f32),
            background: Vec4::ZERO,
            size: [lens.width, lens.height, lens.width.div_ceil(TILE), lens.height.div_ceil(TILE)],
            gaussians: gaussians as u32,
            sh_degree: 0,
            antialiased: 0,
            time: 0.0,
        }
    }

    /// The same view at a time within the clip, 0 to 1. Static scenes look the same at all times.
    pub fn at(self, time: f32) -> Self {
        Self { time, ..self }
    }

    /// The same view with settings of colour.
    pub fn with_colour(self, background: Vec3, sh_degree: u32, antialiased: bool) -> Self {
        Self { background: background.extend(0.0), sh_degree, antialiased: u32::from(antialiased), ..self }
    }
}
