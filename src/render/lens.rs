//! Lenses, and the camera as the shaders see it.

use glam::{DVec2, DVec4, Vec3, Vec4};

use crate::camera::{Camera, Lens, LensModel, fisheye_angle};
use crate::gpu::wgsl::constant;
use crate::scene::ALPHA_MIN;
use crate::shared;

/// Side of a square tile, in pixels.
pub const TILE: u32 = constant("layout/view", "TILE") as u32;

// The scene's threshold is the kernels'.
const _: () = assert!(ALPHA_MIN == (1.0 / constant("layout/view", "ALPHA_LEVELS")) as f32);

/// Values of the kernels' constant `LENS`: one for each file in `shaders/shared/lens/`.
pub const LENSES: [u32; 2] = [0, 1];

/// The variant of the kernels for a lens model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LensVariant(u32);

impl LensVariant {
    pub const PINHOLE: Self = Self(0);

    /// That of a lens.
    pub fn of(lens: &Lens) -> Self {
        match lens.model {
            LensModel::Pinhole => Self::PINHOLE,
            LensModel::Fisheye { .. } => Self(1),
        }
    }

    /// Those of some lenses, each once.
    pub fn distinct<'a>(lenses: impl Iterator<Item = &'a Lens>) -> Vec<Self> {
        let mut variants = Vec::new();
        for variant in lenses.map(Self::of) {
            if !variants.contains(&variant) {
                variants.push(variant);
            }
        }
        variants
    }

    /// The constant that chooses the lens in a kernel.
    pub fn constant(self) -> (&'static str, u32) {
        ("LENS", self.0)
    }
}

shared! {
    /// One rendering's camera and settings; see `shaders/shared/layout/view.wgsl`.
    pub struct View {
        pub row0: Vec4,
        pub row1: Vec4,
        pub row2: Vec4,
        pub centre: Vec4,
        pub lens: Vec4,
        pub bounds: Vec4,
        pub distortion: Vec4,
        pub background: Vec4,
        pub size: [u32; 4],
        pub gaussians: u32,
        pub sh_degree: u32,
        pub antialiased: u32,
        pub time: f32,
        pub lens_model: u32,
        pub sh_rest: u32,
        pub unused0: u32,
        pub unused1: u32,
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

    /// How the camera maps points to the image.
    pub fn lens_variant(&self) -> LensVariant {
        LensVariant(self.lens_model)
    }

    /// A view of `gaussians` Gaussians through `camera`. `near` is a distance in world units: along the axis for a pinhole.
    pub fn new(camera: &Camera, gaussians: usize, near: f32) -> Self {
        let (pose, lens) = (&camera.pose, &camera.lens);
        let row = |i: usize| pose.rotation.row(i).as_vec3().extend(pose.translation[i] as f32);
        let (bounds, distortion) = bounds(lens);
        Self {
            row0: row(0),
            row1: row(1),
            row2: row(2),
            centre: pose.centre().as_vec3().extend(near),
            lens: Vec4::new(lens.focal.x as f32, lens.focal.y as f32, lens.principal.x as f32, lens.principal.y as f32),
            bounds,
            distortion,
            size: [lens.width, lens.height, lens.width.div_ceil(TILE), lens.height.div_ceil(TILE)],
            gaussians: gaussians as u32,
            lens_model: LensVariant::of(lens).0,
            ..Self::default()
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

/// The bounds of a lens as its file in `shaders/shared/lens/` says, and its distortion.
fn bounds(lens: &Lens) -> (Vec4, Vec4) {
    let size = DVec2::new(f64::from(lens.width), f64::from(lens.height));
    match lens.model {
        LensModel::Pinhole => {
            // Slopes X/Z seen by the image, and 15 % of the image's width more on either side.
            let low = -lens.principal / lens.focal - 0.15 * size / lens.focal;
            let high = (size - lens.principal) / lens.focal + 0.15 * size / lens.focal;
            (Vec4::new(low.x as f32, high.x as f32, low.y as f32, high.y as f32), Vec4::ZERO)
        }
        LensModel::Fisheye { radial, reach } => {
            // The angle at the farthest corner, and 15 % more.
            let corner = lens.principal.max(size - lens.principal) / lens.focal;
            let most = (1.15 * fisheye_angle(&radial, reach, corner.length())).min(reach);
            (Vec4::X * most as f32, DVec4::from_array(radial).as_vec4())
        }
    }
}
