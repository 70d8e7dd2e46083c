//! What tests share: the device, files, scenes, random numbers.

mod device;
pub mod files;
pub mod made;
pub mod moving;
pub mod random;

pub use device::{
    can_run, device_view, gpu, made_moments, read_moments, read_motion, read_rows, renderer, seen, training_renderer,
};
pub mod usdc;
