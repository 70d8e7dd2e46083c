//! The viewer: what it holds, and what happens in each frame of the window.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use eframe::egui;
use eframe::egui_wgpu::RenderState;
use glam::{DVec3, Vec3};

use crate::camera::Camera;
use crate::gpu::Gpu;
use crate::scene::Scene;
use crate::train::picture::save_png;

use super::canvas::Canvas;
use super::compare::Compare;
use super::dialogs::{Ask, Dialogs};
use super::document::{Document, Kind};
use super::edit::Edit;
use super::keypath::KeyPath;
use super::navigation::{Eye, Side};
use super::recent::Recent;
use super::shots::Shots;
use super::stage::{Cost, Look, Stage};
use super::timeline::Timeline;
use super::training::Training;

/// How long the eye takes from one place to another.
const FLIGHT: f64 = 0.45;
/// How long good news stays; errors stay until they are closed.
const NOTICE: Duration = Duration::from_secs(6);
/// Time between two looks at whether a run has saved a newer scene.
const WATCH: Duration = Duration::from_secs(2);

/// Something to tell.
pub struct Notice {
    pub text: String,
    pub bad: bool,
    pub since: Instant,
}

/// The way from one eye to another.
struct Flight {
    from: Eye,
    to: Eye,
    since: Instant,
    /// The shot that is looked through on arrival.
    through: Option<usize>,
}

struct Loading {
    path: PathBuf,
    result: Receiver<Result<Document>>,
    /// A newer scene of the run that is shown: the view stays as it is.
    again: bool,
}

