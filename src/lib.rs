//! Dapple: 3D Gaussian splatting, trained, viewed and exported on any GPU.

pub mod camera;
pub mod cli;
pub mod dataset;
pub mod format;
pub mod gpu;
pub mod model;
pub mod primitives;
pub mod render;
pub mod scene;
pub mod synth;
pub mod train;
