//! A model as it is shown for a while, without being changed: splats of another size, cropped, partly hidden, selected.

use anyhow::Result;
use glam::{Vec3, Vec4};

use crate::gpu::wgsl::constant;
use crate::gpu::{Buffer, Declaration, Gpu, Kernel, Pipeline, Recorder};
use crate::model::{GeometryRow, Model};
use crate::scene::SH_C0;
use crate::{kernel, shared};

shared! {
    /// What is done to the Gaussians; see `shaders/view/preview.wgsl`.
    pub struct PreviewUniforms {
        pub low: Vec4,
        pub high: Vec4,
        pub centre: Vec4,
        pub tint: Vec4,
        pub gaussians: u32,
        pub form: u32,
        pub growth: f32,
        pub dim_outside: u32,
    }
}

kernel! {
    /// Geometry, with the constant colour, of every Gaussian as shown.
    pub Preview = "view/preview.wgsl" [] {
        uniform preview: PreviewUniforms,
        read state: u32,
        read geometry: GeometryRow,
        write shown_geometry: GeometryRow,
    }
}

/// All kernels of this file.
pub const DECLARATIONS: &[Declaration] = &[Preview::DECLARATION];

/// Bits of a Gaussian's state.
pub const DELETED: u32 = constant("layout/selection", "DELETED") as u32;
pub const SELECTED: u32 = constant("layout/selection", "SELECTED") as u32;

/// What a Gaussian looks like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SplatStyle {
    #[default]
    Splat = 0,
    /// A dot at its mean.
    Centre = 1,
    /// Opaque wherever it was at least half so.
    Solid = 2,
}

/// What is changed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PreviewSettings {
    pub form: SplatStyle,
    /// Factor on the splats' size.
    pub size: f32,
    /// The crop box, in the model's frame.
    pub crop: Option<(Vec3, Vec3)>,
    /// What is outside it is faint rather than gone.
    pub dim_outside: bool,
    /// Camera centre in the model's frame, and the standard deviation of a dot at distance 1.
    pub eye: (Vec3, f32),
}

/// A model that shows another one in preview.
#[derive(Debug)]
pub struct PreviewModel {
    gpu: Gpu,
    pipeline: Pipeline<Preview<'static>>,
    settings: Buffer<PreviewUniforms>,
    state: Buffer<u32>,
    shown: Model,
}

impl PreviewModel {
    /// For one model, none of whose Gaussians is deleted or selected.
    pub fn new(gpu: &Gpu, model: &Model) -> Result<Self> {
        Ok(Self {
            gpu: gpu.clone(),
            pipeline: gpu.pipeline::<Preview>(&[])?,
            settings: gpu.zeros("window: settings", 1)?,
            state: gpu.zeros("window: selection", model.capacity())?,
            shown: model.sharing_all_but_geometry(gpu)?,
        })
    }

    /// `[N]` bits of [`DELETED`] and [`SELECTED`].
    pub fn set_state(&self, state: &[u32]) {
        self.gpu.write(&self.state, 0, state);
    }

    /// Records the change of `model`, which is what [`PreviewModel::new`] was given and may have grown since;
    /// [`PreviewModel::shown`] then shows it.
    pub fn record(&mut self, recorder: &mut Recorder, model: &Model, change: &PreviewSettings) {
        self.shown.set_len(model.len());
        let (low, high) = change.crop.unwrap_or_default();
        let preview = PreviewUniforms {
            low: low.extend(if change.crop.is_some() { 1.0 } else { 0.0 }),
            high: high.extend(0.0),
            centre: change.eye.0.extend(change.eye.1),
            tint: ((Vec3::new(1.0, 0.62, 0.1) - 0.5) / SH_C0).extend(0.0),
            gaussians: model.len() as u32,
            form: change.form as u32,
            growth: change.size.ln(),
            dim_outside: u32::from(change.dim_outside),
        };
        self.gpu.write(&self.settings, 0, &[preview]);
        recorder.stage("preview", |pass| {
            let kernel = Preview {
                preview: &self.settings,
                state: &self.state,
                geometry: &model.rows.geometry,
                shown_geometry: &self.shown.rows.geometry,
            };
            self.pipeline.dispatch(pass, &kernel, model.len() as u32);
        });
    }

    pub fn shown(&self) -> &Model {
        &self.shown
    }
}
