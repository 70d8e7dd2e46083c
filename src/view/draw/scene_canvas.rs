//! The scene on the device and its pictures: everything between a camera and the pixels that the window shows.

use anyhow::Result;
use glam::{DVec3, Vec3};
use image::RgbImage;

use crate::camera::Camera;
use crate::gpu::{Gpu, Recorder, StageTimes};
use crate::model::Model;
use crate::render::{
    Channel, DisplayMode, NEAR, Presenter, PreviewModel, PreviewSettings, Probe, RenderOptions, Renderer,
};
use crate::scene::{Normalisation, Scene};
use crate::view::state::view_settings::{ViewSettings, has_range};
use crate::view::state::viewer_state::SceneFacts;

/// The time and the counts of a picture.
#[derive(Clone, Debug, Default)]
pub struct Cost {
    /// Milliseconds from the request to the finished pixels.
    pub frame: f64,
    /// Milliseconds on the device by stage, where they were asked for.
    pub stages: StageTimes,
    pub visible: u32,
    pub pairs: u32,
}

/// The parts from which any thread opens a second canvas of the same scene.
pub struct Fork {
    gpu: Gpu,
    model: Option<Model>,
    state: Vec<u32>,
    frame: Normalisation,
}

impl Fork {
    /// # Errors
    /// Kernels that the device does not take.
    pub fn open(self) -> Result<SceneCanvas> {
        let canvas = SceneCanvas::new(&self.gpu)?;
        Ok(SceneCanvas { model: self.model, state: self.state, frame: self.frame, ..canvas })
    }
}

/// A scene on the device, with all that makes pictures of it.
pub struct SceneCanvas {
    pub(super) gpu: Gpu,
    pub(super) renderer: Renderer,
    pub(super) presenter: Presenter,
    /// Made when it is first used.
    pub(super) probe: Option<Probe>,
    pub(super) model: Option<Model>,
    preview: Option<PreviewModel>,
    /// Bits of deleted and selected Gaussians; empty where there are none.
    state: Vec<u32>,
    pub(super) frame: Normalisation,
    pub(super) size: (u32, u32),
    /// The range of the last picture's colours.
    range: (f32, f32),
}

impl SceneCanvas {
    pub fn new(gpu: &Gpu) -> Result<Self> {
        Ok(Self {
            gpu: gpu.clone(),
            renderer: Renderer::new(gpu)?,
            presenter: Presenter::new(gpu)?,
            probe: None,
            model: None,
            preview: None,
            state: Vec::new(),
            frame: Normalisation::IDENTITY,
            size: (0, 0),
            range: (0.0, 1.0),
        })
    }

    pub fn gpu(&self) -> &Gpu {
        &self.gpu
    }

    /// Puts a scene, in its own frame, on the device; an empty one clears it.
    pub fn load(&mut self, scene: &Scene, frame: &Normalisation) -> Result<()> {
        // The old one first: there may not be room for both.
        (self.model, self.preview) = (None, None);
        self.state.clear();
        self.frame = *frame;
        if !scene.is_empty() {
            let mut scene = scene.clone();
            scene.normalise(frame);
            self.model = Some(Model::upload(&self.gpu, &scene)?);
        }
        Ok(())
    }

    /// Shows a model that is on the device already, in the frame that it is in.
    pub fn adopt(&mut self, model: Model, frame: &Normalisation) {
        self.preview = None;
        self.state.clear();
        self.frame = *frame;
        self.model = Some(model);
    }

    /// Goes on with an adopted model where it has outgrown its memory.
    pub fn renew(&mut self, model: Model) {
        (self.model, self.preview) = (Some(model), None);
    }

    /// Says how many Gaussians an adopted model now holds.
    pub fn set_len(&mut self, gaussians: usize) {
        if let Some(model) = &mut self.model {
            model.set_len(gaussians.min(model.capacity()));
        }
    }

