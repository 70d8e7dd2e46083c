//! The viewer: what it holds, and what happens in each frame of the window.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use anyhow::Result;
use eframe::egui;
use eframe::egui_wgpu::RenderState;
use glam::{DVec3, Vec3};

use crate::camera::Camera;
use crate::gpu::Gpu;
use crate::scene::Scene;

use super::canvas::Canvas;
use super::compare::Compare;
use super::dialogs::{Ask, Dialogs};
use super::document::{Document, Kind};
use super::edit::Edit;
use super::film::{Film, Form};
use super::flight::Flight;
use super::keypath::KeyPath;
use super::leaving::{Leave, Leaving};
use super::navigation::Eye;
use super::probe::PixelProbe;
use super::recent::Recent;
use super::shots::Shots;
use super::stage::{Cost, Look, Stage};
use super::timeline::Timeline;
use super::training::Training;

/// How long good news stays; errors stay until they are closed.
const NOTICE: Duration = Duration::from_secs(6);
/// How long the window waits for a step of the training to end before it goes on with the old picture. Coming back for it
/// costs both sides: the window is composed again, and the training waits for it.
const PATIENCE: Duration = Duration::from_millis(200);
/// Time between two looks at whether a run has saved a newer scene.
const WATCH: Duration = Duration::from_secs(2);

/// Something to tell.
pub struct Notice {
    pub text: String,
    pub bad: bool,
    pub since: Instant,
}

struct Loading {
    path: PathBuf,
    result: Receiver<Result<Document>>,
    /// A newer scene of the run that is shown: the view stays as it is.
    again: bool,
}

/// What a picture depends on; while it is the same, nothing is drawn.
#[derive(Clone, Copy, PartialEq)]
pub(super) struct Drawn {
    pub camera: Camera,
    look: Look,
    timed: bool,
    generation: u64,
}

/// The viewer.
pub struct Viewer {
    pub(super) stage: Stage,
    pub(super) canvas: Canvas,
    pub(super) document: Option<Document>,
    loading: Option<Loading>,
    pub(super) eye: Eye,
    pub(super) flight: Option<Flight>,
    /// The shot through whose lens is looked.
    pub(super) through: Option<usize>,
    pub(super) look: Look,
    pub(super) drawn: Option<Drawn>,
    /// Counts changes of what is on the stage.
    generation: u64,
    pub(super) cost: Cost,
    pub(super) notices: Vec<Notice>,
    pub(super) recent: Recent,
    pub(super) dialogs: Dialogs,
    /// Typed on the empty screen.
    pub(super) typed: String,
    /// Factor on the speed of flight.
    pub(super) speed: f64,
    pub(super) help: bool,
    pub(super) figures: bool,
    /// Whether the panels are hidden.
    pub(super) bare: bool,
    pub(super) shots: Shots,
    pub(super) compare: Compare,
    pub(super) keys: KeyPath,
    /// An export of the path in progress.
    pub(super) film: Option<Film>,
    pub(super) probe: PixelProbe,
    pub(super) edit: Edit,
    pub(super) leaving: Leaving,
    pub(super) timeline: Timeline,
    pub(super) training: Training,
    /// Size of saved pictures; `None` for that of the window.
    pub(super) picture_size: Option<(u32, u32)>,
    watched: Instant,
    /// Pictures drawn so far.
    pub(super) pictures_drawn: u64,
}

impl Viewer {
    /// A viewer that shows nothing yet; `window` is absent in tests of the panels.
    pub fn new(gpu: &Gpu, window: Option<RenderState>) -> Result<Self> {
        Ok(Self {
            stage: Stage::new(gpu)?,
            canvas: Canvas::new(window.as_ref()),
            document: None,
            loading: None,
            eye: Eye::look_at(DVec3::new(0.0, -1.0, -4.0), DVec3::ZERO, -DVec3::Y, 0.8),
            flight: None,
            through: None,
            look: Look::of(&Scene::default(), Vec3::ZERO),
            drawn: None,
            generation: 0,
            cost: Cost::default(),
            notices: Vec::new(),
            recent: Recent::load(),
            dialogs: Dialogs::default(),
            typed: String::new(),
            speed: 1.0,
            help: false,
            figures: true,
            bare: false,
            shots: Shots::default(),
            compare: Compare::default(),
            keys: KeyPath::default(),
            film: None,
            probe: PixelProbe::default(),
            edit: Edit::default(),
            leaving: Leaving::default(),
            timeline: Timeline::default(),
            training: Training::default(),
            picture_size: None,
            watched: Instant::now(),
            pictures_drawn: 0,
        })
    }

