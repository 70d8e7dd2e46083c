//! The kernels of appearance, with the buffers between them.

use glam::Vec4;

use crate::gpu::wgsl::constant;
use crate::gpu::{Buffer, Declaration, Gpu, GpuError, Kernel, Pipeline, Recorder};
use crate::render::FrameStatus;
use crate::train::update::Step;
use crate::{kernel, shared};

shared! {
    /// Settings of one step; see `shaders/shared/layout/appearance.wgsl`.
    pub struct Appearance {
        pub photo: u32,
        pub photos: u32,
        pub pixels: u32,
        pub target_kind: u32,
        pub background: Vec4,
        pub lr: f32,
        pub correction1: f32,
        pub correction2: f32,
        pub width: u32,
        pub lens_lr: f32,
        pub lens_correction1: f32,
        pub lens_correction2: f32,
        pub lens: u32,
        pub axis_x: f32,
        pub axis_y: f32,
        pub reach: f32,
        pub unused0: f32,
    }
}

kernel! {
    /// The rendered image as a photo would show it.
    pub Appear = "train/appearance.wgsl" [] {
        uniform appearance: Appearance,
        read values: Vec4,
        read image: Vec4,
        write shown: Vec4,
    }
}

kernel! {
    /// The gradient of the rendered image, and shares of the transform's.
    pub AppearBackward = "train/appearance_backward.wgsl" [] {
        uniform appearance: Appearance,
        read values: Vec4,
        read image: Vec4,
        read shown_gradient: Vec4,
        write image_gradient: Vec4,
        write sums: Vec4,
    }
}

kernel! {
    /// The step on a photo's transform and on its lens's vignetting.
    pub UpdateAppearance = "train/appearance_update.wgsl" [] {
        uniform step: Step,
        uniform appearance: Appearance,
        read sums: Vec4,
        write values: Vec4,
        write moment1: Vec4,
        write moment2: Vec4,
        write status: FrameStatus,
    }
}

kernel! {
    /// Sums of colour over bands and rings of the rendered image and of the photo.
    pub MeasureAppearance = "train/appearance_measure.wgsl" [] {
        uniform appearance: Appearance,
        read image: Vec4,
        read target_image: u32,
        write measured: Vec4,
    }
}

/// All kernels of appearance.
pub const DECLARATIONS: &[Declaration] =
    &[Appear::DECLARATION, AppearBackward::DECLARATION, UpdateAppearance::DECLARATION, MeasureAppearance::DECLARATION];

/// Vectors of four of a photo's transform.
pub const ROWS: usize = constant("layout/appearance", "APPEARANCE_ROWS") as usize;
/// Numbers of a photo's transform.
pub const NUMBERS: usize = 4 * ROWS;
/// Bands of the image that are measured apart.
pub const BANDS: usize = constant("layout/appearance", "APPEARANCE_BANDS") as usize;
/// Rings about the lens's axis that are measured apart, behind the bands.
pub const RINGS: usize = constant("layout/appearance", "APPEARANCE_RINGS") as usize;
/// What is added to a display colour before its gain.
pub const PIVOT: f64 = constant("layout/appearance", "PIVOT");

const SUMS: usize = constant("layout/appearance", "APPEARANCE_SUMS") as usize;
const PIXELS: usize = constant("layout/appearance", "APPEARANCE_PIXELS") as usize;

/// An image and its gradient, `[H * W]` each: rgb and transmittance, and the gradient of rgb and of opacity.
#[derive(Clone, Copy, Debug)]
pub struct Shown<'a> {
    pub image: &'a Buffer<Vec4>,
    pub gradient: &'a Buffer<Vec4>,
}

/// The transforms on the device, `[photos * ROWS]` and then `[lenses]` each: the values and Adam's moments.
#[derive(Clone, Copy, Debug)]
pub struct Transforms<'a> {
    pub values: &'a Buffer<Vec4>,
    pub moments: [&'a Buffer<Vec4>; 2],
}

/// The compiled transform of images of up to a number of pixels.
#[derive(Debug)]
pub struct TransformPass {
    appear: Pipeline<Appear<'static>>,
    backward: Pipeline<AppearBackward<'static>>,
    update: Pipeline<UpdateAppearance<'static>>,
    image: Buffer<Vec4>,
    gradient: Buffer<Vec4>,
    sums: Buffer<Vec4>,
}

impl TransformPass {
    pub fn new(gpu: &Gpu, pixels: usize) -> Result<Self, GpuError> {
        Ok(Self {
            appear: gpu.pipeline::<Appear>(&[])?,
            backward: gpu.pipeline::<AppearBackward>(&[])?,
            update: gpu.pipeline::<UpdateAppearance>(&[])?,
            image: gpu.zeros("view: appearance", pixels)?,
            gradient: gpu.zeros("view: appearance", pixels)?,
            sums: gpu.zeros("view: appearance", SUMS * pixels.div_ceil(PIXELS))?,
        })
    }

    /// The image as it appears, and where the loss leaves its gradient.
    pub fn shown(&self) -> Shown<'_> {
        Shown { image: &self.image, gradient: &self.gradient }
    }

    /// Records how a rendered image of so many `pixels` appears.
    pub fn record(
        &self,
        recorder: &mut Recorder,
        appearance: &Buffer<Appearance>,
        values: &Buffer<Vec4>,
        image: &Buffer<Vec4>,
        pixels: u32,
    ) {
        recorder.stage("appearance", |pass| {
            let appear = Appear { appearance, values, image, shown: &self.image };
            self.appear.dispatch(pass, &appear, pixels);
        });
    }

    /// Records the way back to the gradient of the `rendered` image, and the step on the photo's transform. A frame that
    /// did not fit its buffers makes none.
    pub fn record_backward(
        &self,
        recorder: &mut Recorder,
        appearance: &Buffer<Appearance>,
        transforms: Transforms<'_>,
        rendered: Shown<'_>,
        pixels: u32,
        (step, status): (&Buffer<Step>, &Buffer<FrameStatus>),
    ) {
        let Transforms { values, moments: [moment1, moment2] } = transforms;
        recorder.stage("appearance", |pass| {
            let backward = AppearBackward {
                appearance,
                values,
                image: rendered.image,
                shown_gradient: &self.gradient,
                image_gradient: rendered.gradient,
                sums: &self.sums,
            };
            self.backward.dispatch_groups(pass, &backward, pixels.div_ceil(PIXELS as u32));
            let update = UpdateAppearance { step, appearance, sums: &self.sums, values, moment1, moment2, status };
            self.update.dispatch_groups(pass, &update, 1);
        });
    }
}