/// What a picture depends on; while it is the same, nothing is drawn.
#[derive(Clone, Copy, PartialEq)]
struct Drawn {
    camera: Camera,
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
    flight: Option<Flight>,
    /// The shot through whose lens is looked.
    pub(super) through: Option<usize>,
    pub(super) look: Look,
    drawn: Option<Drawn>,
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
    pub(super) shots: Shots,
    pub(super) compare: Compare,
    pub(super) keys: KeyPath,
    pub(super) edit: Edit,
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
            canvas: Canvas::new(window),
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
            shots: Shots::default(),
            compare: Compare::default(),
            keys: KeyPath::default(),
            edit: Edit::default(),
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
        self.receive(&context);
        self.shortcuts(&context);
        self.watch(&context);
        self.watch_training(&context);
        if self.timeline.advance(&context, self.is_dynamic()) {
            self.look.time = self.timeline.time();
        }
        self.fly_on(&context);
        self.menu(ui);
        self.status(ui);
        if self.document.is_some() {
            self.side(ui);
            if self.is_dynamic() {
                self.transport(ui);
            }
        }
        self.viewport(ui);
        self.help_sheet(&context);
        self.notices.retain(|notice| notice.bad || notice.since.elapsed() < NOTICE);
        if self.notices.iter().any(|notice| !notice.bad) {
            context.request_repaint_after(Duration::from_millis(500));
        }
    }

    /// Whether the Gaussians move.
    pub(super) fn is_dynamic(&self) -> bool {
        self.document.as_ref().is_some_and(|document| document.scene.motion.is_some())
    }

    /// Starts to open something on a thread.
    pub fn open(&mut self, context: &egui::Context, path: &Path) {
        self.start_loading(context, path, false);
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
            self.open(context, dropped.path());
        }
        self.receive_saved(context);
        if let Some((ask, path)) = self.dialogs.answer() {
            match ask {
                Ask::Open => self.open(context, &path),
                Ask::SaveScene => self.save_scene(&path),
                Ask::SavePicture => self.save_picture(&path),
                Ask::SavePath => self.save_keys(&path),
                Ask::OpenPath => self.open_keys(&path),
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
            self.timeline = Timeline::default();
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
    pub(super) fn draw(&mut self, camera: &Camera) {
        let look = self.edit.apply(self.look);
        let drawn = Drawn { camera: *camera, look, timed: self.figures, generation: self.generation };
        if self.drawn == Some(drawn) || self.stage.gaussians() == 0 {
            return;
        }
        match self.stage.draw(camera, &look, self.figures) {
            Ok(cost) => {
                log::debug!("a picture of {} x {} in {:.2} ms", camera.lens.width, camera.lens.height, cost.frame);
                self.cost = cost;
            }
            Err(error) => self.fail(error),
        }
        self.pictures_drawn += 1;
        // Also after an error, which would otherwise come back with every frame of the window.
        self.drawn = Some(drawn);
        let gpu = self.stage.gpu().clone();
        self.canvas.show(&gpu, self.stage.presenter(), (camera.lens.width, camera.lens.height));
    }

    /// Has the next frame draw, though camera and settings are the same.
    pub(super) fn redraw(&mut self) {
        self.generation += 1;
    }

    /// Flies to an eye.
    pub(super) fn go(&mut self, to: Eye, through: Option<usize>) {
        self.flight = Some(Flight { from: self.eye, to, since: Instant::now(), through });
        self.through = None;
    }

    /// Stops what moves the eye by itself: the hand on the mouse goes before.
    pub(super) fn take_over(&mut self) {
        (self.flight, self.through) = (None, None);
        self.keys.stop();
    }

    fn fly_on(&mut self, context: &egui::Context) {
        if let Some(eye) = self.keys.advance(context) {
            (self.eye, self.through) = (eye, None);
        }
        let Some(flight) = &self.flight else { return };
        let t = (flight.since.elapsed().as_secs_f64() / FLIGHT).min(1.0);
        let smooth = t * t * (3.0 - 2.0 * t);
        self.eye = Eye::between(&flight.from, &flight.to, smooth);
        if t >= 1.0 {
            self.eye = flight.to;
            self.through = flight.through;
            self.flight = None;
        }
        context.request_repaint();
    }

    /// Back to where the document was opened.
    pub(super) fn reset_view(&mut self) {
        if let Some(document) = &self.document {
            let mut eye = document.first_eye();
            eye.up = self.eye.up;
            self.go(eye, None);
        }
    }

    pub(super) fn show_side(&mut self, side: Side) {
        let mut eye = self.eye;
        if let Some(document) = &self.document {
            eye.pivot = document.centre();
            eye.distance = 1.2 * document.size();
        }
        eye.show(side);
        self.go(eye, None);
    }

    /// Another axis is up; the view is levelled to it.
    pub(super) fn set_up(&mut self, up: DVec3) {
        self.eye.up = up;
        self.eye.level();
        self.through = None;
    }

    /// Looks through a shot's lens.
    pub(super) fn visit(&mut self, shot: usize) {
        let Some(document) = &self.document else { return };
        let Some(found) = document.capture.as_ref().and_then(|capture| capture.shots.get(shot)) else { return };
        let mut eye = Eye::of_camera(&found.camera, document.ring.centre, self.eye.up);
        eye.orthographic = false;
        if let (true, Some(time)) = (self.is_dynamic(), found.time) {
            self.timeline.seek(time);
            self.look.time = time;
        }
        self.shots.chosen = Some(shot);
        self.go(eye, Some(shot));
    }

    /// The camera that the window looks through, for a picture of a size.
    pub(super) fn camera(&self, width: u32, height: u32) -> Camera {
        let shot = self.through.and_then(|shot| self.document.as_ref()?.capture.as_ref()?.shots.get(shot));
        match shot {
            Some(shot) => Camera { lens: crate::render::path::resize(&shot.camera.lens, width, height), ..shot.camera },
            None => self.eye.camera(width, height),
        }
    }

    /// Saves what the window shows, at its own or the chosen size.
    pub(super) fn save_picture(&mut self, path: &Path) {
        let window = self.drawn.map_or((960, 540), |drawn| (drawn.camera.lens.width, drawn.camera.lens.height));
        let (width, height) = self.picture_size.unwrap_or(window);
        let camera = self.camera(width, height);
        let look = self.edit.apply(self.look);
        let saved = self.stage.draw(&camera, &look, false).and_then(|_| save_png(path, &self.stage.picture()?));
        self.redraw();
        match saved.with_context(|| format!("cannot save a picture of {width} x {height}")) {
            Ok(()) => self.tell(format!("saved {} ({width} × {height})", path.display())),
            Err(error) => self.fail(error),
        }
    }

    /// Saves a picture beside the others in the working directory, under the first free name.
    pub(super) fn quick_picture(&mut self) {
        if self.stage.gaussians() == 0 {
            return;
        }
        let name = |i: u32| PathBuf::from(format!("dapple-{i:03}.png"));
        let free = (1..1000).map(name).find(|path| !path.exists()).unwrap_or_else(|| name(1000));
        self.save_picture(&free);
    }
}

impl eframe::App for Viewer {
    fn ui(&mut self, ui: &mut egui::Ui, _frame: &mut eframe::Frame) {
        self.show(ui);
    }

    fn clear_color(&self, _visuals: &egui::Visuals) -> [f32; 4] {
        super::theme::GROUND.to_normalized_gamma_f32()
    }
}