    /// Everything that the window shows, and what follows from what is done in it.
    pub fn show(&mut self, ui: &mut egui::Ui) {
        let context = ui.ctx().clone();
        // Before a field that has the keys can end: the letters that came with its Enter are no shortcuts.
        let typing = context.egui_wants_keyboard_input();
        self.receive(&context);
        if !typing {
            self.shortcuts(&context);
        }
        self.watch(&context);
        self.watch_training(&context);
        self.watch_film(&context);
        if self.timeline.advance(&context, self.is_dynamic()) {
            self.look.time = self.timeline.time();
        }
        self.fly_on(&context);
        if !self.bare || self.document.is_none() {
            self.panels(ui);
        }
        self.viewport(ui);
        self.help_sheet(&context);
        self.watch_leaving(&context);
        self.notices.retain(|notice| notice.bad || notice.since.elapsed() < NOTICE);
        if self.notices.iter().any(|notice| !notice.bad) {
            context.request_repaint_after(Duration::from_millis(500));
        }
    }

    fn panels(&mut self, ui: &mut egui::Ui) {
        self.menu(ui);
        self.status(ui);
        if self.document.is_some() {
            if self.is_dynamic() {
                self.transport(ui);
            }
            self.side(ui);
        }
    }

    /// Whether the Gaussians move.
    pub(super) fn is_dynamic(&self) -> bool {
        self.stage.is_moving()
    }

    /// Starts to open something on a thread.
    pub fn open(&mut self, context: &egui::Context, path: &Path) {
        self.start_loading(context, path, false);
    }

    /// Reads what is shown again; the view stays.
    pub(super) fn reopen(&mut self, context: &egui::Context, path: &Path) {
        self.start_loading(context, path, true);
    }

    fn start_loading(&mut self, context: &egui::Context, path: &Path, again: bool) {
        let (sender, result) = channel();
        let (to_open, context) = (path.to_path_buf(), context.clone());
        let spawned = std::thread::Builder::new().name("open".into()).spawn(move || {
            // The window may have turned to something else meanwhile.
            let _ = sender.send(Document::open(&to_open));
            context.request_repaint();
        });
        match spawned {
            Ok(_) => self.loading = Some(Loading { path: path.to_path_buf(), result, again }),
            Err(error) => self.fail(anyhow::anyhow!("cannot start a thread to open files: {error}")),
        }
    }

    pub(super) fn is_loading(&self) -> Option<&Path> {
        self.loading.as_ref().filter(|loading| !loading.again).map(|loading| loading.path.as_path())
    }

    /// Takes what threads have finished.
    fn receive(&mut self, context: &egui::Context) {
        for dropped in context.input(|input| input.raw.dropped_files.clone()).iter() {
            self.leave(context, Leave::Open(dropped.path().to_path_buf()));
        }
        self.receive_saved(context);
        if let Some((ask, path)) = self.dialogs.answer(context) {
            match ask {
                Ask::Open => self.leave(context, Leave::Open(path)),
                Ask::SaveScene => self.save_scene(&path),
                Ask::SavePicture => self.save_picture(&path),
                Ask::SavePath => self.save_keys(&path),
                Ask::OpenPath => self.open_keys(&path),
                Ask::RunFolder => self.set_run_folder(path),
                Ask::Frames => self.export_path(context, Form::Images, &path),
                Ask::Video => self.export_path(context, Form::Video, &path),
            }
        }
        let Some(loading) = &self.loading else { return };
        let Ok(result) = loading.result.try_recv() else { return };
        let again = loading.again;
        self.loading = None;
        match result.and_then(|document| self.enter(document, again)) {
            Ok(()) => {}
            // A file that is being written is looked at again later.
            Err(error) if again => log::debug!("not read again: {error:#}"),
            Err(error) => self.fail(error),
        }
        self.compare.forget();
    }

