//! From Gaussians and a camera to an image, and from the gradient of an image back to the Gaussians.
//!
//! project → sort by depth → emit (Gaussian, tile) pairs → sort by tile → rasterize. Training, evaluation, `render` and
//! the viewer all come through here.

mod bin;
mod camera_gradient;
mod flow;
mod flow_form;
mod frame;
mod layout;
mod lens;
mod options;
pub mod orbit;
pub mod path;
pub mod plan;
mod present;
mod preview;
mod probe;
mod project;
mod rasterize;
mod renderer;
mod scene_view;
mod weights;

pub use camera_gradient::{CameraBackward, CameraGradient};
pub use flow_form::FlowForm;
pub use frame::{Frame, FrameBuffers, Pairs, Scratch};
pub use layout::{FlowSplat, FrameStatus, SLOT, SplatRow, Times};
pub use lens::{LENSES, LensVariant, TILE, View};
pub use options::{Channel, RenderOptions, Rendered};
pub use present::{DisplayMode, Presenter};
pub use preview::{DELETED, PreviewModel, PreviewSettings, SELECTED, SplatStyle};
pub use probe::{Contribution, PixelParts, Probe};
pub use rasterize::{FOLD_BATCH, FoldSlots, LaneForm};
pub use renderer::Renderer;
pub use scene_view::{NEAR, SceneView, blending_weights, frame, middle};

use crate::gpu::Declaration;

/// The kernels of this room, by file.
pub const DECLARATIONS: &[&[Declaration]] = &[
    project::DECLARATIONS,
    bin::DECLARATIONS,
    rasterize::DECLARATIONS,
    flow::DECLARATIONS,
    camera_gradient::DECLARATIONS,
    present::DECLARATIONS,
    probe::DECLARATIONS,
    preview::DECLARATIONS,
];
