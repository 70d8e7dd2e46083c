//! The buffers of one frame: sized by the Gaussians, by the pairs of Gaussian and tile, and by the pixels.

use glam::Vec4;

use crate::gpu::{Buffer, Gpu, GpuError};
use crate::model::Model;
use crate::primitives::{Scan, Sort};

use super::flow_form::FlowForm;
use super::layout::{FlowSplat, FrameStatus, SLOT, SplatRow, Times};
use super::lens::{LensVariant, View};

/// Buffers with one element a Gaussian.
#[derive(Debug)]
pub(super) struct PerGaussian {
    pub capacity: usize,
    pub splats: Buffer<SplatRow>,
    pub depths: Buffer<u32>,
    pub visible: Buffer<u32>,
    pub ranks: Buffer<u32>,
    pub counts: Buffer<u32>,
    pub offsets: Buffer<u32>,
    /// Only where flow is rendered, and where a backward pass follows.
    pub flow_splats: Buffer<FlowSplat>,
    pub flow_gradients: Buffer<Vec4>,
    pub scan: Scan,
    pub depth_sort: Sort,
}

impl PerGaussian {
    fn new(gpu: &Gpu, capacity: usize, flow: Option<FlowForm>, backward: bool) -> Result<Self, GpuError> {
        let gradients = flow.filter(|_| backward).map_or(0, |flow| flow.gradient_row() * capacity);
        let words = |label| gpu.zeros(label, capacity);
        Ok(Self {
            capacity,
            splats: gpu.zeros("view: splats", capacity.next_multiple_of(4))?,
            depths: words("view: per Gaussian")?,
            visible: words("view: per Gaussian")?,
            ranks: words("view: per Gaussian")?,
            counts: words("view: per Gaussian")?,
            offsets: words("view: per Gaussian")?,
            flow_splats: gpu.zeros("view: flow", if flow.is_some() { capacity } else { 0 })?,
            flow_gradients: gpu.zeros("view: flow", gradients)?,
            scan: Scan::new(gpu, capacity)?,
            depth_sort: Sort::new(gpu, capacity, 32)?,
        })
    }
}

/// Buffers with one element a pair of Gaussian and tile.
#[derive(Debug)]
pub(super) struct PerPair {
    pub capacity: usize,
    pub slot_gaussians: Buffer<u32>,
    /// Only where a backward pass follows: the slots of the image, then those of the flow.
    pub slot_gradients: Buffer<f32>,
    pub tile_sort: Sort,
    tiles: u32,
}

impl PerPair {
    fn new(gpu: &Gpu, capacity: usize, tiles: u32, flow: Option<FlowForm>, backward: bool) -> Result<Self, GpuError> {
        let slot = if backward { SLOT + flow.map_or(0, FlowForm::slot) } else { 0 };
        // Keys go from 0 to `tiles`, the last for pairs of no tile.
        let bits = 32 - tiles.leading_zeros();
        Ok(Self {
            capacity,
            slot_gaussians: gpu.zeros("view: pairs", capacity)?,
            slot_gradients: gpu.zeros("view: slot gradients", slot * capacity)?,
            tile_sort: Sort::new(gpu, capacity, bits)?,
            tiles,
        })
    }
}

/// Buffers with one element a pixel or a tile.
#[derive(Debug)]
pub(super) struct PerPixel {
    pub capacity: usize,
    pub image: Buffer<Vec4>,
    pub image_gradient: Buffer<Vec4>,
    pub starts: Buffer<u32>,
    tiles: usize,
}

impl PerPixel {
    fn new(gpu: &Gpu, capacity: usize, tiles: usize, flow: bool, backward: bool) -> Result<Self, GpuError> {
        Ok(Self {
            capacity,
            // Flow is a second plane.
            image: gpu.zeros("view: image", if flow { 2 * capacity } else { capacity })?,
            image_gradient: gpu.zeros("view: image gradient", if backward { capacity } else { 0 })?,
            starts: gpu.zeros("view: tiles", tiles + 1)?,
            tiles,
        })
    }
}

/// What a frame has for flow besides its arrays.
#[derive(Debug)]
pub(super) struct FlowFrame {
    pub form: FlowForm,
    pub target: Buffer<View>,
    pub target_lens: LensVariant,
    pub times: Buffer<Times>,
}

impl FlowFrame {
    fn new(gpu: &Gpu, form: FlowForm) -> Result<Self, GpuError> {
        let (target, times) = (gpu.zeros("view: camera", 1)?, gpu.zeros("view: camera", 1)?);
        Ok(Self { form, target, target_lens: LensVariant::PINHOLE, times })
    }
}

