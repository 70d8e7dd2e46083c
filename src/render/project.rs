//! Every Gaussian projected into the view: the first stage.

use crate::gpu::{Declaration, Gpu, GpuError, Kernel, Recorder, Variants};
use crate::kernel;
use crate::model::{GeometryRow, Model, ModelForm, MotionRow};

use super::frame::Frame;
use super::layout::SplatRow;
use super::lens::{LENSES, LensVariant, View};
use super::options::Channel;

kernel! {
    /// Splat, depth and tile count of every Gaussian.
    pub Project = "render/project.wgsl"
        [FEATURE = 0 in [0, 1, 2, 3], MOTION = 0 in [0, 1, 2], PACKED = 0 in [0, 1], LENS = 0 in LENSES] {
        uniform view: View,
        read geometry: GeometryRow,
        read sh: u32,
        write splats: SplatRow,
        write depths: u32,
        write visible: u32,
        read(MOTION) motion: MotionRow,
    }
}

/// The kernels of this file.
pub const DECLARATIONS: &[Declaration] = &[Project::DECLARATION];

/// The compiled stage, by channel, motion and lens.
#[derive(Debug)]
pub(super) struct Projection {
    project: Variants<Project<'static>>,
}

pub(super) fn variant(channel: Channel, model: ModelForm, lens: LensVariant) -> [(&'static str, u32); 4] {
    let [motion, packed] = model.constants();
    [channel.constant(), motion, packed, lens.constant()]
}

impl Projection {
    /// For static models in full precision seen through a pinhole.
    pub fn new(gpu: &Gpu) -> Result<Self, GpuError> {
        let mut projection = Self { project: Variants::new() };
        projection.prepare(gpu, ModelForm::default(), LensVariant::PINHOLE)?;
        Ok(projection)
    }

    /// Compiles what models of a form need when they are seen through a lens.
    pub fn prepare(&mut self, gpu: &Gpu, model: ModelForm, lens: LensVariant) -> Result<(), GpuError> {
        for channel in [Channel::Color, Channel::Depth, Channel::Normal] {
            self.project.prepare(gpu, &variant(channel, model, lens))?;
        }
        if model.is_moving() { self.project.prepare(gpu, &variant(Channel::Velocity, model, lens)) } else { Ok(()) }
    }

    /// Records the splats of the frame's view.
    pub fn record(&self, recorder: &mut Recorder, model: &Model, frame: &Frame, view: &View, channel: Channel) {
        let each = &frame.per_gaussian;
        recorder.stage("project", |pass| {
            let kernel = Project {
                view: &frame.view,
                geometry: &model.rows.geometry,
                sh: &model.rows.sh,
                splats: &each.splats,
                depths: &each.depths,
                visible: &each.visible,
                motion: &model.rows.motion,
            };
            let project = self.project.get(&variant(channel, model.form(), view.lens_variant()));
            project.dispatch(pass, &kernel, view.gaussians);
        });
    }
}
