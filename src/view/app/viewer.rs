//! The viewer: its state, canvas and jobs.

use std::time::Instant;

use anyhow::Result;
use eframe::egui_wgpu::RenderState;
use glam::Vec3;

use crate::camera::Camera;
use crate::gpu::Gpu;
use crate::view::draw::photo::Comparison;
use crate::view::draw::scene_canvas::{Cost, SceneCanvas};
use crate::view::draw::thumbnails::Thumbnails;
use crate::view::draw::window_pass::WindowPass;
use crate::view::panels::inputs::Inputs;
use crate::view::state::State;
use crate::view::state::document::{BUDGET, Document, Kind};
use crate::view::state::edit::Edit;
use crate::view::state::keypath::KeyPath;
use crate::view::state::probe::PixelProbe;
use crate::view::state::shots::Shots;
use crate::view::state::timeline::Timeline;
use crate::view::state::view_settings::ViewSettings;
use crate::view::work::jobs::Jobs;
use crate::view::work::refining::Refining;

/// Most warnings of a document that are shown.
const WARNINGS: usize = 3;

/// Everything that a picture depends on; while it is the same, nothing is drawn.
#[derive(Clone, Copy, PartialEq)]
pub struct Drawn {
    pub(super) camera: Camera,
    pub(super) settings: ViewSettings,
    pub(super) timed: bool,
    pub(super) generation: u64,
}

/// The viewer.
pub struct Viewer {
    pub(in crate::view) state: State,
    pub(in crate::view) canvas: SceneCanvas,
    pub(in crate::view) jobs: Jobs,
    pub(super) window_pass: WindowPass,
    pub(super) comparison: Comparison,
    pub(super) thumbnails: Thumbnails,
    /// The inputs of the picture drawn last.
    pub(super) drawn: Option<Drawn>,
    /// Counts changes of what is on the canvas.
    pub(super) generation: u64,
    /// Time and counts of the picture drawn last.
    pub(super) cost: Cost,
    /// Number of pictures drawn so far.
    pub(in crate::view) pictures_drawn: u64,
    /// When the growing scene was last drawn because it grew, and after how many steps.
    pub(super) refreshed: Option<(Instant, u32)>,
    /// Gaussians that are drawn at most of a scene with levels of detail.
    pub(in crate::view) budget: usize,
    /// When it was last checked whether a run has saved a newer scene.
    pub(super) checked: Instant,
}

impl Viewer {
    /// A viewer that shows nothing yet; `window` is absent in tests of the panels.
    ///
    /// # Errors
    /// Kernels that the device does not take.
    pub fn new(gpu: &Gpu, window: Option<RenderState>) -> Result<Self> {
        Ok(Self {
            state: State::default(),
            canvas: SceneCanvas::new(gpu)?,
            jobs: Jobs::default(),
            window_pass: WindowPass::new(window.as_ref()),
            comparison: Comparison::default(),
            thumbnails: Thumbnails::default(),
            drawn: None,
            generation: 0,
            cost: Cost::default(),
            pictures_drawn: 0,
            refreshed: None,
            budget: BUDGET,
            checked: Instant::now(),
        })
    }

    /// The inputs of the panels.
    pub(in crate::view) fn inputs(&self) -> Inputs<'_> {
        Inputs {
            state: &self.state,
            canvas: &self.canvas,
            jobs: &self.jobs,
            comparison: &self.comparison,
            thumbnails: &self.thumbnails,
            cost: &self.cost,
        }
    }

    pub(super) fn notify(&mut self, text: impl Into<String>) {
        self.state.notices.add(text.into());
    }

    pub(super) fn fail(&mut self, error: anyhow::Error) {
        self.state.notices.add_error(&error);
    }

    /// Shows the message or the error that some work ended with.
    pub(super) fn notify_result(&mut self, result: Result<String>) {
        match result {
            Ok(text) => self.notify(text),
            Err(error) => self.fail(error),
        }
    }

    /// Has the next frame draw, though camera and settings are the same.
    pub(super) fn redraw(&mut self) {
        self.state.scene = self.canvas.facts();
        self.generation += 1;
    }

    /// Shows the edits in the picture.
    pub(super) fn show_edits(&mut self) {
        self.canvas.set_state(self.state.edit.state.flags.to_vec());
        self.redraw();
    }

    /// Shows a document; `again` keeps the view.
    ///
    /// # Errors
    /// The device has no room for the scene.
    pub(in crate::view) fn enter(&mut self, mut document: Document, again: bool) -> Result<()> {
        let all_degrees = self.state.settings.sh_degree == self.state.scene.sh_degree;
        // A run's first scene is its capture's points, which do not know how it is trained.
        let antialiased = self.state.settings.antialiased;
        let as_saved = self.state.document.as_ref().is_some_and(|old| old.scene.antialiased == antialiased);
        let loaded = self.canvas.load(&document.scene, &document.frame);
        self.state.training.is_shown = false;
        self.redraw();
        (self.comparison, self.jobs.photo) = (Comparison::default(), None);
        self.jobs.refining = document.detail.take().map(Refining::new);
        if let Err(error) = loaded {
            // The last scene has left the device to make room.
            self.state.document = None;
            return Err(error.context(format!("{} cannot be shown", document.path.display())));
        }
        if again && all_degrees {
            self.state.settings.sh_degree = document.scene.sh_degree;
        }
        if again && as_saved {
            self.state.settings.antialiased = document.scene.antialiased;
        }
        if !again {
            self.begin_view(&document);
        }
        self.state.edit = Edit::of(&document);
        self.state.document = Some(document);
        Ok(())
    }

    /// Settings, eye and clock as a document begins with them.
    fn begin_view(&mut self, document: &Document) {
        let state = &mut self.state;
        let background = document.config.as_ref().map_or(Vec3::ZERO, |config| config.background.fixed());
        state.settings = ViewSettings::of(&document.scene, background);
        state.eye = document.first_eye();
        (state.transition, state.through) = (None, None);
        state.recent.add(&document.path);
        state.shots = Shots { visible: document.kind == Kind::Capture, ..Shots::default() };
        state.keys = KeyPath::default();
        state.timeline = Timeline::of(document);
        state.settings.flow_step = state.timeline.step();
        state.probe = PixelProbe::default();
        state.training.forget();
        state.notices.clear();
        for warning in document.warnings.iter().take(WARNINGS) {
            state.notices.add(warning.clone());
        }
        (self.thumbnails, self.jobs.thumbnail) = (Thumbnails::default(), None);
    }
}