    /// Number and kind of the Gaussians on the device.
    pub fn facts(&self) -> SceneFacts {
        self.model.as_ref().map_or_else(SceneFacts::default, |model| SceneFacts {
            gaussians: model.len(),
            sh_degree: model.sh_degree(),
            is_moving: model.is_moving(),
        })
    }

    /// `[N]` bits of what is deleted and selected; empty for nothing.
    pub fn set_state(&mut self, state: Vec<u32>) {
        self.state = state;
        if let Some(preview) = &self.preview {
            preview.set_state(&self.full_state());
        }
    }

    fn full_state(&self) -> Vec<u32> {
        if self.state.is_empty() { vec![0; self.model.as_ref().map_or(0, Model::capacity)] } else { self.state.clone() }
    }

    /// Draws what the camera, in the scene's own frame, sees, into the pixels. `timed` asks for the time of each stage
    /// and the counts, which cost a little themselves.
    ///
    /// # Errors
    /// Errors of the device; too little memory for the scene.
    pub fn draw(&mut self, camera: &Camera, settings: &ViewSettings, timed: bool) -> Result<Cost> {
        let start = std::time::Instant::now();
        let size = (camera.lens.width, camera.lens.height);
        self.presenter.resize(size)?;
        self.size = size;
        self.record_preview(camera, settings)?;
        let Some(model) = self.model.as_ref() else {
            return Ok(Cost::default());
        };
        let model = if settings.is_plain() && self.state.is_empty() {
            model
        } else {
            self.preview.as_ref().map_or(model, PreviewModel::shown)
        };
        let camera = self.frame.camera(*camera);
        let options = RenderOptions {
            background: Vec3::from_array(settings.background),
            channel: settings.channel(),
            sh_degree: settings.sh_degree.min(model.sh_degree()),
            antialiased: settings.antialiased,
            near: NEAR,
            time: settings.time,
        };
        let unit = (1.0 / self.frame.scale) as f32;
        let presenter = &self.presenter;
        let range = settings.range.unwrap_or(self.range);
        let mode = match settings.mode {
            // What does not move has the colour of standing still.
            DisplayMode::Velocity | DisplayMode::Flow if !model.is_moving() => DisplayMode::Alpha,
            mode => mode,
        };
        let options =
            if mode == settings.mode { options } else { RenderOptions { channel: Channel::Alpha, ..options } };
        let stages = if mode == DisplayMode::Flow {
            let later = (&camera, settings.time + settings.flow_step);
            self.renderer.draw_flow(model, &camera, &options, later, false, |recorder, frame, view| {
                presenter.record_flow(recorder, frame, view);
                presenter.record(recorder, frame, mode, range, unit);
            })?;
            StageTimes::new()
        } else {
            self.renderer.draw(model, &camera, &options, timed, |recorder, frame, view| {
                if mode == DisplayMode::Count {
                    presenter.record_count(recorder, frame, view);
                }
                presenter.record(recorder, frame, mode, range, unit);
            })?
        };
        let ranged = has_range(mode);
        if settings.range.is_none() && ranged {
            self.fit_range(mode, unit)?;
        }
        let (visible, pairs) = if timed { self.renderer.frame().counts()? } else { (0, 0) };
        Ok(Cost { frame: start.elapsed().as_secs_f64() * 1e3, stages, visible, pairs })
    }