    /// Shows a document; `again` keeps the view.
    pub fn enter(&mut self, document: Document, again: bool) -> Result<()> {
        let all_bands = self.look.sh_degree == self.stage.sh_degree();
        // A run's first scene is its capture's points, which do not know how it is trained.
        let as_saved = self.document.as_ref().is_some_and(|old| old.scene.antialiased == self.look.antialiased);
        let loaded = self.stage.load(&document.scene, &document.frame);
        self.training.on_stage = false;
        self.generation += 1;
        if let Err(error) = loaded {
            // The last scene has left the device to make room.
            self.document = None;
            return Err(error.context(format!("{} cannot be shown", document.path.display())));
        }
        if again && all_bands {
            self.look.sh_degree = document.scene.sh_degree;
        }
        if again && as_saved {
            self.look.antialiased = document.scene.antialiased;
        }
        if !again {
            let background = document.config.as_ref().map_or(Vec3::ZERO, |config| config.background.fixed());
            self.look = Look::of(&document.scene, background);
            self.eye = document.first_eye();
            (self.flight, self.through) = (None, None);
            self.recent.add(&document.path);
            self.shots = Shots::default();
            self.shots.visible = document.kind == Kind::Capture;
            self.keys = KeyPath::default();
            self.timeline = Timeline::of(&document);
            self.look.gap = self.timeline.step();
            self.probe = PixelProbe::default();
            self.training.turn();
            self.notices.clear();
            let warnings = document.warnings.iter().take(3).cloned();
            self.notices.extend(warnings.map(|text| Notice { text, bad: false, since: Instant::now() }));
        }
        self.edit = Edit::of(&document);
        self.document = Some(document);
        Ok(())
    }

    /// Reads a run's scene again once it has saved a newer one.
    fn watch(&mut self, context: &egui::Context) {
        let Some(document) = self.document.as_ref().filter(|document| document.kind == Kind::Run) else { return };
        if self.is_growing() {
            return;
        }
        context.request_repaint_after(WATCH);
        if self.watched.elapsed() < WATCH || self.loading.is_some() || self.edit.is_dirty() {
            return;
        }
        self.watched = Instant::now();
        if document.is_stale() {
            let path = document.path.clone();
            self.start_loading(context, &path, true);
        }
    }

    /// Tells of an error in the window and the log.
    pub(super) fn fail(&mut self, error: anyhow::Error) {
        let text = format!("{error:#}").split_whitespace().collect::<Vec<_>>().join(" ");
        log::warn!("{text}");
        self.notices.retain(|notice| notice.text != text);
        self.notices.push(Notice { text, bad: true, since: Instant::now() });
        let surplus = self.notices.len().saturating_sub(4);
        self.notices.drain(..surplus);
    }

    pub(super) fn tell(&mut self, text: String) {
        self.notices.push(Notice { text, bad: false, since: Instant::now() });
    }

    /// Draws if anything has changed since the last picture.
    pub(super) fn draw(&mut self, context: &egui::Context, camera: &Camera) {
        let look = self.edit.apply(self.look);
        let drawn = Drawn { camera: *camera, look, timed: self.figures, generation: self.generation };
        if self.drawn == Some(drawn) || self.stage.gaussians() == 0 {
            return;
        }
        // Between two steps; where one takes long, the last picture stays a little longer and the window alive.
        let turn = match (self.is_growing(), &self.training.live) {
            (true, Some(live)) => match live.turn.take(PATIENCE) {
                Some(turn) => Some(turn),
                None => return context.request_repaint(),
            },
            _ => None,
        };
        let cost = self.stage.draw(camera, &look, self.figures);
        drop(turn);
        match cost {
            Ok(cost) => {
                log::debug!("a picture of {} x {} in {:.2} ms", camera.lens.width, camera.lens.height, cost.frame);
                self.cost = cost;
            }
            Err(error) => self.fail(error),
        }
        self.pictures_drawn += 1;
        // Also after an error, which would otherwise come back with every frame of the window.
        self.drawn = Some(drawn);
    }

    /// Has the next frame draw, though camera and settings are the same.
    pub(super) fn redraw(&mut self) {
        self.generation += 1;
    }
}

impl eframe::App for Viewer {
    fn ui(&mut self, ui: &mut egui::Ui, _frame: &mut eframe::Frame) {
        self.show(ui);
    }

    fn on_exit(&mut self) {
        self.training.leave();
    }

    /// The panels, which fill themselves no more than that.
    fn clear_color(&self, _visuals: &egui::Visuals) -> [f32; 4] {
        super::theme::PANEL.to_normalized_gamma_f32()
    }
}
