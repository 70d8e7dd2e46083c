//! The document that the viewer shows: a scene file, a run or a capture.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use anyhow::{Context, Result, bail, ensure};
use glam::{DVec3, Vec3};

use crate::dataset::{Capture, CaptureOptions};
use crate::format::lod::Detail;
use crate::format::{self, sequence};
use crate::render::orbit::{self, Ring};
use crate::render::{frame, middle};
use crate::scene::{Normalisation, Scene};
use crate::train::Session;
use crate::train::config::{Config, Init};
use crate::train::init;
use crate::train::run::folder::{CONFIG, config_of};

use crate::view::text::grouped;

use super::navigation::Eye;

/// Opacity logit of the dots that stand for a capture's points, and the logarithm of their size against the distance
/// between neighbours.
const DOT: (f32, f32) = (4.0, -1.6);

/// Distance of the first view, in units of what would just hold the diagonal of the box of the inner Gaussians.
const FIT: f64 = 0.74;

/// Distance from which all cameras are seen, in units of what would just hold the sphere around their centres.
const AROUND: f64 = 1.2;

/// Gaussians that are drawn at most of a scene with levels of detail, where nobody says.
pub const BUDGET: usize = 500_000;

/// The kind of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Scene,
    Run,
    Capture,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Self::Scene => "scene",
            Self::Run => "run",
            Self::Capture => "capture",
        }
    }
}

/// Something opened.
#[derive(Debug)]
pub struct Document {
    pub path: PathBuf,
    pub kind: Kind,
    /// In the capture's own frame. Of a capture, its points as dots.
    pub scene: Scene,
    /// Name of the file's format and its version, or what else the Gaussians come from.
    pub origin: String,
    pub config: Option<Config>,
    /// The capture itself, or that of the run.
    pub capture: Option<Arc<Capture>>,
    /// Things that had to be assumed or left out.
    pub warnings: Vec<String>,
    /// The frame that the scene is rendered in, the same as `dapple render` chooses.
    pub frame: Normalisation,
    /// The scene's middle, size and up axis.
    pub ring: Ring,
    /// Corners of the box around all but the outermost Gaussians, and of that around the inner ones.
    pub bounds: (Vec3, Vec3),
    pub inner: (Vec3, Vec3),
    /// When the file was last written; a run in progress writes it again.
    pub modified: Option<SystemTime>,
    /// Number of evenly spaced times that the clip was taken at, or that its files stand for, where that is known.
    pub moments: Option<usize>,
    /// Whether it is a folder of scenes, one a moment.
    pub is_sequence: bool,
    /// What brings finer levels, where the scene has more Gaussians than are drawn at once.
    pub detail: Option<Box<Detail>>,
}

impl Document {
    /// Reads what a path names: a scene file, a run folder, a capture folder or its JSON file.
    ///
    /// # Errors
    /// One line that names the file, what is wrong there and what to do.
    pub fn open(path: &Path) -> Result<Self> {
        Self::open_with(path, BUDGET)
    }

    /// Checks that there is something of a name, before a window opens for it.
    ///
    /// # Errors
    /// Names what is missing.
    pub fn check_exists(path: &Path) -> Result<()> {
        ensure!(path.exists(), "{}: there is no such file or folder", path.display());
        Ok(())
    }

    /// Reads what a path names; of a scene with levels of detail at most `budget` Gaussians, at first the coarsest.
    ///
    /// # Errors
    /// As [`Document::open`].
    pub fn open_with(path: &Path, budget: usize) -> Result<Self> {
        Self::check_exists(path)?;
        let is_run = path.is_dir() && path.join(CONFIG).exists();
        if let Some(detail) = Detail::open(path, budget)?.filter(|detail| detail.len() > budget) {
            return Self::of_detail(path, detail);
        }
        if is_scene(path) {
            return Self::of_scene(path, if is_run { Kind::Run } else { Kind::Scene });
        }
        if is_run {
            let config = Config::load(&path.join(CONFIG))?;
            let capture = Capture::open(&config.capture, &config.capture_options())
                .with_context(|| format!("{}: the run has no scene yet, and its capture", path.display()))?;
            let mut document = Self::of_capture(path, capture)?;
            document.kind = Kind::Run;
            document.config = Some(config);
            document.warnings.insert(0, "the run has not saved a scene yet; these are its capture's points".into());
            return Ok(document);
        }
        Self::of_capture(path, Capture::open(path, &capture_options())?)
    }

