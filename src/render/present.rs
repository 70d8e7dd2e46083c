//! From a rendered image to pixels that a window or a file takes, without leaving the device.

use anyhow::Result;
use glam::Vec4;

use crate::gpu::{Buffer, Declaration, Gpu, GpuError, Kernel, Pipeline, Recorder};
use crate::{kernel, shared};

use super::frame::Frame;
use super::layout::SplatRow;
use super::lens::View;

shared! {
    /// How numbers become colours; see `shaders/view/present.wgsl`.
    pub struct Presentation {
        pub width: u32,
        pub height: u32,
        pub stride: u32,
        pub mode: u32,
        pub low: f32,
        pub high: f32,
        pub unit: f32,
        pub unused: f32,
    }
}

kernel! {
    /// 8-bit pixels of an image.
    pub Present = "view/present.wgsl" [] {
        uniform presentation: Presentation,
        read image: Vec4,
        write pixels: u32,
    }
}

kernel! {
    /// Number of Gaussians that contribute to each pixel.
    pub Count = "view/count.wgsl" [] {
        uniform view: View,
        read starts: u32,
        read slots: u32,
        read slot_gaussians: u32,
        read splats: SplatRow,
        write image: Vec4,
    }
}

kernel! {
    /// Flow in place of the image.
    pub FlowPixels = "view/flow_pixels.wgsl" [] {
        uniform view: View,
        write image: Vec4,
    }
}

/// All kernels of this file.
pub const DECLARATIONS: &[Declaration] = &[Present::DECLARATION, Count::DECLARATION, FlowPixels::DECLARATION];

/// Draws presented pixels to a texture.
pub(super) const WINDOW: &str = include_str!("../../shaders/view/window.wgsl");

/// Bytes that a row of a copy between buffer and texture is a multiple of.
pub(super) const ROW: u32 = wgpu::COPY_BYTES_PER_ROW_ALIGNMENT;

/// What a presented image shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DisplayMode {
    Color = 0,
    Depth = 1,
    Normal = 2,
    Alpha = 3,
    /// Gaussians a pixel.
    Count = 4,
    Velocity = 5,
    /// Displacement on the screen up to another time, in pixels.
    Flow = 6,
}

/// The compiled presentation and its pixels.
#[derive(Debug)]
pub struct Presenter {
    gpu: Gpu,
    present: Pipeline<Present<'static>>,
    count: Pipeline<Count<'static>>,
    flow: Pipeline<FlowPixels<'static>>,
    settings: Buffer<Presentation>,
    pixels: Buffer<u32>,
    size: (u32, u32),
}

impl Presenter {
    pub fn new(gpu: &Gpu) -> Result<Self, GpuError> {
        Ok(Self {
            gpu: gpu.clone(),
            present: gpu.pipeline::<Present>(&[])?,
            count: gpu.pipeline::<Count>(&[])?,
            flow: gpu.pipeline::<FlowPixels>(&[])?,
            settings: gpu.zeros("window: settings", 1)?,
            pixels: gpu.zeros("window: pixels", 0)?,
            size: (0, 0),
        })
    }

    fn stride(width: u32) -> u32 {
        (4 * width).next_multiple_of(ROW) / 4
    }

    /// Makes room for images of a size.
    pub fn resize(&mut self, (width, height): (u32, u32)) -> Result<(), GpuError> {
        let words = Self::stride(width) as usize * height as usize;
        if self.pixels.len() < words {
            self.pixels = self.gpu.zeros("window: pixels", words)?;
        }
        self.size = (width, height);
        Ok(())
    }

    /// Records the count of Gaussians in place of the image of the frame last recorded.
    pub fn record_count(&self, recorder: &mut Recorder, frame: &Frame, view: &View) {
        let (pairs, inputs) = (frame.pairs(), frame.buffers());
        recorder.stage("count", |pass| {
            let count = Count {
                view: inputs.view,
                starts: pairs.starts,
                slots: pairs.slots,
                slot_gaussians: pairs.slot_gaussians,
                splats: inputs.splats,
                image: frame.image(),
            };
            self.count.dispatch_groups(pass, &count, view.tiles());
        });
    }

    /// Records the flow in place of the image of the frame last recorded with flow.
    pub fn record_flow(&self, recorder: &mut Recorder, frame: &Frame, view: &View) {
        recorder.stage("flow pixels", |pass| {
            let kernel = FlowPixels { view: frame.buffers().view, image: frame.image() };
            let (width, height) = view.size();
            self.flow.dispatch(pass, &kernel, width * height);
        });
    }

    /// Records the pixels of the frame's image. `range` are the values at the ends of the ramp, in the scene's own
    /// units, of which the image's unit holds `unit`.
    pub fn record(&self, recorder: &mut Recorder, frame: &Frame, shown: DisplayMode, range: (f32, f32), unit: f32) {
        let (width, height) = self.size;
        let settings = Presentation {
            width,
            height,
            stride: Self::stride(width),
            mode: shown as u32,
            low: range.0,
            high: range.1,
            unit,
            unused: 0.0,
        };
        self.gpu.write(&self.settings, 0, &[settings]);
        recorder.stage("present", |pass| {
            let present = Present { presentation: &self.settings, image: frame.image(), pixels: &self.pixels };
            self.present.dispatch(pass, &present, width * height);
        });
    }

    /// What `shaders/view/window.wgsl` reads: the size, and the pixels.
    pub fn bind_pixels(&self, layout: &wgpu::BindGroupLayout) -> wgpu::BindGroup {
        let [settings, pixels] = [self.settings.raw(), self.pixels.raw()].map(wgpu::Buffer::as_entire_binding);
        self.gpu.device().create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some("window: pixels"),
            layout,
            entries: &[
                wgpu::BindGroupEntry { binding: 0, resource: settings },
                wgpu::BindGroupEntry { binding: 1, resource: pixels },
            ],
        })
    }

    /// Waits and reads one pixel, which must lie in the image: r, g, b.
    pub fn read_pixel(&self, (x, y): (u32, u32)) -> Result<[u8; 3], GpuError> {
        let word = self.gpu.read_range(&self.pixels, (y * Self::stride(self.size.0) + x) as usize, 1)?[0];
        Ok([word as u8, (word >> 8) as u8, (word >> 16) as u8])
    }

    /// Waits and reads the pixels: `[height * width]` r, g, b.
    pub fn read(&self) -> Result<Vec<[u8; 3]>, GpuError> {
        let (width, height) = self.size;
        let stride = Self::stride(width) as usize;
        let words = self.gpu.read_range(&self.pixels, 0, stride * height as usize)?;
        let rows = words.chunks_exact(stride.max(1)).flat_map(|row| &row[..width as usize]);
        Ok(rows.map(|word| [*word as u8, (word >> 8) as u8, (word >> 16) as u8]).collect())
    }
}