/// All buffers of a frame.
#[derive(Debug)]
pub struct Frame {
    gpu: Gpu,
    backward: bool,
    pub(super) view: Buffer<View>,
    pub(super) gaussian_count: Buffer<u32>,
    pub(super) visible_count: Buffer<u32>,
    pub(super) wanted: Buffer<u32>,
    /// Pairs admitted, and visible Gaussians that have some.
    pub(super) admitted: Buffer<u32>,
    pub(super) pair_arguments: Buffer<u32>,
    pub(super) status: Buffer<FrameStatus>,
    pub(super) per_gaussian: PerGaussian,
    pub(super) per_pair: PerPair,
    pub(super) per_pixel: PerPixel,
    flow: Option<FlowFrame>,
}

impl Frame {
    pub(super) fn new(gpu: &Gpu, backward: bool) -> Result<Self, GpuError> {
        let word = |label| gpu.zeros(label, 1);
        let frame = Self {
            gpu: gpu.clone(),
            backward,
            view: gpu.zeros("view: camera", 1)?,
            gaussian_count: word("view: counts")?,
            visible_count: word("view: counts")?,
            wanted: word("view: counts")?,
            admitted: gpu.zeros("view: counts", 2)?,
            pair_arguments: gpu.zeros("view: counts", 3)?,
            status: gpu.zeros("view: counts", 1)?,
            per_gaussian: PerGaussian::new(gpu, 0, None, backward)?,
            per_pair: PerPair::new(gpu, 0, 1, None, backward)?,
            per_pixel: PerPixel::new(gpu, 0, 0, false, backward)?,
            flow: None,
        };
        Ok(frame)
    }

    /// Whether backward passes follow.
    pub(super) fn backward(&self) -> bool {
        self.backward
    }

    /// Makes room for flow in a form, from the next view on.
    pub(super) fn allow_flow(&mut self, form: FlowForm) -> Result<(), GpuError> {
        if self.flow.as_ref().is_none_or(|flow| flow.form != form) {
            self.flow = Some(FlowFrame::new(&self.gpu, form)?);
            self.per_gaussian = PerGaussian::new(&self.gpu, 0, Some(form), self.backward)?;
            self.per_pair = PerPair::new(&self.gpu, 0, 1, Some(form), self.backward)?;
            self.per_pixel = PerPixel::new(&self.gpu, 0, 0, true, self.backward)?;
        }
        Ok(())
    }

    /// Sets the view that flow points to, for the view last set.
    pub(super) fn set_flow_target(&mut self, view: &View, target: &View) {
        let flow = self.flow.as_mut().expect("room for flow is made before it is recorded");
        flow.target_lens = target.lens_variant();
        let times = Times { source: view.time, destination: target.time, ..Times::default() };
        self.gpu.write(&flow.target, 0, &[*target]);
        self.gpu.write(&flow.times, 0, &[times]);
    }

    pub(super) fn flow(&self) -> &FlowFrame {
        self.flow.as_ref().expect("room for flow is made before it is recorded")
    }

    pub(super) fn flow_form(&self) -> Option<FlowForm> {
        self.flow.as_ref().map(|flow| flow.form)
    }

    /// Sets the view of a model that the next frame shows, and makes room for it.
    pub(super) fn set_view(&mut self, view: &View, model: &Model) -> Result<(), GpuError> {
        let capacity = model.capacity();
        let (width, height) = view.size();
        let (pixels, tiles) = (width as usize * height as usize, view.tiles() as usize);
        if self.per_gaussian.capacity < capacity {
            self.per_gaussian = PerGaussian::new(&self.gpu, capacity, self.flow_form(), self.backward)?;
        }
        if self.per_pixel.capacity < pixels || self.per_pixel.tiles < tiles {
            let pixels = pixels.max(self.per_pixel.capacity);
            let (tiles, flow) = (tiles.max(self.per_pixel.tiles), self.flow.is_some());
            self.per_pixel = PerPixel::new(&self.gpu, pixels, tiles, flow, self.backward)?;
        }
        if self.per_pair.capacity == 0 {
            self.allow_pairs((4 * capacity).max(1 << 16).min(self.most_pairs()), tiles as u32)?;
        } else if self.per_pair.tiles < tiles as u32 {
            self.allow_pairs(self.per_pair.capacity, tiles as u32)?;
        }
        self.gpu.write(&self.view, 0, &[View { sh_rest: model.sh_rest() as u32, ..*view }]);
        self.gpu.write(&self.gaussian_count, 0, &[view.gaussians]);
        Ok(())
    }

    /// Pairs that the adapter's largest buffers hold.
    fn most_pairs(&self) -> usize {
        let slot = SLOT + self.flow_form().map_or(0, FlowForm::slot);
        let bytes = if self.backward { slot * size_of::<f32>() } else { size_of::<u32>() };
        (self.gpu.largest_buffer() as usize - 16) / bytes
    }

    fn allow_pairs(&mut self, pairs: usize, tiles: u32) -> Result<(), GpuError> {
        let flow = self.flow_form();
        self.per_pair = PerPair::new(&self.gpu, 0, 1, flow, self.backward)?;
        self.per_pair = PerPair::new(&self.gpu, pairs, tiles, flow, self.backward)?;
        self.gpu.write(&self.status, 0, &[FrameStatus { capacity: pairs as u32, ..FrameStatus::default() }]);
        Ok(())
    }

