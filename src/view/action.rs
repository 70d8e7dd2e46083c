//! Everything that a user can do. Menu entries, keys, buttons and tests send an [`Action`], and the viewer applies it in
//! one place.

use std::ops::Range;
use std::path::PathBuf;

use glam::{DVec2, DVec3};

use crate::render::{DisplayMode, SplatStyle};

use super::state::ask::Ask;
use super::state::compare::Layout;
use super::state::crop::{Corners, Grip};
use super::state::edit::{Join, Tool};
use super::state::navigation::Side;
use super::state::select::Region;
use super::state::timeline::Ends;
use super::state::unsaved_changes::Leave;

/// Width and height of the picture in pixels, to which positions in it refer.
pub type Size = (u32, u32);

/// Something that a user can do.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    File(FileAction),
    View(ViewAction),
    Camera(CameraAction),
    Path(PathAction),
    Edit(EditAction),
    Time(TimeAction),
    Train(TrainAction),
}

/// Opening, saving and leaving.
#[derive(Clone, Debug, PartialEq)]
pub enum FileAction {
    /// Open a dialog that asks for a path.
    Ask(Ask),
    /// Do what a path was asked for.
    Use(Ask, PathBuf),
    /// Leave the scene, after a question if something is not saved.
    Leave(Leave),
    LeaveWithoutSaving,
    Stay,
    /// Save what the question names, then leave.
    SaveAndLeave(Ask),
    /// Text of the field on the first screen.
    SetTypedPath(String),
    /// Text of the field that stands for a dialog of the system.
    SetDialogText(String),
    ConfirmDialog,
    CancelDialog,
    /// Save a picture under the next free name.
    SaveNextPicture,
    /// Size of saved pictures; `None` for that of the window.
    SetPictureSize(Option<Size>),
    CloseNotice(usize),
}

/// Display of the scene and of the panels.
#[derive(Clone, Debug, PartialEq)]
pub enum ViewAction {
    SetMode(DisplayMode, SplatStyle),
    SetSplatSize(f32),
    SetShDegree(u32),
    SetBackground([f32; 3]),
    SetAntialiased(bool),
    /// Values at the ends of the colour map; `None` fits them.
    SetRange(Option<(f32, f32)>),
    SetLayout(Layout),
    NextLayout,
    /// Place of the line of the wipe, 0 at the left to 1.
    MoveWipe(f32),
    ToggleProbe,
    /// Hold the probe at a share of the picture's sides, or let it go.
    PinProbe(DVec2),
    ToggleFigures,
    ToggleCameras,
    TogglePanels,
    ToggleHelp,
    ToggleFullScreen,
    /// Close the help, show the panels, drop the selection, end the tool and the probe.
    Escape,
}

/// Moving the eye.
#[derive(Clone, Debug, PartialEq)]
pub enum CameraAction {
    /// Turn around the pivot, radians to the right and down.
    Orbit(DVec2),
    /// Look around, radians to the right and down.
    LookAround(DVec2),
    /// Move sideways by a drag in points of a picture of a height in points.
    Pan {
        drag: DVec2,
        height: f64,
    },
    /// Come nearer by a factor below 1; `offset` is the pointer's from the middle of a picture of a height, in points.
    Zoom {
        factor: f64,
        offset: DVec2,
        height: f64,
    },
    /// Move along the eye's own axes: right, down, forward, in world units.
    Fly(DVec3),
    SetFlightSpeed(f64),
    /// Turn to the surface at a pixel and make it the pivot.
    PivotAt {
        pixel: (u32, u32),
        picture: Size,
    },
    FirstView,
    ViewFrom(Side),
    ToggleOrthographic,
    /// Vertical field of view, radians.
    SetFieldOfView(f64),
    SetUp(DVec3),
    /// Look through a camera of the capture.
    VisitShot(usize),
    /// Look through the camera so many places after the last.
    VisitNext(isize),
    /// The rows of the list of cameras that are on the screen.
    ListShots(Range<usize>),
}

/// The camera path.
#[derive(Clone, Debug, PartialEq)]
pub enum PathAction {
    /// Add this view as the last key frame.
    AddKey,
    ReplaceKey(usize),
    RemoveKey(usize),
    VisitKey(usize),
    TogglePreview,
    SetSeconds(f64),
    SetFramesPerSecond(f64),
    SetClosed(bool),
    SetSize(Size),
    CancelExport,
}

/// Cropping, selecting and deleting.
#[derive(Clone, Debug, PartialEq)]
pub enum EditAction {
    SetTool(Tool),
    /// Take a tool, or put it away if it is in hand.
    ToggleTool(Tool),
    ToggleCrop,
    SetCrop(Corners),
    /// Begin a change of the crop box that is undone as one step.
    BeginCropChange,
    ChangeCrop(Corners),
    GrabCropSide(Grip),
    /// Value along its axis of the side that is held.
    MoveCropSide(f32),
    ReleaseCropSide,
    SetDimOutside(bool),
    SetSphereRadius(f64),
    SetBrushRadius(f32),
    /// Begin a rectangle at a pixel.
    BeginRectangle(DVec2),
    /// Select what is seen in a region; unless it is a step, the change belongs to the last one.
    Select {
        region: Region,
        picture: Size,
        join: Join,
        is_step: bool,
    },
    /// Select around the surface at a pixel.
    SelectSphere {
        pixel: (u32, u32),
        picture: Size,
        join: Join,
    },
    DeleteSelection,
    Undo,
    Redo,
}

/// The clip's clock.
#[derive(Clone, Debug, PartialEq)]
pub enum TimeAction {
    /// Play or pause the clip, or the camera path of a scene without motion.
    PlayPause,
    /// Go to the next moment or to the one before.
    Step {
        forward: bool,
    },
    Seek(f32),
    SetSpeed(f64),
    /// Seconds of the clip at speed 1.
    SetSeconds(f64),
    SetEnds(Ends),
    /// Show only the moments that the clip was taken at.
    SetSnaps(bool),
}

/// Training.
#[derive(Clone, Debug, PartialEq)]
pub enum TrainAction {
    /// An option of a new run by its key, as text.
    SetOption(String, String),
    SetFolder(String),
    /// Text that the options are searched for.
    SetSearch(String),
    /// Start a run of the capture that is shown.
    Start,
    /// Go back to the capture of the run that is shown, for a new run with its options.
    TrainAnew,
    Pause(bool),
    /// One step, then pause.
    Step,
    Stop,
    /// Show the run in training.
    Show,
}

macro_rules! from {
    ($($kind:ident($part:ident)),*) => { $(
        impl From<$part> for Action {
            fn from(action: $part) -> Self {
                Self::$kind(action)
            }
        }
    )* };
}

from!(
    File(FileAction),
    View(ViewAction),
    Camera(CameraAction),
    Path(PathAction),
    Edit(EditAction),
    Time(TimeAction),
    Train(TrainAction)
);
