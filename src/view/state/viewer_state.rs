//! All of the viewer's state that neither window nor device holds.

use std::path::PathBuf;
use std::sync::Arc;

use glam::{DVec3, Vec3};

use crate::camera::Camera;
use crate::dataset::{Capture, Shot};
use crate::render::path::resize;
use crate::scene::Scene;

use super::ask::Ask;
use super::camera_transition::CameraTransition;
use super::compare::Compare;
use super::document::Document;
use super::edit::Edit;
use super::keypath::{Key, KeyPath};
use super::navigation::Eye;
use super::notices::Notices;
use super::probe::PixelProbe;
use super::recent::Recent;
use super::shots::Shots;
use super::timeline::Timeline;
use super::training::Training;
use super::unsaved_changes::{Leave, UnsavedChanges};
use super::view_settings::ViewSettings;

/// A part of the side panel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    Training,
    Appearance,
    Camera,
    Capture,
    Edit,
    Path,
    Picture,
}

/// Number and kind of the Gaussians on the device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SceneFacts {
    pub gaussians: usize,
    pub sh_degree: u32,
    /// Whether the Gaussians move.
    pub is_moving: bool,
}

/// Everything that is shown and chosen.
pub struct State {
    pub document: Option<Document>,
    /// The path that is being opened.
    pub opening: Option<PathBuf>,
    pub scene: SceneFacts,
    pub eye: Eye,
    pub transition: Option<CameraTransition>,
    /// The shot through whose lens is looked.
    pub through: Option<usize>,
    pub settings: ViewSettings,
    pub notices: Notices,
    pub recent: Recent,
    /// The path in the field of the first screen.
    pub typed_path: String,
    /// Factor on the speed of flight.
    pub flight_speed: f64,
    pub help: bool,
    /// Whether times, counts and memory are shown.
    pub figures: bool,
    pub panels_hidden: bool,
    /// The part of the side panel that is to be unfolded.
    pub revealed: Option<Section>,
    pub shots: Shots,
    pub compare: Compare,
    pub keys: KeyPath,
    pub probe: PixelProbe,
    pub edit: Edit,
    pub unsaved: UnsavedChanges,
    pub timeline: Timeline,
    pub training: Training,
    /// Size of saved pictures; `None` for that of the window.
    pub picture_size: Option<(u32, u32)>,
}

impl Default for State {
    fn default() -> Self {
        Self {
            document: None,
            opening: None,
            scene: SceneFacts::default(),
            eye: Eye::look_at(DVec3::new(0.0, -1.0, -4.0), DVec3::ZERO, -DVec3::Y, 0.8),
            transition: None,
            through: None,
            settings: ViewSettings::of(&Scene::default(), Vec3::ZERO),
            notices: Notices::default(),
            recent: Recent::load(),
            typed_path: String::new(),
            flight_speed: 1.0,
            help: false,
            figures: true,
            panels_hidden: false,
            revealed: None,
            shots: Shots::default(),
            compare: Compare::default(),
            keys: KeyPath::default(),
            probe: PixelProbe::default(),
            edit: Edit::default(),
            unsaved: UnsavedChanges::default(),
            timeline: Timeline::default(),
            training: Training::default(),
            picture_size: None,
        }
    }
}

impl State {
    pub fn has_document(&self) -> bool {
        self.document.is_some()
    }

    /// Whether there are Gaussians to see.
    pub fn has_scene(&self) -> bool {
        self.scene.gaussians > 0
    }

    /// Whether the Gaussians move.
    pub fn is_dynamic(&self) -> bool {
        self.scene.is_moving
    }

    /// Whether the model in training is what is shown; it cannot be edited.
    pub fn is_growing(&self) -> bool {
        self.training.is_shown
    }

    /// A length that is large for the scene.
    pub fn size(&self) -> f64 {
        self.document.as_ref().map_or(1.0, Document::size)
    }

    pub fn capture(&self) -> Option<&Arc<Capture>> {
        self.document.as_ref()?.capture.as_ref()
    }

    /// The shot through whose lens is looked.
    pub fn shot(&self) -> Option<&Shot> {
        self.capture()?.shots.get(self.through?)
    }

    /// The camera that the window looks through, for a picture of a size in pixels.
    pub fn camera(&self, (width, height): (u32, u32)) -> Camera {
        match self.shot() {
            Some(shot) => Camera { lens: resize(&shot.camera.lens, width, height), ..shot.camera },
            None => self.eye.camera(width, height),
        }
    }

    /// The settings of the picture, with the crop box.
    pub fn picture_settings(&self) -> ViewSettings {
        self.edit.apply(self.settings)
    }

    /// This view as a key frame, with its time if things move.
    pub fn key_here(&self) -> Key {
        Key { eye: self.eye, time: self.is_dynamic().then_some(self.settings.time) }
    }

    /// Whether a score against a photo says anything: there is a scene, and it does not change meanwhile.
    pub fn has_score(&self) -> bool {
        !self.is_growing() && self.has_scene()
    }

    /// Unsaved things that leaving would lose, each with the dialog that saves it.
    pub fn unsaved_changes(&self, to: &Leave) -> Vec<(&'static str, Ask)> {
        if self.document.is_none() {
            return Vec::new();
        }
        let edits = self.edit.is_unsaved().then_some(("what was cropped and deleted", Ask::SaveScene));
        let path = (self.keys.is_unsaved() && *to != Leave::Train).then_some(("the camera path", Ask::SavePath));
        edits.into_iter().chain(path).collect()
    }

    /// Moves the eye smoothly to another place.
    pub fn go(&mut self, to: Eye, through: Option<usize>) {
        self.transition = Some(CameraTransition::new(self.eye, to, through));
        self.through = None;
    }

    /// Stops what moves the eye by itself: the user's hand has precedence.
    pub fn take_over(&mut self) {
        (self.transition, self.through) = (None, None);
        self.keys.stop();
    }

    /// Shows a time of the clip.
    pub fn seek(&mut self, time: f32) {
        self.timeline.seek(time);
        self.settings.time = self.timeline.time();
    }
}