    /// Waits, reads what the device noted since the last call, resets it, and grows the buffers of pairs where a frame
    /// did not fit. Frames since the first that did not fit were not rasterized and have to be repeated.
    pub fn read_status(&mut self) -> Result<FrameStatus, GpuError> {
        let status = self.gpu.read(&self.status)?[0];
        if status.overflowed != 0 {
            // Room to spare, as far as the adapter lets buffers be; what is needed beyond that is its error.
            let needed = status.needed as usize;
            let pairs = (needed.max(self.per_pair.capacity) * 3 / 2).min(self.most_pairs()).max(needed);
            log::debug!("growing the buffers of (Gaussian, tile) pairs to {pairs}");
            self.allow_pairs(pairs, self.per_pair.tiles)?;
        } else {
            let fresh = FrameStatus { capacity: self.per_pair.capacity as u32, ..FrameStatus::default() };
            self.gpu.write(&self.status, 0, &[fresh]);
        }
        Ok(status)
    }

    /// Waits and reads how many Gaussians were visible and how many (Gaussian, tile) pairs they made.
    pub fn counts(&self) -> Result<(u32, u32), GpuError> {
        Ok((self.gpu.read(&self.visible_count)?[0], self.gpu.read(&self.admitted)?[0]))
    }

    /// `[H][W]` features over the background; w = transmittance left. Where flow is rendered, a second plane behind it with
    /// xy = sum of w f, the flow not yet divided by the image's opacity, and zw = its gradient, to be filled before a
    /// backward pass with flow.
    pub fn image(&self) -> &Buffer<Vec4> {
        &self.per_pixel.image
    }

    /// `[H][W]` gradient of the image, to be filled before the backward pass; w = gradient of alpha.
    pub fn image_gradient(&self) -> &Buffer<Vec4> {
        &self.per_pixel.image_gradient
    }

    /// `[N]` bits of the depth of each Gaussian that was visible.
    pub fn depths(&self) -> &Buffer<u32> {
        &self.per_gaussian.depths
    }
}

/// What the optimiser reads of a frame after its backward pass.
#[derive(Clone, Copy, Debug)]
pub struct FrameBuffers<'a> {
    pub view: &'a Buffer<View>,
    pub splats: &'a Buffer<SplatRow>,
    pub slot_gradients: &'a Buffer<f32>,
    /// `[N]` or `[N][4]` gradients by flow; see `shaders/render/flow_gradient.wgsl`.
    pub flow_gradients: &'a Buffer<Vec4>,
    pub status: &'a Buffer<FrameStatus>,
}

/// The (Gaussian, tile) pairs of a frame.
#[derive(Clone, Copy, Debug)]
pub struct Pairs<'a> {
    /// `[tiles + 1]` where each tile's pairs start, tiles row-major.
    pub starts: &'a Buffer<u32>,
    /// `[pairs]` slots by tile, then depth.
    pub slots: &'a Buffer<u32>,
    /// `[pairs]` Gaussian of each slot.
    pub slot_gaussians: &'a Buffer<u32>,
}

/// Buffers of a finished frame that relocation uses again.
#[derive(Clone, Copy, Debug)]
pub struct Scratch<'a> {
    pub gaussian_count: &'a Buffer<u32>,
    pub weights: &'a Buffer<u32>,
    pub prefix: &'a Buffer<u32>,
    pub total: &'a Buffer<u32>,
    pub sources: &'a Buffer<u32>,
    pub draws: &'a Buffer<u32>,
    pub scan: &'a Scan,
    pub status: &'a Buffer<FrameStatus>,
}

impl Frame {
    /// What the optimiser reads after the backward pass.
    pub fn buffers(&self) -> FrameBuffers<'_> {
        FrameBuffers {
            view: &self.view,
            splats: &self.per_gaussian.splats,
            slot_gradients: &self.per_pair.slot_gradients,
            flow_gradients: &self.per_gaussian.flow_gradients,
            status: &self.status,
        }
    }

    /// The pairs as they were rasterized.
    pub fn pairs(&self) -> Pairs<'_> {
        Pairs {
            starts: &self.per_pixel.starts,
            slots: self.per_pair.tile_sort.sorted_values(),
            slot_gaussians: &self.per_pair.slot_gaussians,
        }
    }

    /// Room for a relocation once the frame's update is done.
    pub fn scratch(&self) -> Scratch<'_> {
        let each = &self.per_gaussian;
        Scratch {
            gaussian_count: &self.gaussian_count,
            weights: &each.visible,
            prefix: &each.ranks,
            total: &self.wanted,
            sources: &each.offsets,
            draws: &each.counts,
            scan: &each.scan,
            status: &self.status,
        }
    }
}
