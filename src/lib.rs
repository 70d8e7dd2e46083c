//! Dapple: 3D Gaussian splatting, trained, viewed and exported on any GPU.

pub mod camera;
pub mod dataset;
pub mod gpu;
pub mod primitives;
pub mod scene;
