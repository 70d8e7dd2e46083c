//! Dapple: 3D Gaussian splatting, trained, viewed and exported on any GPU.

pub mod camera;
pub mod dataset;
pub mod scene;
pub mod synth;