    fn of_scene(path: &Path, kind: Kind) -> Result<Self> {
        let modified = modified(path);
        let loaded = format::load(path)?;
        if loaded.scene.is_empty() {
            bail!("{} holds no Gaussians; nothing can be shown", path.display());
        }
        loaded.scene.validate().with_context(|| path.display().to_string())?;
        let mut warnings = loaded.warnings;
        let config = config_of(path)?;
        let capture = config.as_ref().filter(|config| config.capture.exists()).and_then(|config| {
            let opened = Capture::open(&config.capture, &capture_options());
            opened.map_err(|error| warnings.push(format!("the run's capture cannot be opened: {error:#}"))).ok()
        });
        let origin = format!("{} {}", loaded.format.name(), loaded.version).trim().to_string();
        let files = if path.is_dir() { sequence::find(path).len() } else { 0 };
        let moments = if files > 1 { Some(files) } else { capture.as_ref().and_then(moments) };
        let made = Self::new(path, kind, loaded.scene, capture.map(Arc::new), warnings);
        Ok(Self { origin, config, modified, moments, is_sequence: files > 1, ..made })
    }

    fn of_detail(path: &Path, mut detail: Detail) -> Result<Self> {
        let scene = detail.coarsest()?;
        let (all, budget) = (grouped(detail.len() as u64), grouped(detail.budget() as u64));
        let origin = format!("streamed SOG of {all}");
        let warning =
            format!("at most {budget} of its {all} Gaussians are drawn, by where you look; --budget N allows more");
        let made = Self::new(path, Kind::Scene, scene, None, vec![warning]);
        Ok(Self { origin, detail: Some(Box::new(detail)), ..made })
    }

    fn of_capture(path: &Path, capture: Capture) -> Result<Self> {
        let warnings = capture.facts().warnings;
        let scene = dots(&capture).unwrap_or_else(|error| {
            // The window says so where the points would be.
            log::debug!("only the capture's cameras are shown: {error:#}");
            Scene::default()
        });
        let origin = match scene.len() {
            0 => "no points".into(),
            count => format!("{count} points of the capture"),
        };
        let made = Self::new(path, Kind::Capture, scene, Some(Arc::new(capture)), warnings);
        Ok(Self { origin, ..made })
    }

    /// A run in training: its Gaussians are on the device, and the capture's points stand for where they are.
    pub fn of_session(session: &Session) -> Result<Self> {
        let scene = dots(session.capture()).unwrap_or_default();
        let made = Self::new(&session.path(""), Kind::Run, scene, Some(session.capture().clone()), Vec::new());
        let moments = moments(session.capture());
        Ok(Self { origin: "in training".into(), config: Some(session.config().clone()), moments, ..made })
    }

    fn new(path: &Path, kind: Kind, scene: Scene, capture: Option<Arc<Capture>>, warnings: Vec<String>) -> Self {
        let cameras = capture.as_deref().map(Capture::cameras).unwrap_or_default();
        Self {
            path: path.to_path_buf(),
            kind,
            origin: String::new(),
            config: None,
            frame: frame(&scene, &cameras),
            ring: orbit::ring(&scene, &cameras),
            bounds: bounds(&scene),
            inner: spread(&scene, 10),
            capture,
            warnings,
            modified: None,
            moments: None,
            is_sequence: false,
            detail: None,
            scene,
        }
    }

    /// The file's or folder's own name.
    pub fn title(&self) -> String {
        self.path
            .file_name()
            .map_or_else(|| self.path.display().to_string(), |name| name.to_string_lossy().into_owned())
    }