    /// Fits the colours to the values of the image just drawn, and presents it anew: of depths from the 2nd to the 98th
    /// percentile, of counts and velocities from zero to the 98th.
    fn fit_range(&mut self, mode: DisplayMode, unit: f32) -> Result<()> {
        let count = self.size.0 as usize * self.size.1 as usize;
        let image = self.gpu.read_range(self.renderer.frame().image(), 0, count)?;
        let value = |pixel: &glam::Vec4| {
            let scale = unit / (1.0 - pixel.w);
            match mode {
                DisplayMode::Count => pixel.x,
                DisplayMode::Velocity => pixel.truncate().abs().max_element() * scale,
                // What is hardly there says nothing about the range.
                DisplayMode::Flow if pixel.w >= 0.5 => 0.0,
                DisplayMode::Flow => pixel.truncate().truncate().length() / (1.0 - pixel.w),
                _ => pixel.x * scale,
            }
        };
        let seen = image.iter().filter(|pixel| pixel.w < 1.0).map(value);
        let mut values: Vec<f32> = seen.filter(|value| value.is_finite() && *value > 0.0).collect();
        values.sort_unstable_by(f32::total_cmp);
        let at = |percent: usize| values.get(values.len() * percent / 100).copied();
        let low = if mode == DisplayMode::Depth { at(2).unwrap_or(0.0) } else { 0.0 };
        self.range = (low, at(98).unwrap_or(1.0).max(low + f32::MIN_POSITIVE));
        let mut recorder = Recorder::new(&self.gpu, false);
        self.presenter.record(&mut recorder, self.renderer.frame(), mode, self.range, unit);
        recorder.finish()?;
        Ok(())
    }

    /// The values at the two ends of the colours of the picture last drawn.
    pub fn range(&self, settings: &ViewSettings) -> (f32, f32) {
        settings.range.unwrap_or(self.range)
    }

    fn record_preview(&mut self, camera: &Camera, settings: &ViewSettings) -> Result<()> {
        let Some(model) = &self.model else { return Ok(()) };
        if settings.is_plain() && self.state.is_empty() {
            self.preview = None;
            return Ok(());
        }
        if self.preview.is_none() {
            let preview = PreviewModel::new(&self.gpu, model)?;
            preview.set_state(&self.full_state());
            self.preview = Some(preview);
        }
        let own = |point: Vec3| self.frame.apply(point.as_dvec3()).as_vec3();
        let centre = self.frame.apply(camera.pose.centre()).as_vec3();
        let change = PreviewSettings {
            form: settings.form,
            size: settings.splat_size,
            crop: settings.crop.map(|(low, high)| (own(low), own(high))),
            dim_outside: settings.dim_outside,
            // Dots of about two pixels.
            eye: (centre, (0.8 / camera.lens.focal.x) as f32),
        };
        if let Some(preview) = &mut self.preview {
            let mut recorder = Recorder::new(&self.gpu, false);
            preview.record(&mut recorder, model, &change);
            recorder.submit();
        }
        Ok(())
    }

    /// The point of the surface that a pixel shows, in the scene's own frame; `None` where little is.
    pub fn surface(&mut self, camera: &Camera, settings: &ViewSettings, (x, y): (u32, u32)) -> Result<Option<DVec3>> {
        let depth = ViewSettings { mode: DisplayMode::Depth, range: Some((0.0, 1.0)), ..*settings };
        self.draw(camera, &depth, false)?;
        let (width, height) = self.size;
        if self.model.is_none() || x >= width || y >= height {
            return Ok(None);
        }
        let pixel = self.gpu.read_range(self.renderer.frame().image(), (y * width + x) as usize, 1)?[0];
        let alpha = 1.0 - pixel.w;
        if alpha < 0.3 {
            return Ok(None);
        }
        let depth = f64::from(pixel.x / alpha) / self.frame.scale;
        let ray = camera.ray(glam::dvec2(f64::from(x) + 0.5, f64::from(y) + 0.5));
        Ok(Some(camera.pose.centre() + ray * (depth / ray.dot(camera.pose.forward()))))
    }

    /// The parts of a second canvas of the scene as it is shown here. Both share the Gaussians.
    pub fn fork(&self) -> Fork {
        let model = self.model.as_ref().map(Model::sharing);
        Fork { gpu: self.gpu.clone(), model, state: self.state.clone(), frame: self.frame }
    }

    /// The picture last drawn, as the window has it before anything is drawn over it.
    pub fn picture(&self) -> Result<RgbImage> {
        let (width, height) = self.size;
        let bytes = self.presenter.read()?.concat();
        RgbImage::from_raw(width, height, bytes).ok_or_else(|| anyhow::anyhow!("the picture has a wrong size"))
    }

    pub fn presenter(&self) -> &Presenter {
        &self.presenter
    }
}
