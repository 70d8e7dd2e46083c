//! Captures: posed images from COLMAP, NeRF (Blender), nerfstudio, instant-ngp, Nerfies and LLFF folders, undistorted when
//! loaded.
//!
//! [`Capture::open`] reads poses, lenses and image headers. [`Capture::load`] decodes one photo, [`Capture::load_flow`] the
//! optical flow from it to the next or previous frame of its camera. A [`PhotoCache`] keeps decoded photos within a
//! memory budget.

mod assemble;
mod blank;
mod block;
mod cache;
mod capture;
mod centre;
mod check;
mod colmap;
mod colmap_binary;
mod colmap_model;
mod colmap_text;
mod colour;
mod exif;
mod facts;
mod find;
mod flow;
pub mod flow_io;
mod images;
mod lens;
mod llff;
mod load;
mod masks;
mod nerf_json;
mod nerfies;
pub mod npy;
mod open;
mod panoptic;
mod part;
pub mod pictures;
mod reduce;
mod source;
mod stated;
mod timeline;
mod undistort;
mod videos;

pub use assemble::LEAST_SIDE;
pub use block::{BLOCK, Block, BlockFile, Cell};
pub use cache::{Item, PhotoCache};
pub use capture::{Capture, CaptureOptions, Coverage, Direction, FlowChoice, FlowFile, Photo, Shot, Split, Unseen};
pub use facts::Facts;
pub use flow::{FlowTarget, flow_stem};
pub use lens::{Distortion, SourceLens};
pub use open::visit_tracks;

#[cfg(test)]
mod tests;