    /// The first view: at the capture's first camera, so far behind it that all cameras are seen where there is
    /// nothing else to see, or on the ring around the scene.
    pub fn first_eye(&self) -> Eye {
        let up = self.ring.up;
        match self.capture.as_ref().and_then(|capture| capture.shots.first()) {
            Some(shot) => {
                let eye = Eye::of_camera(&shot.camera, self.ring.centre, up);
                let has_only_cameras = self.kind == Kind::Capture && self.scene.is_empty();
                if has_only_cameras { self.overview(eye) } else { eye }
            }
            None => {
                let camera = orbit::around(&self.scene, &[], 1)[0];
                let eye = Eye::of_camera(&camera, self.ring.centre, up);
                let (low, high) = self.inner;
                let reach = f64::from(low.distance(high)) / (0.5 * eye.fov).tan();
                Eye { pivot: low.midpoint(high).as_dvec3(), distance: (FIT * reach).max(1e-6), ..eye }
            }
        }
    }

    /// An eye moved back until it sees all cameras.
    fn overview(&self, eye: Eye) -> Eye {
        let centres: Vec<DVec3> = self
            .capture
            .as_deref()
            .map(|capture| capture.cameras())
            .unwrap_or_default()
            .iter()
            .map(|camera| camera.pose.centre())
            .collect();
        let pivot = centres.iter().sum::<DVec3>() / centres.len().max(1) as f64;
        let reach = centres.iter().map(|centre| centre.distance(pivot)).fold(0.1 * self.size(), f64::max);
        Eye { pivot, distance: AROUND * reach / (0.5 * eye.fov).sin(), ..eye }
    }

    /// A length that is large for the scene: how far its middle is from where it is looked at.
    pub fn size(&self) -> f64 {
        self.ring.radius.max(1e-9)
    }

    /// The scene's middle.
    pub fn centre(&self) -> DVec3 {
        if self.scene.is_empty() { self.ring.centre } else { middle(&self.scene) }
    }

    /// Whether the file has been written since it was read.
    pub fn is_stale(&self) -> bool {
        modified(&self.path) != self.modified
    }
}

/// As `dapple render` opens captures.
fn capture_options() -> CaptureOptions {
    CaptureOptions { masks: false, ..CaptureOptions::default() }
}

/// Number of different times of a capture's images.
fn moments(capture: &Capture) -> Option<usize> {
    let mut times: Vec<f32> = capture.shots.iter().filter_map(|shot| shot.time).collect();
    times.sort_unstable_by(f32::total_cmp);
    times.dedup();
    (times.len() > 1).then_some(times.len())
}

fn is_scene(path: &Path) -> bool {
    if path.is_dir() && !sequence::find(path).is_empty() {
        return true;
    }
    match format::scene_in(path) {
        Err(_) => false,
        // A transforms file is a capture; every other JSON that can be shown is the index of a SOG folder or a glTF.
        Ok(file) => !file.file_name().is_some_and(|name| name.to_string_lossy().starts_with("transforms")),
    }
}

fn modified(path: &Path) -> Option<SystemTime> {
    let file = format::scene_in(path).ok()?;
    std::fs::metadata(file).and_then(|facts| facts.modified()).ok()
}

/// The points of a capture as small opaque Gaussians.
fn dots(capture: &Capture) -> Result<Scene> {
    let config =
        Config { init: Init::Sfm, init_fill: 0.0, sh_degree: Some(0), cap_max: u32::MAX.into(), ..Config::default() };
    let mut scene = init::scene(capture, &config, &Normalisation::IDENTITY)?;
    scene.motion = None;
    scene.logits.fill(DOT.0);
    scene.log_scales.iter_mut().for_each(|scale| *scale += DOT.1);
    Ok(scene)
}

/// The box of nearly all Gaussians and a tenth of its size more.
fn bounds(scene: &Scene) -> (Vec3, Vec3) {
    let (low, high) = spread(scene, 1);
    (low - 0.1 * (high - low), high + 0.1 * (high - low))
}

/// The box that leaves out the outermost `percent` of the means at both ends of each axis.
fn spread(scene: &Scene, percent: usize) -> (Vec3, Vec3) {
    let mut corners = (Vec3::ZERO, Vec3::ZERO);
    for axis in 0..3 {
        let mut values: Vec<f32> = scene.means.iter().map(|mean| mean[axis]).collect();
        if values.is_empty() {
            continue;
        }
        values.sort_unstable_by(f32::total_cmp);
        let last = values.len() - 1;
        (corners.0[axis], corners.1[axis]) = (values[last * percent / 100], values[last * (100 - percent) / 100]);
    }
    corners
}
