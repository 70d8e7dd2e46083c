//! What makes one pixel of the frame last rendered.

use anyhow::Result;
use glam::Vec4;

use crate::gpu::{Buffer, Declaration, Gpu, GpuError, Kernel, Pipeline, Recorder};
use crate::{kernel, shared};

use super::frame::Frame;
use super::layout::SplatRow;
use super::lens::View;

shared! {
    /// Which pixel; see `shaders/view/probe.wgsl`.
    pub struct Chosen {
        pub x: u32,
        pub y: u32,
        pub most: u32,
        pub unused: u32,
    }
}

kernel! {
    /// The contributions to a pixel.
    pub ProbePixel = "view/probe.wgsl" [] {
        uniform view: View,
        uniform chosen: Chosen,
        read starts: u32,
        read slots: u32,
        read slot_gaussians: u32,
        read splats: SplatRow,
        read depths: u32,
        write indices: u32,
        write hits: Vec4,
    }
}

/// All kernels of this file.
pub const DECLARATIONS: &[Declaration] = &[ProbePixel::DECLARATION];

/// Contributions that are listed. What is behind so many has hardly any weight left.
const MOST: usize = 1024;

/// A Gaussian's part in a pixel.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Contribution {
    pub index: u32,
    /// Its share of the pixel: alpha times the transmittance in front of it.
    pub weight: f32,
    pub alpha: f32,
    /// Along the camera's axis, in the model's frame.
    pub depth: f32,
}

/// A pixel taken apart.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PixelParts {
    /// Number of Gaussians that contribute.
    pub count: u32,
    pub transmittance: f32,
    /// Sum of weight times depth.
    pub depth: f32,
    /// The first of them, front to back.
    pub contributions: Vec<Contribution>,
}

/// The compiled probe and its results.
#[derive(Debug)]
pub struct Probe {
    gpu: Gpu,
    pipeline: Pipeline<ProbePixel<'static>>,
    chosen: Buffer<Chosen>,
    indices: Buffer<u32>,
    hits: Buffer<Vec4>,
}

impl Probe {
    pub fn new(gpu: &Gpu) -> Result<Self, GpuError> {
        Ok(Self {
            gpu: gpu.clone(),
            pipeline: gpu.pipeline::<ProbePixel>(&[])?,
            chosen: gpu.zeros("window: settings", 1)?,
            indices: gpu.zeros("window: probe", 1 + MOST)?,
            hits: gpu.zeros("window: probe", 1 + MOST)?,
        })
    }

    /// Takes a pixel of the frame last rendered apart. It must lie in the image.
    pub fn take(&self, frame: &Frame, (x, y): (u32, u32)) -> Result<PixelParts> {
        self.gpu.write(&self.chosen, 0, &[Chosen { x, y, most: MOST as u32, unused: 0 }]);
        let (pairs, inputs) = (frame.pairs(), frame.buffers());
        let mut recorder = Recorder::new(&self.gpu, false);
        recorder.stage("probe", |pass| {
            let kernel = ProbePixel {
                view: inputs.view,
                chosen: &self.chosen,
                starts: pairs.starts,
                slots: pairs.slots,
                slot_gaussians: pairs.slot_gaussians,
                splats: inputs.splats,
                depths: frame.depths(),
                indices: &self.indices,
                hits: &self.hits,
            };
            self.pipeline.dispatch(pass, &kernel, 1);
        });
        recorder.submit();
        let indices = self.gpu.read(&self.indices)?;
        let listed = (indices[0] as usize).min(MOST);
        let hits = self.gpu.read_range(&self.hits, 0, 1 + listed)?;
        let part = |(&index, hit): (&u32, &Vec4)| Contribution { index, weight: hit.x, alpha: hit.y, depth: hit.z };
        Ok(PixelParts {
            count: indices[0],
            transmittance: hits[0].x,
            depth: hits[0].y,
            contributions: indices[1..].iter().zip(&hits[1..]).map(part).collect(),
        })
    }
}
